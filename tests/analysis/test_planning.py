"""Plans, held against simulation, against known components, and against a loop."""

from itertools import combinations, permutations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from ensemble_rsa.analysis.planning import plan
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices

N_MANY, N_STIMULI, N_FEATURES = 120, 40, 8


def networks(rng, n, features):
    """RDMs of networks that are linear maps of features of stimuli, some farther from the mean."""
    far = 0.35 * np.exp(0.5 * rng.normal(size=(n, 1, 1)))
    maps = np.eye(N_FEATURES) + far * rng.normal(size=(n, N_FEATURES, N_FEATURES))
    upper = pair_indices(len(features))
    return np.array([1 - np.corrcoef(features @ each)[upper] for each in maps])


def mean_r2(rdms):
    return np.mean(np.corrcoef(rdms)[np.triu_indices(len(rdms), 1)] ** 2)


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(N_STIMULI, N_FEATURES))
    return networks(rng, N_MANY, features)


def test_networks_drawn_from_a_large_ensemble_spread_as_predicted(many, rng):
    found = plan(many, instances=[5, 10, 20, 30], stimuli=[N_STIMULI])
    shared = np.corrcoef(many) ** 2
    for n in found.n_instances.values:
        means = []
        for _ in range(800):
            drawn = shared[np.ix_(*2 * [rng.choice(N_MANY, n, replace=False)])]
            means.append((drawn.sum() - n) / (n * (n - 1)))
        actual = np.std(means) / np.sqrt(1 - n / N_MANY)  # of a finite ensemble
        predicted = float(found.standard_error_instances.sel(n_instances=n).item())
        assert predicted == pytest.approx(actual, rel=0.2)


@pytest.mark.parametrize(("n", "m"), [(5, 20), (15, 30)])
def test_new_networks_and_new_stimuli_spread_as_predicted(many, rng, n, m):
    means = [mean_r2(networks(rng, n, rng.normal(size=(m, N_FEATURES)))) for _ in range(300)]
    found = plan(many, instances=[n], stimuli=[m])
    assert found.standard_error.item() == pytest.approx(np.std(means), rel=0.2)


def test_the_components_are_covariances_of_pairs_by_a_loop(rng):
    rdms = rng.random((5, 15)) + rng.random(15)
    pairs = list(combinations(range(5), 2))
    kept = [
        [k for k, pair in enumerate(combinations(range(6), 2)) if i not in pair] for i in range(6)
    ]
    shared = np.array([np.corrcoef(rdms[list(p)])[0, 1] ** 2 for p in pairs])
    without = [[np.corrcoef(rdms[list(p)][:, k])[0, 1] ** 2 for p in pairs] for k in kept]
    pseudo = 6 * shared - 5 * np.array(without)

    def products(values):
        """Mean products of a pair with itself, and of two that share one instance, or none."""
        found = [[], [], []]
        for a, b in [*permutations(range(10), 2), *((a, a) for a in range(10))]:
            found[2 - len({*pairs[a]} & {*pairs[b]})].append(np.mean(values[:, a] * values[:, b]))
        return np.array([np.mean(each) for each in found])

    pair, instance, apart = products(shared[None])
    of_stimuli = products(pseudo - pseudo.mean(0)) * 6 / 5
    expected = {
        "instance": instance - apart - (of_stimuli[1] - of_stimuli[2]) / 6,
        "pair": pair - apart - (of_stimuli[0] - of_stimuli[2]) / 6,
        "stimulus": of_stimuli[2],
        "instance_stimulus": of_stimuli[1] - of_stimuli[2],
        "pair_stimulus": of_stimuli[0] - of_stimuli[2],
    }
    found = plan(rdms)
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(max(value, 0), rel=1e-4, abs=1e-6)
    assert int(found.clipped) == sum(value < 0 for value in expected.values())


def test_width_and_power_are_those_of_t(many):
    found = plan(many[:8], instances=[8], stimuli=[N_STIMULI], difference=0.1, confidence=0.9)
    error, u = found.standard_error_instances.item(), float(found.consistency)
    z, slope = np.arctanh(np.sqrt(u)), 1 / (2 * np.sqrt(u) * (1 - u))
    reach = stats.t.ppf(0.95, 7) * error * slope
    ends = np.tanh(np.maximum([z - reach, z + reach], 0)) ** 2
    assert found.width_instances.item() == pytest.approx(ends[1] - ends[0], rel=1e-6)
    beyond = stats.nct(14, 0.1 / (np.sqrt(2) * error))
    limit = stats.t.ppf(0.95, 14)
    assert found.power.item() == pytest.approx(beyond.sf(limit) + beyond.cdf(-limit), rel=1e-6)


def test_axes_keep_their_names_and_three_networks_are_enough(rng):
    values = rng.random((2, 3, 15)) + rng.random(15)
    stack = xr.DataArray(values, dims=("layer", "instance", "stimulus_pair"))
    found = plan(stack.assign_coords(layer=["V1", "IT"]), instances=[4, 8], stimuli=[10])
    assert found.width.dims == ("layer", "n_instances", "n_stimuli")
    assert found.layer.values.tolist() == ["V1", "IT"]
    assert np.isfinite(found.width).all()
    alone = plan(values[1], instances=[4, 8], stimuli=[10])
    np.testing.assert_allclose(found.width.sel(layer="IT"), alone.width)
    assert plan(values).n_stimuli.values.tolist() == [4, 6, 12, 24]


R = np.arange(30.0).reshape(3, 10) ** 2 % 7


@pytest.mark.parametrize(
    ("rdms", "arguments", "message"),
    [
        (R[:2], {}, "rdms: expected shape .*at least three instances"),
        (R[:, :3], {}, "rdms: expected 4 stimuli or more for a plan, got 3"),
        (R, {"instances": [2, 5]}, "instances: expected a whole number of at least 3, got 2"),
        (R, {"stimuli": [3]}, "stimuli: expected a whole number of at least 4, got 3"),
        (R, {"instances": []}, "instances: expected one number or more, got none"),
        (R, {"difference": 0.0}, "difference: expected a number above 0 and below 1, got 0.0"),
        (R, {"confidence": 95.0}, "confidence: expected a number between"),
    ],
)
def test_wrong_input_is_named(rdms, arguments, message):
    with pytest.raises(InputError, match=message):
        plan(rdms, **arguments)


def similarities(rng, n, n_subjects, features):
    """Mean Pearson correlation of networks with subjects, who see the features through noise."""
    subjects = [features + 0.7 * rng.normal(size=features.shape) for _ in range(n_subjects)]
    upper = pair_indices(len(features))
    people = np.array([1 - np.corrcoef(each)[upper] for each in subjects])
    return networks(rng, n, features), people


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_subjects", "m"), [(4, 20, 25), (12, 5, 40)])
def test_evaluations_spread_as_predicted(rng, n, n_subjects, m):
    def mean(n, n_subjects, m):
        nets, people = similarities(rng, n, n_subjects, rng.normal(size=(m, N_FEATURES)))
        return np.corrcoef(nets, people)[:n, n:].mean()

    actual = np.std([mean(n, n_subjects, m) for _ in range(300)])
    pilots = [similarities(rng, 20, 20, rng.normal(size=(60, N_FEATURES))) for _ in range(4)]
    options = {"instances": [n], "subjects": [n_subjects], "stimuli": [m], "comparison": "pearson"}
    predicted = [plan(*pilot, **options).standard_error.item() for pilot in pilots]
    assert np.mean(predicted) == pytest.approx(actual, rel=0.2)


def test_the_interval_and_power_of_an_evaluation_by_hand(rng):
    shared = rng.random(45)
    nets, people = (shared + rng.random((n, 45)) for n in (4, 5))
    numbers = {"instances": [6], "subjects": [8], "stimuli": [20]}
    found = plan(nets, people, **numbers, difference=0.3, comparison="pearson")
    variances = dict(zip(found.component.values, found.component_variance.values, strict=True))
    counts = {"instances": 6, "subjects": 8, "stimuli": 20}

    def mean_square(*names):
        """Sum of the components that contain the factors, each over the number of its levels."""
        of_mean = [
            value / np.prod([counts[each] for each in key.split(" × ")])
            for key, value in variances.items()
            if {*names} <= {*key.split(" × ")}
        ]
        return sum(of_mean)

    subsets = [s for k in (1, 2, 3) for s in combinations(counts, k)]
    total = mean_square()
    lower = sum(mean_square(*s) ** 2 / np.prod([counts[each] - 1 for each in s]) for s in subsets)
    dof = max(total**2 / lower, 5)
    assert found.standard_error.item() == pytest.approx(np.sqrt(total))
    assert found.width.item() == pytest.approx(2 * stats.t.ppf(0.975, dof) * np.sqrt(total))
    law = stats.nct(dof, 0.3 / np.sqrt(total))
    limit = stats.t.ppf(0.975, dof)
    assert found.power.item() == pytest.approx(law.sf(limit) + law.cdf(-limit))


def test_a_constant_rdm_is_refused_as_by_consistency(rng):
    rdms = rng.random((4, 45))
    rdms[0] = 0.3
    rdms[0, ::2] = 0.1 + 0.2  # differs from 0.3 by rounding
    with pytest.raises(InputError, match="rdms: expected distances that differ by more than"):
        plan(rdms)


def test_subjects_need_a_reference(rng):
    rdms = rng.random((4, 45))
    with pytest.raises(InputError, match="subjects: expected a reference with it"):
        plan(rdms, subjects=[5])
    with pytest.raises(InputError, match="comparison: expected a reference with it"):
        plan(rdms, comparison="spearman")
    with pytest.raises(InputError, match="subjects: expected a whole number of at least 3"):
        plan(rdms, rdms, subjects=[2], comparison="pearson")
