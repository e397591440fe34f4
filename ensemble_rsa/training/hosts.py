"""Several processes, on one machine or many, that train one ensemble in a folder they all see.

Instances share nothing while they train, so processes need not talk to each other: each trains
some groups of instances, and reads those of the others from the folder once they are done.
"""

import time
from pathlib import Path

import jax

from ensemble_rsa import store

SECONDS_PER_LOOK = 0.5
DONE = "done.json"


def number() -> int:
    """Which process this is, from 0."""
    return jax.process_index()


def count() -> int:
    """How many processes there are."""
    return jax.process_count()


def mark_done(folder: Path) -> None:
    """Say that a group is trained."""
    store.write_json(folder / DONE, {"process": number()})


def wait_for(path: Path) -> None:
    """Return when another process has written a file.

    If that process dies, so does this one: JAX ends all processes of a job that lost one.
    """
    while not path.is_file():
        time.sleep(SECONDS_PER_LOOK)
