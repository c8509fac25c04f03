"""Run by an old release: its command line, with the arguments given."""

from __future__ import annotations

import sys

from ml_dash.cli import main

sys.exit(main(sys.argv[1:]))
