"""The command line of the release."""

import sys

from ml_dash.cli import main

sys.exit(main())
