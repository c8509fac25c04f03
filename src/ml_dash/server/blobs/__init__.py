"""Bytes of files, stored once under their SHA-256."""
