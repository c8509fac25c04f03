"""The commands of ``ml-dash``: one module each, loaded when its command is called.

A module here defines ``command``, a click command, and holds no business of its own: it calls the
library that users can call. ``ml_dash.cli.COMMANDS`` lists the modules.
"""
