"""How wide an interval will be with other numbers of instances and stimuli, from a pilot.

For consistency; `ensemble_rsa.analysis.inference.planning` is for evaluations. The mean r² of n
instances for m stimuli varies with the instances and with the stimuli. Its variance has six
components, each the covariance of the r² of two instance pairs: of one pair with itself (`pair`),
of two that share an instance (`instance`), of two that share none. Those of the instances hold for
very many stimuli; those of the stimuli are per stimulus, and what pairs without a common instance
share is the effect of the stimuli themselves. With h(a, b) = (4 (n − 2) a + 2 b) / (n (n − 1))
(Hoeffding 1948, doi:10.1214/aoms/1177730196),

    variance = h(instance, pair) + (stimulus + h(instance × stimulus, pair × stimulus)) / m.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.special import stdtrit

from ensemble_rsa.analysis.bootstrap.jackknife import FEWEST, TRANSFORMATIONS
from ensemble_rsa.analysis.inference.planning import (
    around,
    numbers_of,
    plan_evaluation,
    power_of_t,
)
from ensemble_rsa.arrays import ArrayLike, check_confidence, check_instance_rdms, is_number
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.numerics import pair_indices, standardised
from ensemble_rsa.rdm.compare import ComparisonName, compare_pairs

INSTANCES = (3, 5, 10, 15, 20, 30, 50)  # ours
FEWEST_STIMULI = 4  # after one is deleted, three distances are left
_LARGEST = 0.999_999  # r², where the derivative of Fisher's z is finite


@dataclass(frozen=True)
class Components:
    """Components of the variance of mean r²; all `(...)`, float64, and 0 where negative.

    Attributes:
        instance: covariance of pairs that share an instance, for very many stimuli.
        pair: variance of a pair, for very many stimuli.
        stimulus: per stimulus, what all pairs share.
        instance_stimulus: per stimulus, covariance of pairs that share an instance beyond that.
        pair_stimulus: per stimulus, variance of a pair beyond that.
        clipped: number of components whose estimate was negative.
    """

    instance: Float[np.ndarray, "..."]
    pair: Float[np.ndarray, "..."]
    stimulus: Float[np.ndarray, "..."]
    instance_stimulus: Float[np.ndarray, "..."]
    pair_stimulus: Float[np.ndarray, "..."]
    clipped: np.ndarray


def plan(
    rdms: ArrayLike,
    reference: ArrayLike | None = None,
    *,
    instances: Sequence[int] = INSTANCES,
    stimuli: Sequence[int] | None = None,
    subjects: Sequence[int] | None = None,
    difference: float = 0.05,
    confidence: float = 0.95,
    comparison: ComparisonName | None = None,
) -> xr.Dataset:
    """Expected interval of consistency, or of an evaluation, at other numbers of instances.

    Args:
        rdms: the pilot, `(..., instance, stimulus_pair)`, of three instances or more; its stimuli
            stand for others of their kind. Components from fewer than about ten instances are
            rough.
        reference: RDMs of subjects, `(subject, stimulus_pair)`, for a plan of `evaluate`; None for
            one of consistency.
        instances: numbers of instances.
        stimuli: numbers of stimuli; None for half, once, twice and four times those of the pilot.
        subjects: numbers of subjects, with a reference; None likewise.
        difference: for the power; of mean r² between two groups, or with a reference between the
            mean similarity and a fixed value, such as zero.
        confidence: of the intervals, and 1 − the level of the test.
        comparison: with a reference, how RDMs are compared, as in `evaluate`; None for `"rho_a"`.

    Returns:
        Without a reference:
        `consistency (...)`, the mean r² of the pilot; the components of `Components`, which are
        `(...)` too; and, with the dimensions `n_instances, n_stimuli` after those of the RDMs,
        `standard_error` and `width` over other networks and other stimuli,
        `standard_error_instances` and `width_instances` over other networks with these stimuli, and
        `power`, to find
        `difference` between the means of two groups of so many instances each that see the same
        stimuli, by a two-sided t test. Widths are those of the jackknife on Fisher's z, with
        Student's t of n − 1 degrees of freedom.
        With a reference: `similarity (...)`, the mean of the pilot; `component_variance
        (component, ...)`; and, with the dimensions `n_instances, n_subjects, n_stimuli`,
        `standard_error`, `width` and `power` with all three random, by Student's t as in
        `evaluate`.

    Raises:
        InputError: as `consistency`, or `evaluate`; fewer than three instances or four stimuli, in
            the pilot or in the plan, or with a reference than `evaluate` needs; `subjects` or
            `comparison` without a reference; a difference that is not above 0 and below 1; a
            confidence outside (0, 1).

    >>> pilot = np.arange(45.0) + 20 * np.random.default_rng(0).random((4, 45))
    >>> found = plan(pilot, instances=[5, 10], stimuli=[10, 20, 40])
    >>> dict(found.width.sizes), bool((found.width.diff("n_instances") < 0).all())
    ({'n_instances': 2, 'n_stimuli': 3}, True)
    """
    array, n_pilot_stimuli = check_instance_rdms("rdms", rdms, FEWEST)
    if n_pilot_stimuli < FEWEST_STIMULI:
        raise InputError(
            f"rdms: expected {FEWEST_STIMULI} stimuli or more for a plan, got {n_pilot_stimuli}"
        )
    check_confidence("confidence", confidence)
    if not is_number(difference) or not 0 < difference < 1:
        raise InputError(
            f"difference: expected a number above 0 and below 1, got {shown(difference)}"
        )
    leading = array.shape[:-2]
    dims, coords = _leading_axes(rdms, leading)
    if reference is not None:
        numbers = {"instances": instances, "subjects": subjects, "stimuli": stimuli}
        return plan_evaluation(
            rdms, reference, n_pilot_stimuli, numbers, (dims, coords), difference, confidence,
            comparison or "rho_a",
        )  # fmt: skip
    for name, given in (("subjects", subjects), ("comparison", comparison)):
        if given is not None:
            raise InputError(f"{name}: expected a reference with it, got {shown(given)} only")
    compare_pairs("rdms", array, "pearson_squared")  # refuses constant RDMs
    if stimuli is None:
        stimuli = around(n_pilot_stimuli, FEWEST_STIMULI)
    ns = np.array(numbers_of("instances", instances, FEWEST))
    ms = np.array(numbers_of("stimuli", stimuli, FEWEST_STIMULI))
    stacks = [np.asarray(array[place], np.float64) for place in np.ndindex(*leading)]
    parts = [_of_one(stack, n_pilot_stimuli) for stack in stacks]
    mean = np.reshape([part[0] for part in parts], leading)
    components = Components(
        *(np.reshape(each, leading) for each in zip(*(part[1] for part in parts), strict=True))
    )
    grid = (*dims, "n_instances", "n_stimuli")
    found = xr.Dataset(
        {"consistency": (dims, mean)}
        | {part.name: (dims, getattr(components, part.name)) for part in fields(components)},
        {**coords, "n_instances": ns, "n_stimuli": ms},
        {
            "pilot_instances": array.shape[-2],
            "pilot_stimuli": n_pilot_stimuli,
            "difference": float(difference),
            "confidence": float(confidence),
        },
    )
    n, m = ns[:, None].astype(float), ms[None].astype(float)
    whole, own = (np.sqrt(variance(components, n, m, fixed)) for fixed in (False, True))
    dof = np.broadcast_to(2 * (n - 1), own.shape)
    power = power_of_t(difference, np.sqrt(2) * own, dof, confidence)
    return found.assign(
        standard_error=(grid, whole),
        width=(grid, width(mean[..., None, None], whole, n, confidence)),
        standard_error_instances=(grid, own),
        width_instances=(grid, width(mean[..., None, None], own, n, confidence)),
        power=(grid, power),
    )


def variance(
    components: Components, n: np.ndarray, m: np.ndarray, fixed_stimuli: bool = False
) -> Float[np.ndarray, "... n m"]:
    """The variance of mean r² of n instances and m stimuli, for other networks.

    For other stimuli too, unless `fixed_stimuli`. Axes of n and m follow those of the components.
    """
    c = {part.name: getattr(components, part.name)[..., None, None] for part in fields(components)}
    mix = lambda instance, pair: (4 * (n - 2) * instance + 2 * pair) / (n * (n - 1))
    stimulus = 0 if fixed_stimuli else c["stimulus"] / m
    return (
        mix(c["instance"], c["pair"])
        + mix(c["instance_stimulus"], c["pair_stimulus"]) / m
        + stimulus
    )


def width(
    mean: np.ndarray, error: np.ndarray, n: np.ndarray, confidence: float
) -> Float[np.ndarray, "..."]:
    """The width of the interval of a mean r² with this standard error, from n instances."""
    forward, back = TRANSFORMATIONS["shared_variance"]
    mean = np.clip(mean, 1e-6, _LARGEST)
    slope = 1 / (2 * np.sqrt(mean) * (1 - mean))  # of z = artanh √u
    reach = stdtrit(n - 1, (1 + confidence) / 2) * error * slope
    z = forward(mean)
    return np.asarray(back(z + reach) - back(z - reach))


def _of_one(rdms: Float[np.ndarray, "instance stimulus_pair"], m: int) -> tuple[float, tuple]:
    """Mean r² and the components of one ensemble."""
    n = len(rdms)
    shared, without = _shared_variances(rdms, m)
    off = ~np.eye(n, dtype=bool)
    pair, instance, apart = _products(np.where(off, shared, 0)[None])
    of_instances = np.array([instance - apart, pair - apart])
    pseudo = m * shared - (m - 1) * without  # of each stimulus
    deviations = np.where(off, pseudo - pseudo.mean(0), 0)
    pair, instance, apart = _products(deviations) * (m / (m - 1))
    per_stimulus = np.array([apart, instance - apart, pair - apart])
    of_instances -= per_stimulus[1:] / m
    found = np.concatenate([of_instances, per_stimulus])
    clipped = np.maximum(found, 0)
    return float(shared[off].mean()), (*clipped, int((found < 0).sum()))


def _products(values: Float[np.ndarray, "k n n"]) -> Float[np.ndarray, "3"]:
    """Mean products of the values of two pairs: the same pair, one instance shared, none.

    Of three instances no two pairs share none; values are then taken to be sums of a term for each
    of their two instances. The diagonals are 0.
    """
    n = values.shape[-1]
    squares, rows = (values**2).sum((-2, -1)), values.sum(-1)
    of_rows, total = (rows**2).sum(-1), rows.sum(-1)
    same = squares / (n * (n - 1))
    sharing = (of_rows - squares) / (n * (n - 1) * (n - 2))
    if n == 3:
        apart = 2 * sharing - same
    else:
        apart = (total**2 - 4 * of_rows + 2 * squares) / (n * (n - 1) * (n - 2) * (n - 3))
    return np.array([each.mean() for each in (same, sharing, apart)])


def _shared_variances(
    rdms: Float[np.ndarray, "instance stimulus_pair"], m: int
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "stimulus n n"]]:
    """r² of every two instances, for all stimuli and without each of them."""
    rows = np.asarray(standardised(rdms), np.float64)
    n, n_pairs = rows.shape
    square = np.zeros((n, m, m))
    square[:, *pair_indices(m)] = rows
    square += square.swapaxes(1, 2)
    of_stimulus = square.transpose(1, 0, 2)  # stimulus, instance, other stimulus
    sums = rows.sum(-1) - of_stimulus.sum(-1)  # (stimulus, instance)
    products = rows @ rows.T - of_stimulus @ of_stimulus.swapaxes(1, 2)
    whole = _r_squared(rows.sum(-1)[None], (rows @ rows.T)[None], n_pairs)[0]
    return whole, _r_squared(sums, products, n_pairs - (m - 1))


def _r_squared(
    sums: Float[np.ndarray, "k n"], products: Float[np.ndarray, "k n n"], n_pairs: int
) -> Float[np.ndarray, "k n n"]:
    means = sums / n_pairs
    covariance = products / n_pairs - means[:, :, None] * means[:, None, :]
    variances = np.einsum("kii->ki", covariance)
    return covariance**2 / (variances[:, :, None] * variances[:, None, :])


def _leading_axes(
    rdms: ArrayLike, leading: tuple[int, ...]
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Names and coordinates of the axes before instances; those of a DataArray keep theirs."""
    if isinstance(rdms, xr.DataArray):
        others = ("instance", "stimulus_pair", "stimulus", "stimulus_b")
        names = tuple(str(dim) for dim in rdms.dims if dim not in others)
        if len(names) == len(leading):
            return names, {name: rdms[name].values for name in names if name in rdms.coords}
    return tuple(f"axis_{i}" for i in range(len(leading))), {}
