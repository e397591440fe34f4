#!/usr/bin/env bash
# Checks a GPU machine in under ten minutes and writes one JSON: the tests marked `gpu`, images a
# second beside PyTorch (if it is installed), memory per instance, hours of the whole paper.
#
#   pip install -e '.[cuda,test]'    # and torch, for the comparison
#   scripts/gpu_check.sh [--out FILE] [--no-tests] [--toy]
#
# With --toy it runs on any machine, at a size where the figures mean nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# JAX, PyTorch and the tests share the device's memory, so none of them may take it in advance.
export XLA_PYTHON_CLIENT_PREALLOCATE="${XLA_PYTHON_CLIENT_PREALLOCATE:-false}"
exec "${PYTHON:-python}" scripts/gpu_check.py "$@"
