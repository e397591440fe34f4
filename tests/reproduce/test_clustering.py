"""Fig. S4: clustering index against consistency, layer by layer."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.figures.paper.clustering import draw_clustering_and_consistency
from ensemble_rsa.pipeline.results import with_intervals
from ensemble_rsa.reproduce.correlations import correlate
from ensemble_rsa.reproduce.experiments import clustering
from tests.reproduce.conftest import printed, stack_of

STATISTICS = StatisticsConfig(n_resamples=100)
INDEX = np.array([0.1, 0.15, 0.2, 0.22, 0.3, 0.35, 0.4, 0.45])
SHARED = np.array([0.95, 0.9, 0.87, 0.1, 0.7, 0.68, 0.6, 0.52])  # the fourth is far off the line


# of three instances, and of their pairs
BY_INSTANCE = INDEX[:, None] + 0.01 * (np.random.default_rng(0).random((8, 3)) - 0.5)
BY_PAIR = SHARED[:, None] + 0.01 * (np.random.default_rng(1).random((8, 3)) - 0.5)


def correlations(by_pair) -> xr.Dataset:
    return correlate(BY_INSTANCE, by_pair, np.ones(8, bool), "layer")


@pytest.mark.parametrize(
    ("seeds", "reason"),
    [
        ([4, 7], "fewer than three instances"),
        ([4, 7, 9], "not defined without one of the instances"),
    ],
)
def test_a_correlation_without_an_interval_says_why(seeds, reason):
    """RDMs of the first instance alone, or its pairs alone, differ between layers."""
    rng = np.random.default_rng(0)
    exemplar = np.broadcast_to(rng.random((1, len(seeds), 15)), (5, len(seeds), 15)).copy()
    exemplar[:, 0] = rng.random((5, 15))
    stack = stack_of([f"conv{i}" for i in range(5)], seeds, 0.5 + exemplar)
    found = clustering.findings(clustering.by_layer(stack, STATISTICS))[0]
    assert np.isfinite(found.value)
    assert found.note.endswith(f"; {reason}: no interval")
    assert (found.low, found.standard_error) == (None, None)


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    """Eight layers of three instances, of which the fourth layer is an outlier."""
    index = BY_INSTANCE
    pairs = xr.DataArray(
        BY_PAIR,
        dims=("layer", "instance_pair"),
        coords={"layer": [f"conv{i + 1}" for i in range(8)]},
    )
    found = with_intervals(pairs, STATISTICS).merge(correlations(BY_PAIR))
    name = "category_clustering_index"
    found[name] = (("layer", "instance"), index)
    for end, summary in (("mean", np.mean), ("low", np.min), ("high", np.max)):
        found[f"{name}_{end}"] = ("layer", summary(index, axis=1))
    return found.assign_attrs(n_resamples=100, confidence=0.95, seed=0)


def test_indices_of_instances_are_averaged_and_r_is_squared():
    # Layer 1: within 1 and across 3, or within 1 and across 2: indices 1/2 and 1/3. Of the average
    # RDM it would be 3/7. The other layers are there to have something to correlate.
    pairs = np.array([[1.0, 3, 3, 3, 3, 1], [1.0, 2, 2, 2, 2, 1]])
    others = np.random.default_rng(2).random((4, 2, 6)) + [1.0, 3, 3, 3, 3, 1]
    exemplar = np.concatenate([pairs[None], others])
    exemplar[1] = np.concatenate([pairs[:1], 5 - pairs[:1]])  # r = −1, r² = 1
    stack = stack_of("abcde", [0, 1], exemplar, labels="xxyy")
    found = clustering.by_layer(stack, STATISTICS)
    np.testing.assert_allclose(found.category_clustering_index[0], [1 / 2, 1 / 3])
    assert float(found.category_clustering_index_mean[0]) == pytest.approx(5 / 12)
    np.testing.assert_allclose(found.consistency[1], [1])
    # one point per layer: not one per instance or pair
    means = found.category_clustering_index_mean, found.consistency.mean("instance_pair")
    pearson = found.sel(estimator="pearson")
    assert float(pearson.correlation) == pytest.approx(np.corrcoef(*means)[0, 1])
    assert int(pearson.n_kept) == 5


def test_the_skipped_correlation_is_pearsons_of_the_other_layers(result):
    kept = np.arange(8) != 3
    np.testing.assert_array_equal(result.outlier.sel(estimator="skipped"), ~kept)
    expected = np.corrcoef(BY_INSTANCE.mean(1)[kept], BY_PAIR.mean(1)[kept])[0, 1]
    assert float(result.correlation.sel(estimator="skipped")) == pytest.approx(expected)
    assert float(result.correlation.sel(estimator="pearson")) > -0.5
    assert not result.outlier.sel(estimator=["percentage_bend", "pearson"]).any()


def test_the_interval_of_a_correlation_deletes_instances_and_keeps_its_layers(result):
    kept = np.arange(8) != 3
    z = []
    for gone in range(3):
        others = [i for i in range(3) if i != gone]
        pair = [(0, 1), (0, 2), (1, 2)].index((others[0], others[1]))
        index = BY_INSTANCE[:, others].mean(1)
        z.append(np.arctanh(np.corrcoef(index[kept], BY_PAIR[kept, pair])[0, 1]))
    skipped = result.sel(estimator="skipped")
    error = np.sqrt(2 / 3 * np.sum((z - np.mean(z)) ** 2))
    centre, reach = np.arctanh(float(skipped.correlation)), stats.t.ppf(0.975, 2) * error
    ends = [skipped.correlation_low, skipped.correlation_high]
    np.testing.assert_allclose(ends, np.tanh([centre - reach, centre + reach]))
    p = 2 * stats.t.sf(abs(centre) / error, 2)
    assert float(skipped.correlation_p) == pytest.approx(p)


def test_findings_are_the_papers_number_and_its_sign(result):
    rows = clustering.findings(result)
    number = rows[0]
    assert {number.quantity} == printed("s4")
    assert number.value == float(result.correlation.sel(estimator="skipped"))
    assert number.interval == "jackknife over instances"
    assert "7 layers, outliers left out: conv4" in number.note
    (minus,) = (row for row in rows if row.effect)
    assert (minus.value, minus.low, minus.high) == (-number.value, -number.high, -number.low)
    assert minus.low < minus.value < minus.high
    assert minus.p == number.p


def test_outliers_are_ringed_and_every_layer_has_both_intervals(result):
    axes, bar = draw_clustering_and_consistency(result).figure.axes
    points = next(c for c in axes.collections if c.get_label() == "layers").get_offsets()
    index = result.category_clustering_index_mean
    np.testing.assert_allclose(points, np.stack([index, result.consistency_mean], 1))
    rings = next(line for line in axes.lines if line.get_label() == "excluded (skipped r)")
    np.testing.assert_allclose(rings.get_xdata(), index[[3]])
    for label in ("pairs interval", "instances interval", "index interval"):
        assert sum(c.get_label() == label for c in axes.collections) == 8
    assert [tick.get_text() for tick in bar.get_yticklabels()] == result.layer.values.tolist()
    assert clustering.caption_values(result)["outliers"]


def test_layers_that_are_all_alike_have_no_correlation(result, tmp_path):
    flat = correlations(np.full((8, 3), 0.5))
    result.drop_vars(flat.data_vars).merge(flat).to_netcdf(tmp_path / "r.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as stored:  # as results are stored
        alike = stored.load()
    skipped, _, _, minus = clustering.findings(alike)
    assert np.isnan([skipped.value, minus.value]).all()
    assert (skipped.low, minus.low) == (None, None)
    reason = "y: expected values that differ, got 0.5 throughout"
    assert skipped.note == f"not defined: {reason}"
    assert clustering.caption_values(alike)["undefined"] == reason
    assert draw_clustering_and_consistency(alike).get_title("right") == "skipped r = –"


def test_each_correlation_has_its_own_reason():
    """Six of eight equal values are too many for percentage bend only."""
    found = correlations(np.repeat([[0.5]] * 6 + [[0.6], [0.7]], 3, axis=1))
    assert found.missing.sel(estimator="pearson") == ""
    assert np.isnan(found.correlation.sel(estimator="percentage_bend"))
    assert "percentage_bend" in found.missing.sel(estimator="percentage_bend").item()
