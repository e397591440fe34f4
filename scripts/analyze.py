"""Analyse a trained ensemble: `python scripts/analyze.py runs/a --distance correlation`."""

import sys

from ensemble_rsa.cli.main import main

sys.exit(main(["analyze", *sys.argv[1:]]))
