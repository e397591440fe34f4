"""What workers check and leave behind, without a cluster."""

import os
import subprocess
import sys

import numpy as np
import pytest

from ensemble_rsa.errors import RunError
from ensemble_rsa.interop.activation_files.source import from_files
from ensemble_rsa.pipeline.source_on_workers import _LAST, check_source, task_of
from ensemble_rsa.pipeline.worker_folder import check_shared, shared_folder


def test_tokens_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".token-of-a-killed-process").touch()
    with shared_folder(tmp_path) as shared:
        check_shared(shared)
        assert list(tmp_path.iterdir()) == [shared.file]
    assert not list(tmp_path.iterdir())


def test_copies_of_a_users_files_end_with_the_process(tmp_path):
    program = (
        "from ensemble_rsa.pipeline.worker_folder import Carried\n"
        "name = Carried('nets.py:Net', '/not/there/nets.py', 'Net = 1').here()\n"
        "print(open(name.removesuffix(':Net')).read())"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    words = [sys.executable, "-c", program]
    assert subprocess.run(words, env=environment, capture_output=True).stdout == b"Net = 1\n"
    assert not list(tmp_path.iterdir())


def test_a_worker_with_files_of_another_size_is_left_out(tmp_path):
    for seed in range(2):
        np.savez(tmp_path / f"seed{seed}.npz", fc=np.eye(6))
    task = task_of(from_files(tmp_path / "seed{instance}.npz"))
    check_source(task, print, bool)
    np.savez_compressed(tmp_path / "seed1.npz", fc=np.eye(6))
    _LAST.clear()  # as in the process of another worker
    with pytest.raises(RunError, match="files of other sizes"):
        check_source(task, print, bool)
    _LAST.clear()
