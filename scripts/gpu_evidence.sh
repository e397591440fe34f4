#!/usr/bin/env bash
# Everything worth knowing on a borrowed GPU, in steps of at most nine minutes: the tests marked
# `gpu`, images a second beside PyTorch (if it is installed), precision of RDMs, memory, and then
# training at the scale `paper` for as long as it lasts. Each step leaves a JSON file in the folder,
# and the same command continues where the last one ended.
#
#   pip install -e '.[cuda,test]'    # and torch, for the comparison
#   TFDS_DATA_DIR=… scripts/gpu_evidence.sh [--out FOLDER] [--minutes 9] [--again] [--toy]
#
# With --toy it runs on any machine, at sizes where the figures mean nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# JAX, PyTorch and the tests share the device's memory, so none of them may take it in advance.
export XLA_PYTHON_CLIENT_PREALLOCATE="${XLA_PYTHON_CLIENT_PREALLOCATE:-false}"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" scripts/gpu_evidence.py "$@"
