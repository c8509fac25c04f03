"""Talking to a server: one connection pool, one table of errors, the wire's shapes."""
