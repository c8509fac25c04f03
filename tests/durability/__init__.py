"""Acceptance tests of durability: what was accepted is on disk, however the process ends."""
