"""Several processes, on one machine or many, that train one ensemble in a shared folder.

Instances share nothing while they train, so processes need no coordinator: each trains some groups
of instances and reads the others from the folder once they are done. Each touches a file of its own
while it lives, so that nobody waits for one that has died; that one can be started again.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.errors import RunError

log = logging.getLogger(__name__)
SECONDS_PER_LOOK = 0.5
SECONDS_PER_SIGN = 20.0  # between two signs of life
PATIENCE = 600.0  # seconds without a sign of life (ours): network file systems are slow to show one
DONE = "done.json"


def mark_done(folder: Path) -> None:
    """Record that a group is trained."""
    files.write_json(folder / DONE, {})


@contextmanager
def sign_of_life(folder: Path, process: int) -> Iterator[None]:
    """Touch a file of this process in a run folder every 20 seconds, while the block runs."""
    sign, ended = _sign(folder, process), threading.Event()

    def touch() -> None:
        while not ended.wait(SECONDS_PER_SIGN):
            with suppress(OSError):  # a full disk is an error of training, not of this
                sign.touch()

    with suppress(OSError):
        sign.touch()
    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            sign.unlink(missing_ok=True)


def wait_for_file(path: Path, run: Path, process: int, n_processes: int) -> None:
    """Return once another process has written a file.

    Args:
        path: the file.
        run: the folder of the run.
        process: the number of the process that writes it.
        n_processes: how many processes train the run.

    Raises:
        RunError: that process has shown no sign of life for ten minutes.
    """
    sign = _sign(run, process)
    newest, since = None, time.monotonic()
    if not path.is_file():
        log.info("waiting for process %d of %d to write %s", process, n_processes, path)
    while not path.is_file():
        with suppress(OSError):
            # A change counts, whatever the clocks of other machines say.
            if (seen := sign.stat().st_mtime_ns) != newest:
                newest, since = seen, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            again = f"--out {run} --processes {n_processes} --process-id"
            resume = "--resume " if (run / "config.json").is_file() else ""
            raise RunError(
                f"processes: process {process} of {n_processes} has shown no sign of life for "
                f"{PATIENCE / 60:.0f} minutes, and {path} is not there; what is trained is stored: "
                f"start both again with `ensemble-rsa train {resume}{again} N` (N = {process} and "
                "the number of this one), with the same settings"
            )
        time.sleep(SECONDS_PER_LOOK)


def _sign(folder: Path, process: int) -> Path:
    return folder / f".alive-{process}"
