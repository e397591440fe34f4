"""Fig. 7: kinds of consistency, and the control by random categories."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from matplotlib.patches import Rectangle
from scipy import stats
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.random_categories import random_category_consistency
from ensemble_rsa.figures.paper.categories import draw_categories
from ensemble_rsa.reproduce.experiment import JACKKNIFE
from ensemble_rsa.reproduce.experiments import categories
from tests.reproduce.conftest import (
    by_quantity,
    consistencies,
    lines_of,
    printed,
    shared_variance,
    stack_of,
)

# three stimuli of a category are few, which is warned of
pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
LABELS = list("aaabbbccc")


def rdms_of(patterns, seeds, layer, metric="correlation"):
    """RDMs of `(instance, stimulus, unit)` in NumPy and SciPy."""
    labels = np.array(LABELS)
    means = np.stack([patterns[:, labels == c].mean(1) for c in "abc"], axis=1)
    exemplar, centroid = (np.array([[pdist(x, metric) for x in p]]) for p in (patterns, means))
    return stack_of([layer], seeds, exemplar, centroid, LABELS)


@pytest.fixture(scope="module")
def patterns():
    rng = np.random.default_rng(1)
    return (rng.random((9, 7)) + 0.5 * rng.random((4, 9, 7))).astype(np.float32)


@pytest.fixture(scope="module")
def measured(patterns, make_work):
    """Two layers of four instances; the one of seed 6 cannot be compared by Euclidean distance."""
    activations = xr.DataArray(
        patterns,
        dims=("instance", "stimulus", "unit"),
        coords={"seed": ("instance", [4, 5, 6, 7]), "category": ("stimulus", LABELS)},
    )

    def rdms(work, name, layers=None, distance="correlation"):
        if distance == "euclidean":
            assert layers == ["conv2"]
            return rdms_of(patterns[[0, 1, 3]], [4, 5, 7], "conv2", "euclidean")
        first = rdms_of(patterns**2, [4, 5, 6, 7], "conv1")
        return xr.concat([first, rdms_of(patterns, [4, 5, 6, 7], "conv2")], "layer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(categories, "rdms", rdms)
        of_layer = {"conv2": activations}
        patch.setattr(categories, "layer_patterns", lambda work, name, layer: of_layer[layer])
        return categories.measure(make_work(draws=20))


def test_kinds_by_hand():
    # Between two instances, distances within a agree, those within b and c are reversed.
    # Centroid distances 1, 2, 4 against 2, 1, 4 are not the means of the exemplars' distances.
    pairs = list(combinations(LABELS, 2))
    exemplar = np.full((1, 2, len(pairs)), 6.0)
    for label, values in (("a", [1, 2, 3]), ("b", [3, 2, 1]), ("c", [3, 2, 1])):
        own = [place for place, pair in enumerate(pairs) if pair == (label, label)]
        exemplar[0, 0, own], exemplar[0, 1, own] = [1, 2, 3], values
    centroid = np.array([[[1.0, 2, 4], [2.0, 1, 4]]])
    stack = stack_of(["conv1"], [0, 1], exemplar, centroid, LABELS)
    found = categories.kinds_of_consistency(stack, np.array(LABELS)).isel(layer=0)
    # Centred, centroid distances are (−4, −1, 5)/3 and (−1, −4, 5)/3: r = 33/42. Of nine distances
    # within, r = (2 − 2 − 2) / 6; category by category r² = 1.
    expected = [shared_variance(*exemplar[0]), (33 / 42) ** 2, 1 / 9, 1]
    np.testing.assert_allclose(found.values[:, 0], expected, rtol=1e-6)
    kinds = ["exemplar", "centroid", "within_category", "within_category_each"]
    assert found.kind.values.tolist() == kinds


def test_all_parts_are_of_the_same_instances(measured, patterns):
    kept = patterns[[0, 1, 3]]
    assert measured.attrs["seeds"].tolist() == [4, 5, 7]
    euclidean = rdms_of(kept, [4, 5, 7], "conv2", "euclidean").centroid.values[0]
    correlation = rdms_of(kept, [4, 5, 7], "conv2").centroid.values[0]
    last = measured.consistency.sel(kind="centroid", layer="conv2")
    np.testing.assert_allclose(last, consistencies(correlation), rtol=1e-6)
    by_euclidean = measured.euclidean_consistency.sel(kind="centroid")
    np.testing.assert_allclose(by_euclidean, consistencies(euclidean), rtol=1e-6)
    expected = random_category_consistency(kept, LABELS, 20, seed=0)
    np.testing.assert_allclose(measured.random_consistency, expected, atol=1e-9)


def test_every_printed_number_has_its_row_under_its_key(measured):
    rows = by_quantity(categories.findings(measured))
    assert printed("fig7") <= {quantity for quantity, row in rows.items() if not row.effect}
    centroid = measured.consistency.sel(kind="centroid", layer="conv2")
    number = rows["last-layer centroid consistency, correlation"]
    assert number.value == pytest.approx(float(centroid.mean()))
    assert number.low < number.value < number.high


def test_percentiles_are_over_draws_and_pairs_and_again_over_draw_means(measured):
    draws = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]])  # both means are 1/2
    changed = measured.drop_vars("random_consistency")
    changed["random_consistency"] = (("draw", "instance_pair"), draws)
    rows = by_quantity(categories.findings(changed))
    for share, of_all in (("2.5th", 0), ("97.5th", 1)):
        name = f"random-category consistency, {share} percentile"
        assert rows[name].value == pytest.approx(of_all)
        assert rows[f"{name} of draw means"].value == pytest.approx(0.5)


def test_percentiles_have_the_jackknife_interval_over_instances(measured):
    control = np.random.default_rng(3).uniform(0.2, 0.8, (40, 3))
    changed = measured.drop_vars("random_consistency")
    changed["random_consistency"] = (("draw", "instance_pair"), control)
    rows = by_quantity(categories.findings(changed))
    # pairs are (0, 1), (0, 2), (1, 2): without one instance, one pair is left; z is Fisher's of √r²
    fisher = lambda r2: np.arctanh(np.sqrt(r2))
    z = fisher(np.percentile(control, 97.5))
    without = fisher(np.percentile(control[:, [2, 1, 0]], 97.5, axis=0))
    half = stats.t.ppf(0.975, 2) * np.sqrt(2 / 3 * ((without - without.mean()) ** 2).sum())
    found = rows["random-category consistency, 97.5th percentile"]
    assert found.interval == JACKKNIFE
    assert (found.low, found.high) == pytest.approx(
        (np.tanh(max(z - half, 0)) ** 2, np.tanh(z + half) ** 2)
    )
    raw = np.percentile(control[:, [2, 1, 0]], 97.5, axis=0)
    expected = np.sqrt(2 / 3 * ((raw - raw.mean()) ** 2).sum())
    assert found.standard_error == pytest.approx(expected)


def test_effects_are_differences_in_the_papers_direction(measured):
    # first and last layer: exemplar, centroid, within categories pooled, and each
    course = np.repeat([[[0.9], [0.4]], [[0.9], [0.8]], [[0.8], [0.3]], [[0.7], [0.4]]], 3, axis=2)
    flat = measured.assign(
        consistency=measured.consistency.copy(data=course),
        euclidean_consistency=measured.euclidean_consistency.copy(data=course[:, 1]),
        random_consistency=0 * measured.random_consistency + 0.5,
    )
    effects = [row.value for row in categories.findings(flat) if row.effect]
    # centroid − exemplar twice; centroid − random; within, first − last; falls compared
    np.testing.assert_allclose(effects, [0.4, 0.4, 0.3, 0.5, 0.5 - 0.1])


def test_both_panels_show_the_numbers(measured):
    by_layer, control = draw_categories(measured).axes
    np.testing.assert_array_equal([*lines_of(by_layer).values()], measured.consistency_mean)
    bars = [b for c in control.containers for b in c if hasattr(b, "get_height")]
    assert sum(bar.get_height() for bar in bars) == pytest.approx(1)  # shares of draws and pairs
    lines = {line.get_label(): line.get_xdata()[0] for line in control.lines}
    for kind in ("exemplar", "centroid"):
        assert lines[kind] == float(measured.consistency_mean.sel(kind=kind, layer="conv2"))
    every = measured.random_consistency.values
    bands = [p for p in control.patches if isinstance(p, Rectangle) and p.get_height() == 1]
    for band, values in zip(bands, (every, every.mean(1)), strict=True):
        ends = [band.get_x(), band.get_x() + band.get_width()]
        np.testing.assert_allclose(ends, np.percentile(values, [2.5, 97.5]))
