"""``python -m kinescale``: the command line."""

import sys

from kinescale.cli.main import main

sys.exit(main())
