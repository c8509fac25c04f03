"""Keeping a server's data well: collection of unused bytes, backups, checks."""
