"""Compatibility with ml-dash 0.6: its API, its folders and the scripts written for it."""
