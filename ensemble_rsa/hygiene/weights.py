"""Findings on the weights of an ensemble: twins, other networks, untrained ones, broken ones.

Each instance is read once and reduced to a sketch. The thresholds are ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.hygiene.finding import Finding, Severity, some
from ensemble_rsa.hygiene.initial import all_look_drawn, statistics_at_start
from ensemble_rsa.hygiene.tensors import TensorSketch

# Two independent draws of 64 weights have |r| > .99 with a probability below 10^-50, whereas
# weights that were trained from one start, or on from one network, often have it. Vectors are left
# out: biases and scales of different networks can be alike, since they depend on the categories.
CORRELATED, FEWEST_VALUES = 0.99, 64
# Tensors that all instances share are taken for fixed ones (such as positional codes) if they are
# at most this share of the weights.
FIXED_SHARE = 0.1
Sketches = Mapping[str, TensorSketch]


def check_seeds(source: ActivationSource, by_design: bool = False) -> list[Finding]:
    """Return findings on seeds that occur twice; `by_design` for a sweep, which repeats them."""
    severity: Severity = "note" if by_design else "warn"
    first: dict[int, Any] = {}
    found = []
    for instance, seed in zip(source.instances, source.seeds, strict=True):
        if seed in first:
            message = f"has the weight seed {seed} of instance {first[seed]}, so both begin alike"
            found.append(Finding(severity, instance, None, message))
        first.setdefault(seed, instance)
    return found


def check_weights(names: Sequence[Any], sketches: Sequence[Sketches]) -> list[Finding]:
    """Return findings on the weights of instances, of each of which there is a sketch."""
    return [
        *_not_finite(names, sketches),
        *_other_shapes(names, sketches),
        *_twins(names, sketches),
        *_untrained(names, sketches),
    ]


def _not_finite(names: Sequence[Any], sketches: Sequence[Sketches]) -> Iterator[Finding]:
    for name, own in zip(names, sketches, strict=True):
        if broken := [key for key, tensor in own.items() if not tensor.is_finite]:
            message = f"weights are NaN or infinite ({some(broken)}); leave this network out"
            yield Finding("refuse", name, None, message)


def _other_shapes(names: Sequence[Any], sketches: Sequence[Sketches]) -> Iterator[Finding]:
    """Instances whose tensors differ in number or shape from those of most others."""
    shapes = [{key: tensor.shape for key, tensor in own.items()} for own in sketches]
    usual = max(shapes, key=shapes.count)
    at = names[shapes.index(usual)]
    for name, here in zip(names, shapes, strict=True):
        if here == usual:
            continue
        if here.keys() != usual.keys():
            differing = [key for key in (*here, *usual) if (key in here) != (key in usual)]
            message = f"is another architecture than instance {at}: {some(differing)} in one only"
        else:
            differing = [key for key in here if here[key] != usual[key]]
            first, last = differing[0], list(here)[-1]
            message = (
                f"has tensors of other shapes than instance {at}: {first} is {here[first]} instead "
                f"of {usual[first]}" + (f", and {len(differing) - 1} more" * (len(differing) > 1))
            )
            if last in differing and len(differing) <= 2:
                message += "; was it trained on another number of categories?"
        yield Finding("warn", name, None, message)


def _twins(names: Sequence[Any], sketches: Sequence[Sketches]) -> Iterator[Finding]:
    """Instances that share weights with an earlier one, and what all instances share."""
    fixed = _shared_by_all(sketches)
    n_weights = sum(tensor.size for tensor in sketches[0].values())
    n_fixed = sum(sketches[0][key].size for key in fixed)
    digests = [{key: tensor.digest for key, tensor in own.items()} for own in sketches]
    identical = False
    for position, (name, own) in enumerate(zip(names, sketches, strict=True)):
        twin = digests.index(digests[position])
        if twin < position and own:
            identical = True
            message = f"has the weights of instance {names[twin]}; leave one of the two out"
            yield Finding("refuse", name, None, message)
            continue
        shared = [_shared(sketches[i], own, fixed) for i in range(position)]
        most = max(range(position), key=lambda i: len(shared[i]), default=0)
        if shared and shared[most]:
            alike, n_compared = shared[most], sum(map(_is_compared, own.values()))
            message = (
                f"{len(alike)} of {n_compared} tensors of weights are those of instance "
                f"{names[most]}, or correlate with them above {CORRELATED} ({some(alike)}), so the "
                "two are no independent instances"
            )
            yield Finding("warn", name, None, message)
    if fixed and not identical:
        some_only = n_fixed <= FIXED_SHARE * n_weights
        message = f"all instances have the same values in {some(fixed)}: " + (
            "fixed tensors, or a part that was not trained"
            if some_only
            else "they were trained on from one network, whose layers they still share"
        )
        yield Finding("note" if some_only else "warn", None, None, message)


def _is_compared(tensor: TensorSketch) -> bool:
    matrix = len(tensor.shape) > 1 and tensor.size >= FEWEST_VALUES
    return matrix and tensor.is_finite and not tensor.is_constant


def _shared_by_all(sketches: Sequence[Sketches]) -> list[str]:
    """Tensors with the same values in all of three instances or more."""
    first, *others = sketches
    if len(others) < 2:
        return []
    return [
        key
        for key, tensor in first.items()
        if _is_compared(tensor)
        and all(key in own and own[key].digest == tensor.digest for own in others)
    ]


def _shared(one: Sketches, other: Sketches, fixed: Sequence[str]) -> list[str]:
    """Tensors that are equal or nearly so in two instances, besides fixed ones."""
    alike = []
    for key, tensor in one.items():
        twin = other.get(key)
        if twin is None or twin.shape != tensor.shape or key in fixed:
            continue
        if not (_is_compared(tensor) and _is_compared(twin)):
            continue
        with np.errstate(all="ignore"):  # a sample may be constant
            r = np.corrcoef(tensor.sample, twin.sample)[0, 1]
        if tensor.digest == twin.digest or abs(r) > CORRELATED:
            alike.append(key)
    return alike


def _untrained(names: Sequence[Any], sketches: Sequence[Sketches]) -> Iterator[Finding]:
    for name, own in zip(names, sketches, strict=True):
        at_start, n_statistics = statistics_at_start(own)
        signs = []
        if n_statistics and len(at_start) == n_statistics:
            signs.append("its batch-norm statistics are those of an untrained network")
        elif at_start:
            message = f"the batch-norm statistics {some(at_start)} have never been updated"
            yield Finding("warn", name, None, message)
        if all_look_drawn(own):
            signs.append("all its weights have the spread that an initialiser draws them with")
        if signs:
            message = f"seems untrained: {' and '.join(signs)}"
            yield Finding("warn", name, None, message)
