"""Fig. S4: clustering index against consistency, layer by layer."""

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.figures.paper.clustering import draw_clustering_and_consistency
from ensemble_rsa.reproduce.experiments import clustering
from ensemble_rsa.reproduce.measures import with_intervals
from ensemble_rsa.reproduce.paper import NUMBERS

SETTINGS = StatisticsConfig(n_resamples=100)
INDEX = np.array([0.1, 0.15, 0.2, 0.22, 0.3, 0.35, 0.4, 0.45])
SHARED = np.array([0.95, 0.9, 0.87, 0.1, 0.7, 0.68, 0.6, 0.52])  # the fourth is far off the line


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    """Eight layers of three instances, of which the fourth layer is an outlier."""
    rng = np.random.default_rng(0)
    index = INDEX[:, None] + 0.01 * (rng.random((8, 3)) - 0.5)
    pairs = xr.DataArray(
        SHARED[:, None] + [-0.01, 0.0, 0.01],
        dims=("layer", "instance_pair"),
        coords={"layer": [f"conv{i + 1}" for i in range(8)]},
    )
    return (
        with_intervals(pairs, SETTINGS)
        .assign(
            index=(("layer", "instance"), index),
            index_mean=("layer", index.mean(1)),
            index_low=("layer", index.min(1)),
            index_high=("layer", index.max(1)),
        )
        .merge(clustering.correlate(INDEX, SHARED))
        .assign_attrs(n_resamples=100, confidence=0.95, seed=0)
    )


def test_indices_of_instances_are_averaged_and_r_is_squared():
    # Layer 1: within 1 and across 3, or within 1 and across 2: indices 1/2 and 1/3. Of the average
    # RDM it would be 3/7. The other layers are there to have something to correlate.
    pairs = np.array([[1.0, 3, 3, 3, 3, 1], [1.0, 2, 2, 2, 2, 1]])
    rng = np.random.default_rng(2)
    others = rng.random((4, 2, 6)) + [1.0, 3, 3, 3, 3, 1]
    turned = -pairs[:1] + 5  # r = −1 with the first, r² = 1
    exemplar = np.concatenate([pairs[None], others])
    exemplar[1] = np.concatenate([pairs[:1], turned])
    stack = xr.Dataset(
        {"exemplar": (("layer", "instance", "stimulus_pair"), exemplar)},
        coords={"layer": list("abcde"), "category": ("stimulus", list("xxyy"))},
    )
    found = clustering.by_layer(stack, SETTINGS)
    np.testing.assert_allclose(found["index"][0], [1 / 2, 1 / 3])
    assert float(found.index_mean[0]) == pytest.approx(5 / 12)
    np.testing.assert_allclose(found.consistency[1], [1])
    # one point a layer: not one for each instance, nor each pair
    expected = np.corrcoef(found.index_mean, found.consistency.mean("instance_pair"))[0, 1]
    assert float(found.r.sel(estimator="pearson")) == pytest.approx(expected)
    assert int(found.n_kept.sel(estimator="pearson")) == 5


def test_the_skipped_correlation_is_pearsons_of_the_other_layers(result):
    kept = np.arange(8) != 3
    np.testing.assert_array_equal(result.outlier.sel(estimator="skipped"), ~kept)
    expected = np.corrcoef(INDEX[kept], SHARED[kept])[0, 1]
    assert float(result.r.sel(estimator="skipped")) == pytest.approx(expected)
    assert float(result.r.sel(estimator="pearson")) > -0.5
    assert not result.outlier.sel(estimator=["percentage_bend", "pearson"]).any()


def test_the_paper_s_number_and_both_effects(result):
    rows = clustering.findings(result)
    printed = rows[0]
    assert (printed.figure, printed.quantity) in NUMBERS
    assert printed.value == pytest.approx(float(result.r.sel(estimator="skipped")))
    assert "7 layers, conv4 left out" in printed.note
    minus, rise = (row for row in rows if row.effect)
    assert (minus.value, minus.low, minus.high) == (-printed.value, -printed.high, -printed.low)
    assert minus.low < minus.value < minus.high
    expected = result["index"][-1] - result["index"][0]
    assert rise.value == pytest.approx(float(expected.mean()))
    assert rise.low > 0.3


def test_outliers_are_ringed_and_every_layer_has_both_intervals(result):
    figure = draw_clustering_and_consistency(result)
    axes, bar = figure.axes
    points = next(c for c in axes.collections if c.get_label() == "layers").get_offsets()
    np.testing.assert_allclose(points, np.stack([result.index_mean, result.consistency_mean], 1))
    rings = next(line for line in axes.lines if line.get_label() == "outliers")
    np.testing.assert_allclose(rings.get_xdata(), result.index_mean[[3]])
    for label in ("pairs interval", "instances interval", "index interval"):
        assert sum(c.get_label() == label for c in axes.collections) == 8
    fit = next(line for line in axes.lines if line.get_label() == "fit")
    assert fit.get_ydata()[0] > fit.get_ydata()[1]
    assert [tick.get_text() for tick in bar.get_yticklabels()] == result.layer.values.tolist()
    assert "left out (skipped)" in {text.get_text() for text in figure.legends[0].get_texts()}
    assert "ring" in clustering.caption(result)


def test_layers_that_are_all_alike_have_no_correlation(result, tmp_path):
    flat = clustering.correlate(INDEX, np.full(8, 0.5))
    alike = result.drop_vars(flat.data_vars).merge(flat)
    alike.to_netcdf(tmp_path / "alike.nc", engine="h5netcdf")  # as results are kept
    with xr.open_dataset(tmp_path / "alike.nc", engine="h5netcdf") as stored:
        alike = stored.load()
    skipped, _, _, minus, rise = clustering.findings(alike)
    assert np.isnan([skipped.value, skipped.low, minus.value]).all()
    assert skipped.note == "not defined: y: expected values that differ, got 0.5 throughout"
    assert rise.value > 0.3
    assert "skipped –" in clustering.caption(alike)
    assert "not defined: y: expected values" in clustering.caption(alike)
    assert draw_clustering_and_consistency(alike).axes[0].get_title("right") == "skipped r = –"


def test_each_correlation_says_what_it_lacks():
    """Six of eight equal values are too many for percentage bend alone."""
    shared = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.7])
    found = clustering.correlate(INDEX, shared)
    expected = np.corrcoef(INDEX, shared)[0, 1]
    assert float(found.r.sel(estimator="pearson")) == pytest.approx(expected)
    assert found.missing.sel(estimator="pearson") == ""
    assert np.isnan(found.r.sel(estimator="percentage_bend"))
    assert "percentage_bend" in found.missing.sel(estimator="percentage_bend").item()
