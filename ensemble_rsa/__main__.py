"""`python -m ensemble_rsa` is `ensemble-rsa`."""

import sys

from ensemble_rsa.cli.main import main

sys.exit(main())
