"""Several processes, on one machine or many, that train one ensemble in a shared folder.

Instances share nothing while they train, so processes need no coordinator: each trains some groups
of instances and reads the others from the folder once they are done. One that dies can be started
again.
"""

import logging
import time
from pathlib import Path

from ensemble_rsa import files

log = logging.getLogger(__name__)
SECONDS_PER_LOOK = 0.5
LOOKS_PER_MESSAGE = 120
DONE = "done.json"


def mark_done(folder: Path) -> None:
    """Record that a group is trained."""
    files.write_json(folder / DONE, {})


def wait_for_file(path: Path) -> None:
    """Return once another process has written a file."""
    looks = 0
    while not path.is_file():
        if looks % LOOKS_PER_MESSAGE == 0:
            log.info("waiting for another process to write %s", path)
        looks += 1
        time.sleep(SECONDS_PER_LOOK)
