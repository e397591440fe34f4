"""RDMs, cocktail-blank removal and category centroids of whole stacks of activations."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays import (
    ArrayLike,
    LabelsLike,
    check_agreement,
    check_labels,
    stimuli_of_pairs,
)
from ensemble_rsa.errors import InputError, check_name
from ensemble_rsa.rdm.blocks import open_activations, refuse_not_finite, unit_blocks
from ensemble_rsa.rdm.distances import DISTANCES, PRECISIONS
from ensemble_rsa.rdm.measure import LARGEST_LENGTH, measure_array, measure_stream
from ensemble_rsa.rdm.noise_weighted import NOISE_DISTANCES, noise_weighted_rdm
from ensemble_rsa.rdm.sinks import InMemory, Sink

FLATTEN = "give flatten=True if these are maps of stimuli, one after the other, else flatten=False"


class ConstantPatternWarning(UserWarning):
    """Patterns without direction (constant, or all zero): their distances are set, not measured."""


def compute_rdm(
    activations: Any,
    distance: str = "correlation",
    precision: str = "float32",
    flatten: bool | None = None,
    noise: ArrayLike | None = None,
    stimuli: LabelsLike | None = None,
    folds: LabelsLike | None = None,
) -> Float[np.ndarray, "... stimulus_pair"]:
    """Distance between the activation patterns of every two stimuli.

    Correct to 1e-5 of the largest distance (`norm_difference`: to 1e-6 of the largest norm) against
    float64 on the same input, also when all activations share a large offset or all patterns are
    nearly equal. Beside the result, memory holds the inner products of the patterns and one block
    of units at a time. Works on the host: call it outside `jax.jit`.

    Args:
        activations: `(..., stimulus, unit)`: an array, or a data set on disk that has a shape, a
            dtype and slices (a memory map, h5py, zarr), which is read block by block. Or an
            iterator (a generator, or what `iter` returns; a list is an array) of blocks
            `(..., stimulus, unit)` that differ only in the number of units, for activations that
            are never in memory as a whole; its products are float64.
        distance: one of `DISTANCES`: `correlation` is 1 − Pearson's r, `cosine` 1 − cos,
            `euclidean` the true distance (not squared, not divided), `unit_euclidean` the same
            between patterns of unit length, `norm_difference` the difference of the lengths
            (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w, Fig. 5). For measurements with
            noise, such as those of brains, `"mahalanobis"` or `"crossnobis"`: squared distances
            over the number of units, as in rsatoolbox, with units weighted by the inverse of the
            noise covariance. Crossnobis is cross-validated: 0 on average for equal patterns, and
            negative in about half of such cases.
        precision: one of `PRECISIONS`: `float32`; `float64` for products and result, about twice
            as slow; `tensorfloat32`, with which an accelerator may round the factors of products
            to ten bits: faster there, without the accuracy above; on a CPU the same as `float32`.
        flatten: True for maps, such as `(stimulus, height, width, channel)`: all axes after the
            first are units. False or None for `(..., stimulus, unit)`; None warns of more than
            three axes without names.
        noise: for `"mahalanobis"` and `"crossnobis"`, the covariance of the noise `(unit, unit)`,
            or one for each position on the leading axes; not its inverse, the precision matrix,
            which rsatoolbox takes. `noise_covariance` estimates it. None, for crossnobis only,
            stands for independent noise of variance 1.
        stimuli: for the same two, the stimulus of each row of `activations`, which then are
            measurements, several of each stimulus. Stimuli are in sorted order. None, for
            Mahalanobis only: each row is a stimulus.
        folds: for crossnobis, the fold of each row, such as a run, session or repetition. The noise
            of different folds must be independent.

    Returns:
        `(..., stimulus_pair)`: each RDM in the order of `scipy.spatial.distance.pdist`, float32, or
        float64 where `precision` says so.
        Distances that are not above the rounding of the patterns, as those of patterns a·v with one
        v, are exactly 0: see `ensemble_rsa.rdm.rounding`.
        A constant pattern (for `cosine` and `unit_euclidean` an all-zero one) has no direction: its
        correlation or cosine distance to every other pattern is 1, its `unit_euclidean` √2.

    Raises:
        InputError: NaN or inf, fewer than two stimuli, wrong rank, unknown distance or precision,
            an iterator without blocks or with blocks of several shapes; for distances that need
            them, no noise, stimuli or folds, noise of another size or that is not a positive
            definite covariance, one fold, or a fold without some stimulus.

    Warns:
        ConstantPatternWarning: how many patterns had no direction.
        ReadingWarning: how four axes or more, or an iterator of equal blocks, were read.

    >>> activations = [[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]
    >>> compute_rdm(activations, "euclidean").tolist()
    [5.0, 4.0, 3.0]
    >>> two, one = [[0.0, 0.0], [0.0, 3.0], [0.0, 3.0]], [[0.0], [4.0], [0.0]]
    >>> compute_rdm(iter([two, one]), "euclidean").tolist()
    [5.0, 3.0, 4.0]
    >>> measured = [[1.0, 0.0], [0.0, 3.0], [2.0, 0.0], [0.0, 2.0]]
    >>> how = {"noise": [[1.0, 0.0], [0.0, 4.0]], "stimuli": list("abab"), "folds": [1, 1, 2, 2]}
    >>> compute_rdm(measured, "crossnobis", **how).tolist()  # (1 · 2 + 3 · 2 / 4) / 2
    [1.75]
    """
    check_name("distance", distance, (*DISTANCES, *NOISE_DISTANCES))
    check_name("precision", precision, PRECISIONS)
    if distance in NOISE_DISTANCES:
        rdms = noise_weighted_rdm(activations, distance, noise, stimuli, folds, flatten, FLATTEN)
        return rdms.astype(PRECISIONS[precision].result)
    for argument, given in (("noise", noise), ("stimuli", stimuli), ("folds", folds)):
        if given is not None:
            raise InputError(
                f"{argument}: expected None for the distance {distance!r}, got "
                f"{type(given).__name__}; it is for {' and '.join(NOISE_DISTANCES)}"
            )
    rdms, constant = rdm_and_constant_patterns(activations, distance, precision, flatten)
    if constant.any():
        kind = "constant" if DISTANCES[distance].centre else "all-zero"
        n_patterns = constant.size * stimuli_of_pairs("activations", rdms.shape[-1])
        warnings.warn(
            f"{constant.sum()} of {n_patterns} patterns are {kind}: "
            f"their {distance} distance to every other pattern is set, not measured",
            ConstantPatternWarning,
            stacklevel=2,
        )
    return rdms


def rdm_and_constant_patterns(
    activations: Any,
    distance: str = "correlation",
    precision: str = "float32",
    flatten: bool | None = False,
) -> tuple[Float[np.ndarray, "... stimulus_pair"], Int[np.ndarray, "..."]]:
    """`compute_rdm` without a warning: the RDMs, and how many patterns of each had no direction.

    The count is 0 for distances that need no direction.

    >>> rdm, constant = rdm_and_constant_patterns([[1.0, 1.0], [1.0, 2.0], [2.0, 1.0]])
    >>> rdm.tolist(), int(constant)
    ([1.0, 1.0, 2.0], 1)
    """
    check_name("distance", distance, DISTANCES)
    check_name("precision", precision, PRECISIONS)
    kind, exactness = DISTANCES[distance], PRECISIONS[precision]
    if isinstance(activations, Iterator):
        if flatten:
            raise InputError(
                "flatten: expected False for an iterator, whose blocks are (..., stimulus, unit); "
                "give .reshape(n_stimuli, -1) of each block, or all maps as one array"
            )
        rdms, constant = measure_stream(kind, exactness, activations)
    else:
        array = open_activations("activations", activations, 2, flatten, FLATTEN)
        leading, n_stimuli = tuple(array.shape[:-2]), array.shape[-2]
        rdms = np.empty((*leading, n_stimuli * (n_stimuli - 1) // 2), exactness.result)
        constant = np.zeros(leading, np.int64)
        for index in np.ndindex(leading):
            constant[index] = measure_array(kind, exactness, array, index, InMemory(rdms[index]))
    return rdms, constant


def write_rdm(activations: Any, distance: str, sink: Sink) -> int:
    """Write one RDM, of activations `(stimulus, unit)`; return how many patterns were constant.

    >>> sink = InMemory(np.empty(3, np.float32))
    >>> write_rdm(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]), "euclidean", sink)
    0
    >>> sink.out.tolist()
    [5.0, 4.0, 3.0]
    """
    check_name("distance", distance, DISTANCES)
    array = open_activations("activations", activations)
    return measure_array(DISTANCES[distance], PRECISIONS["float32"], array, (), sink)


def cocktail_blank(
    activations: Any, flatten: bool | None = None
) -> Float[np.ndarray, "... stimulus unit"]:
    """Activations minus each unit's mean over stimuli (cocktail-blank normalisation).

    Args:
        activations: `(..., stimulus, unit)`.
        flatten: as in `compute_rdm`.

    Returns:
        `(..., stimulus, unit)`: float32, a new array.

    Raises:
        InputError: NaN or inf, wrong rank.

    Warns:
        ReadingWarning: how four axes or more were read.

    >>> cocktail_blank([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    array = open_activations("activations", activations, 2, flatten, FLATTEN)

    def blanked(patterns: np.ndarray) -> np.ndarray:
        patterns = patterns - patterns[:1]  # close numbers subtract exactly, and equal ones give 0
        return patterns - patterns.mean(axis=0)

    return _by_blocks(array, array.shape[-2], blanked)


def centroids(
    activations: Any, labels: LabelsLike, flatten: bool | None = None
) -> Float[np.ndarray, "... category unit"]:
    """Mean activation pattern of each category: patterns are averaged, not distances.

    Args:
        activations: `(..., stimulus, unit)`, read in blocks as in `compute_rdm`.
        labels: the category of each stimulus.
        flatten: as in `compute_rdm`.

    Returns:
        `(..., category, unit)`: float32, averaged in float64; categories in sorted label order.

    Raises:
        InputError: NaN or inf, wrong rank, not one label per stimulus.

    Warns:
        ReadingWarning: how four axes or more were read.

    >>> centroids([[1.0, 2.0], [3.0, 4.0], [7.0, 8.0]], ["b", "b", "a"]).tolist()
    [[7.0, 8.0], [2.0, 3.0]]
    """
    check_agreement({"activations": activations, "labels": labels})
    array = open_activations("activations", activations, 1, flatten, FLATTEN)
    codes, categories = check_labels("labels", labels, array.shape[-2])
    membership = np.arange(categories.size)[:, None] == codes[None, :]
    weights = membership / membership.sum(axis=1, keepdims=True)
    return _by_blocks(array, categories.size, lambda patterns: weights @ patterns)


def _by_blocks(
    array: Any, n_rows: int, transform: Callable[[np.ndarray], np.ndarray]
) -> Float[np.ndarray, "... row unit"]:
    """Transform blocks of units in float64, and put the results together as float32."""
    leading, n_units = tuple(array.shape[:-2]), array.shape[-1]
    result = np.empty((*leading, n_rows, n_units), np.float32)
    for index in np.ndindex(leading):
        start = 0
        for block in unit_blocks(array, index):
            units = slice(start, start + block.shape[1])
            with np.errstate(all="ignore"):
                result[index][:, units] = transform(np.asarray(block, np.float64))
            start = units.stop
        if not np.isfinite(result[index]).all():
            refuse_not_finite("activations", array, index, LARGEST_LENGTH[np.float32])
    return result
