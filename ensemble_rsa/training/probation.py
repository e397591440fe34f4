"""Networks that cannot learn are found after a few epochs, and others are trained in their place.

With the rectifier behind the last layer of All-CNN (Mehrer et al. 2020,
doi:10.1038/s41467-020-19632-w), a network whose logits are zero for all images has no gradient, and
stays as it is. Of networks of the paper's size that was every second one. Training them to the end
before they are replaced would take twice as long.
"""

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.training.convergence import FIRST_EPOCHS, UnconvergedInstance
from ensemble_rsa.training.grouping import PROBATION, group_folder, remove_groups
from ensemble_rsa.training.loop import BegunGroup

log = logging.getLogger(__name__)
DRAWS_PER_INSTANCE = 3  # instances are replaced until so many seeds per instance have been drawn
FEWEST_EPOCHS = 10 * FIRST_EPOCHS  # of a training in which that is done
ROUNDING = 5e-6  # of the loss of equal logits, 20 steps of float32


@dataclass(frozen=True)
class Draw:
    """The weight seeds of all instances, and the instances that others have replaced."""

    seeds: tuple[int, ...]
    replaced: tuple[UnconvergedInstance, ...] = ()

    @property
    def left(self) -> int:
        """How many seeds may still be drawn."""
        return (DRAWS_PER_INSTANCE - 1) * len(self.seeds) - len(self.replaced)

    def again(self, gone: Sequence[UnconvergedInstance]) -> "Draw":
        """The draw with the next seeds in the place of these instances.

        >>> first = Draw((3, 4))
        >>> second = first.again([UnconvergedInstance(0, 3, "no luck")])
        >>> second.seeds, second.again([UnconvergedInstance(1, 4, "nor here")]).seeds, second.left
        ((5, 4), (5, 6), 3)
        """
        seeds = list(self.seeds)
        following = max(*self.seeds, *(one.seed for one in self.replaced), 0) + 1
        for number, one in enumerate(gone):
            seeds[one.instance] = following + number
        return Draw(tuple(seeds), (*self.replaced, *gone))


def replace_dead(
    draw: Draw,
    folder: Path,
    begin: Callable[[Draw], Sequence[BegunGroup]],
    n_categories: int,
) -> Draw:
    """Begin a training until all its instances can learn, as long as seeds may be drawn.

    Whenever some cannot, all groups begin anew, so that they are those of a training with the seeds
    that are returned. A training that was interrupted goes on where it was.

    Args:
        draw: of the configuration.
        folder: where states are stored.
        begin: trains the first epochs, from the newest states.
        n_categories: that logits are for.
    """
    record = folder / PROBATION
    if record.is_file():
        stored = files.read_json(record)
        gone = (UnconvergedInstance(**one) for one in stored["replaced"])
        draw = Draw(tuple(stored["seeds"]), tuple(gone))
        if stored["passed"]:
            return draw
    elif group_folder(folder, 0).exists():  # begun by a version that did not do this
        return draw
    while True:
        _write(record, draw, passed=False)
        gone = dead_instances(begin(draw), n_categories)[: draw.left]
        if not gone:
            _write(record, draw, passed=True)
            return draw
        new = draw.again(gone)
        instances = [one.instance for one in gone]
        log.warning(
            "seeds %s: all logits are zero for all training images after %d epochs, so that these "
            "networks cannot learn; seeds %s take their place, and the training begins again",
            ", ".join(str(one.seed) for one in gone),
            FIRST_EPOCHS,
            ", ".join(str(new.seeds[instance]) for instance in instances),
        )
        remove_groups(folder)  # first, since no state may be taken for that of another seed
        draw = new


def _write(record: Path, draw: Draw, passed: bool) -> None:
    files.write_json(record, {**dataclasses.asdict(draw), "passed": passed})


def dead_instances(groups: Sequence[BegunGroup], n_categories: int) -> list[UnconvergedInstance]:
    """Instances whose logits are zero for all training images, in the order of instances.

    All their predictions are the first category, and their loss was exactly ln n throughout an
    epoch. Networks that have not begun to learn have logits that differ.
    """
    reason = f"all logits are zero after {FIRST_EPOCHS} epochs: its loss is ln {n_categories}"
    return [
        UnconvergedInstance(instance, seed, reason)
        for begun in groups
        for instance, seed, loss, predicted in zip(
            begun.group.instances, begun.group.seeds, begun.loss, begun.predictions, strict=True
        )
        if abs(loss - math.log(n_categories)) < ROUNDING and not predicted.any()
    ]
