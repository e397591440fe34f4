"""Train an ensemble: `python scripts/train_ensemble.py --instances 4 --epochs 20 --out runs/a`."""

import sys

from ensemble_rsa.cli.main import main

sys.exit(main(["train", *sys.argv[1:]]))
