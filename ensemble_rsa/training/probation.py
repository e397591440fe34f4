"""Networks that cannot learn are found after a few epochs, and others are trained in their place.

With the rectifier behind the last layer of All-CNN (Mehrer et al. 2020,
doi:10.1038/s41467-020-19632-w), a network whose logits are zero for all images has no gradient, and
stays as it is. Of networks of the paper's size that was every second one. Training them to the end
before they are replaced would take twice as long.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.training.convergence import FIRST_EPOCHS, UnconvergedInstance
from ensemble_rsa.training.grouping import clear_group
from ensemble_rsa.training.loop import BegunGroup

log = logging.getLogger(__name__)
DRAWS_PER_INSTANCE = 3  # instances are replaced until so many seeds per instance have been drawn
FEWEST_EPOCHS = 10 * FIRST_EPOCHS  # of a training in which that is done
RECORDS = "replaced-*.json"  # with the number of the first group


@dataclass(frozen=True)
class Draw:
    """The weight seeds of all instances, and the instances that others have replaced.

    `taken` of the first instances were trained before: they stay, and no seed is drawn for them.
    """

    seeds: tuple[int, ...]
    replaced: tuple[UnconvergedInstance, ...] = ()
    taken: int = 0

    @property
    def left(self) -> int:
        """How many seeds may still be drawn."""
        most = (DRAWS_PER_INSTANCE - 1) * (len(self.seeds) - self.taken)
        return max(0, most - len(self.replaced))

    def replaceable(self, found: Sequence[UnconvergedInstance]) -> list[UnconvergedInstance]:
        """Those of these instances in whose place others may be trained.

        >>> both = [UnconvergedInstance(0, 3, "no luck"), UnconvergedInstance(1, 4, "nor here")]
        >>> [one.seed for one in Draw((3, 4), taken=1).replaceable(both)]
        [4]
        """
        return [one for one in found if one.instance >= self.taken][: self.left]

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
        return Draw(tuple(seeds), (*self.replaced, *gone), self.taken)


def replace_dead(
    draw: Draw, folder: Path, number: int, begin: Callable[[Draw], Sequence[BegunGroup]]
) -> Draw:
    """Begin the training of groups until all their instances can learn, or no seed is left.

    A group in which some cannot begins anew, with other seeds in their place. What was interrupted
    goes on where it was.

    Args:
        draw: before any of these groups was begun.
        folder: where the folders of groups are.
        number: of the first of these groups.
        begin: trains the first epochs of these groups with the seeds of a draw, from the newest
            states.

    Raises:
        RunError: a state of networks that were replaced cannot be removed.
    """
    record = folder / RECORDS.replace("*", f"{number:03d}")
    if record.is_file():
        stored = files.read_json(record)
        gone = (UnconvergedInstance(**one) for one in stored["replaced"])
        draw = Draw(tuple(stored["seeds"]), tuple(gone), draw.taken)
        _begin_anew(record, draw, stored["groups_to_clear"])
    while True:
        groups = begin(draw)
        gone = draw.replaceable(dead_instances(groups))
        if not gone:
            return draw
        instances = {one.instance for one in gone}
        new = draw.again(gone)
        log.warning(
            "seeds %s: all logits are zero for all training images after %d epochs, so that these "
            "networks cannot learn; seeds %s take their place",
            ", ".join(str(one.seed) for one in gone),
            FIRST_EPOCHS,
            ", ".join(str(new.seeds[one.instance]) for one in gone),
        )
        own = [begun.group for begun in groups if instances.intersection(begun.group.instances)]
        draw = new
        _begin_anew(record, draw, [group.folder.name for group in own if group.folder])


def _begin_anew(record: Path, draw: Draw, to_clear: Sequence[str]) -> None:
    """Store a draw, and let groups begin anew; where that is interrupted, it is repeated."""
    stored = dataclasses.asdict(draw)
    files.write_json(record, {**stored, "groups_to_clear": list(to_clear)})
    for name in to_clear:
        clear_group(record.parent / name)
    files.write_json(record, {**stored, "groups_to_clear": []})


def dead_instances(groups: Sequence[BegunGroup]) -> list[UnconvergedInstance]:
    """Instances of begun groups that cannot learn, in the order of groups."""
    reason = f"all logits are zero for all training images after {FIRST_EPOCHS} epochs"
    return [
        UnconvergedInstance(instance, seed, reason)
        for begun in groups
        for instance, seed, dead in zip(
            begun.group.instances, begun.group.seeds, begun.dead, strict=True
        )
        if dead
    ]
