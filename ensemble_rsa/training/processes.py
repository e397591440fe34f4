"""Several processes, on one machine or many, that train one ensemble in a folder they all see.

Instances share nothing while they train, so processes need not talk to each other: each trains
some groups of instances, and reads those of the others from the folder once they are done. That
needs no coordinator, and one that dies can be started again.
"""

import logging
import time
from pathlib import Path

from ensemble_rsa import files

log = logging.getLogger(__name__)
SECONDS_PER_LOOK = 0.5
LOOKS_PER_WORD = 120
DONE = "done.json"


def mark_done(folder: Path) -> None:
    """Say that a group is trained."""
    files.write_json(folder / DONE, {})


def wait_for_file(path: Path) -> None:
    """Return when another process has written a file."""
    looks = 0
    while not path.is_file():
        if looks % LOOKS_PER_WORD == 0:
            log.info("waiting for another process to write %s", path)
        looks += 1
        time.sleep(SECONDS_PER_LOOK)
