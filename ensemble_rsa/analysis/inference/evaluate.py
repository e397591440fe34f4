"""How well networks predict brains or behaviour: `evaluate`.

A sample of networks, of subjects and of stimuli stands for a population of each. `evaluate` says
how far the mean similarity of RDMs would change with other samples of any of them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.analysis.inference.ceiling import Ceiling, as_floats, ceiling_of
from ensemble_rsa.analysis.inference.components import Factors, variance_components
from ensemble_rsa.analysis.inference.covariances import (
    FACTORS,
    INSTANCES,
    STIMULI,
    SUBJECTS,
    all_covariances,
    within_covariances,
)
from ensemble_rsa.analysis.inference.result import Evaluation
from ensemble_rsa.analysis.inference.sampling import Sampler, as_table, resample_stimuli
from ensemble_rsa.analysis.inference.student import (
    Covariances,
    adjusted,
    differences_of,
    spread_of,
    spread_of_differences,
)
from ensemble_rsa.arrays import (
    ArrayLike,
    check_agreement,
    check_confidence,
    check_count,
    check_flag,
    check_rdms,
    check_varied,
)
from ensemble_rsa.arrays.rdms import Missing
from ensemble_rsa.errors import InputError, check_name, shown
from ensemble_rsa.rdm.compare import COMPARISONS, ComparisonName, compare_rows
from ensemble_rsa.rdm.missing import compare_rows_present, lacks_distances, report_missing

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Factor = Literal["instances", "subjects", "stimuli"]
else:
    Factor = str
LEAST_LEVELS = {INSTANCES: 3, SUBJECTS: 3, STIMULI: 5}  # of a random factor (ours)


def evaluate(
    rdms: ArrayLike,
    reference: ArrayLike,
    comparison: ComparisonName = "rho_a",
    over: Sequence[Factor] = FACTORS,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    paired: bool = True,
    missing: Missing = "refuse",
) -> Evaluation:
    """Return how similar RDMs of networks are to reference RDMs, and how sure that is.

    The result is the mean over instances and subjects of the similarity of two RDMs. Its variance
    combines bootstraps over all combinations of the random factors by inclusion and exclusion (see
    `ensemble_rsa.analysis.inference.components`), which for one instance is the dual bootstrap of
    Schütt et al. 2023 (doi:10.7554/eLife.82566). Bootstraps over instances and subjects are exact
    sums; only stimuli are drawn, and without resampling an RDM. Intervals and p are those of
    Student's t with Satterthwaite's degrees of freedom. A factor that is not in `over` is fixed:
    the result then holds for these instances, subjects or stimuli.

    Args:
        rdms: RDMs of networks `(..., instance, stimulus_pair)`; leading positions are layers,
            models or conditions, which are compared with each other.
        reference: RDMs of brains or behaviour, `(subject, stimulus_pair)`, of the same stimuli in
            the same order.
        comparison: how two RDMs are compared, as in `consistency`; `"rho_a"` (ours) does not
            favour models with ties.
        over: the factors that are random, any of `"instances"`, `"subjects"` and `"stimuli"`. A
            random factor needs three levels (stimuli: five).
        n_resamples: draws of stimuli (1000 is ours).
        confidence: nominal coverage of the intervals.
        seed: determines the draws of stimuli, which all leading positions share.
        paired: whether instance i is the same network at all leading positions, as for layers. If
            False, positions along the first axis, such as models, have instances of their own.
        missing: as in `consistency`. Where subjects lack stimuli or distances, their RDMs are
            compared over the others, in every resample too.

    Raises:
        InputError: other stimuli, NaN, a constant RDM, a random factor with too few levels, an
            unknown comparison or factor, no factor, fewer than two resamples, only degenerate
            resamples, or a confidence outside (0, 1).

    Warns:
        MissingDistancesWarning: how many distances RDMs have in common, where some are missing.

    >>> rng = np.random.default_rng(0)
    >>> shared = rng.random(45)
    >>> networks, people = shared + rng.random((4, 45)), shared + rng.random((5, 45))
    >>> result = evaluate(networks, people, "pearson", n_resamples=100)
    >>> result.similarity.shape, bool(result.low < result.mean < result.high)
    ((4, 5), True)
    """
    check_agreement({"rdms": rdms, "reference": reference})
    array, n_stimuli = check_rdms("rdms", rdms, 2, "(..., instance, stimulus_pair)", missing)
    subjects, n_expected = check_rdms(
        "reference", reference, 2, "(subject, stimulus_pair)", missing
    )
    if subjects.ndim != 2:
        raise InputError(
            f"reference: expected shape (subject, stimulus_pair), got {tuple(subjects.shape)}"
        )
    if n_stimuli != n_expected:
        raise InputError(
            f"reference: expected RDMs of {n_stimuli} stimuli as in rdms, got {n_expected}; "
            "select_stimuli takes those that are shared"
        )
    check_name("comparison", comparison, COMPARISONS)
    array, subjects = np.asarray(array), np.asarray(subjects)
    leading, n_instances = array.shape[:-2], array.shape[-2]
    levels: dict[str, int] = dict(
        zip(FACTORS, (n_instances, len(subjects), n_stimuli), strict=True)
    )
    factors = _checked_factors(over, levels)
    n_resamples = check_count("n_resamples", n_resamples, 2)
    confidence = check_confidence("confidence", confidence)
    if not check_flag("paired", paired) and not leading:
        raise InputError(
            "paired: expected True for a single group of instances, got False; it is about RDMs "
            "with a leading axis of models"
        )
    similarity = _similarity(array, subjects, comparison)
    array, subjects = as_floats(array), as_floats(subjects)
    apart = _apart(leading, paired)
    ceiling = as_table(_own(subjects, comparison), n_instances, COMPARISONS[comparison].square)
    tables = np.concatenate([similarity.reshape(-1, *similarity.shape[-2:]), ceiling])
    observed = within_covariances(tables[None], factors, apart)
    resampled, means, dropped = {}, None, 0
    if STIMULI in factors:
        rows = array.reshape(-1, array.shape[-1])
        sampler = Sampler(rows, subjects, n_stimuli, n_instances, comparison)
        resampled, means, dropped = resample_stimuli(sampler, factors, apart, n_resamples, seed)
    covariances = all_covariances(observed, resampled, means, factors)
    ceilings = ceiling_of(subjects, comparison), ceiling_of(array, comparison)
    return _result(similarity, covariances, levels, confidence, comparison, ceilings, dropped)


def _checked_factors(over: Any, levels: dict[str, int]) -> Factors:
    listed = [over] if isinstance(over, str) else over
    if not isinstance(listed, list | tuple) or not listed:
        raise InputError(f"over: expected one or more of {', '.join(FACTORS)}, got {shown(over)}")
    for each in listed:
        check_name("over", each, FACTORS)
    for each in FACTORS:
        if each in listed and levels[each] < LEAST_LEVELS[each]:
            raise InputError(
                f"over: {each} as a random factor need {LEAST_LEVELS[each]} or more, got "
                f"{levels[each]}; leave {each!r} out, so that the result holds for these only"
            )
    return tuple(each for each in FACTORS if each in listed)


def _similarity(
    rdms: np.ndarray, subjects: np.ndarray, comparison: ComparisonName
) -> Float[np.ndarray, "... instance subject"]:
    if lacks_distances(rdms) or lacks_distances(subjects):
        report_missing("rdms, reference", rdms, subjects)
        return compare_rows_present("rdms, reference", rdms, subjects, comparison)
    similarity = compare_rows(rdms, subjects, comparison)
    if np.isnan(similarity).any():
        for name, group in (("rdms", rdms), ("reference", subjects)):
            check_varied(name, compare_rows(group, None, comparison))
    return similarity


def _own(subjects: np.ndarray, comparison: ComparisonName) -> Float[np.ndarray, "subject subject"]:
    """Similarity, not squared, of every two subjects."""
    plain: Any = comparison.removesuffix("_squared")
    if lacks_distances(subjects):
        return compare_rows_present("reference", subjects, None, plain)
    return compare_rows(subjects, None, plain)


def _apart(leading: tuple[int, ...], paired: bool) -> Bool[np.ndarray, "position position"]:
    """Which positions, and last the ceiling, have other instances."""
    n = int(np.prod(leading))
    model = np.zeros(n + 1) if paired else np.append(np.indices(leading)[0].ravel(), -1)
    return model[:, None] != model


def _result(
    similarity: Float[np.ndarray, "... instance subject"],
    covariances: Covariances,
    levels: dict[str, int],
    confidence: float,
    comparison: ComparisonName,
    ceilings: tuple[Ceiling, Ceiling],
    dropped: int,
) -> Evaluation:
    """The result; the covariances are of the means of all positions, and last of the ceiling."""
    leading = similarity.shape[:-2]
    means = similarity.mean((-2, -1)).ravel()
    places, subject_ceiling = np.arange(len(means)), ceilings[0]
    spread = spread_of({each: c.diagonal()[:-1] for each, c in covariances.items()}, levels)
    reach, signed = spread.reach(confidence), COMPARISONS[comparison].signed
    p = spread.above(means) if signed else np.full(len(means), np.nan)
    lower = float(subject_ceiling.lower)
    to_ceiling = spread_of_differences(
        covariances, np.full_like(places, len(means)), places, levels
    )
    p_ceiling = to_ceiling.above(lower - means)
    of_positions = {each: c[:-1, :-1] for each, c in covariances.items()}
    shaped = lambda values: np.reshape(values, leading)
    shaped_squares = {each: shaped(square) for each, square in spread.squares.items()}
    return Evaluation(
        mean=shaped(means),
        sd=shaped(spread.sd),
        # cosines are below 0 only if distances are
        low=shaped(np.maximum(means - reach, -1.0 if signed or similarity.min() < 0 else 0.0)),
        high=shaped(np.minimum(means + reach, 1.0)),
        dof=shaped(spread.dof),
        p=shaped(p),
        p_adjusted=shaped(adjusted(p)),
        p_ceiling=shaped(p_ceiling),
        p_ceiling_adjusted=shaped(adjusted(p_ceiling)),
        components=variance_components(shaped_squares, levels),
        subject_ceiling=subject_ceiling,
        instance_ceiling=ceilings[1],
        share_of_ceiling=shaped(means / lower if lower > 0 else np.full(len(means), np.nan)),
        differences=differences_of(means, of_positions, levels, confidence),
        similarity=similarity,
        dropped=dropped,
    )
