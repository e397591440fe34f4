"""The results of an analysis, against float64 NumPy written out here."""

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.mds import Mds
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.figures.crossed_seeds import draw_crossed_seeds
from ensemble_rsa.interop.labelled import label_rdms
from ensemble_rsa.pipeline.analyze import analyze
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.pipeline.results import embed_stimuli

LABELS = np.repeat(list("abcd"), 4)
PAIRS = list(itertools.combinations(range(4), 2))
SETTINGS = AnalysisConfig.of(n_resamples=300, seed=1)


@pytest.fixture(scope="module")
def rdms() -> xr.Dataset:
    """Four instances that share a geometry with categories, and differ in noise."""
    rng = np.random.default_rng(0)
    shared = 1.5 * rng.normal(size=(4, 30)).repeat(4, 0) + rng.normal(size=(16, 30))
    layers = {
        name: shared + noise * rng.normal(size=(4, 16, 30))
        for name, noise in {"early": 0.3, "late": 1.0}.items()
    }
    return extract(layers, LABELS)


@pytest.fixture(scope="module")
def results(rdms) -> xr.Dataset:
    return analyze(rdms, SETTINGS)


def shared_variance(stack: np.ndarray) -> np.ndarray:
    r = np.corrcoef(stack.astype(np.float64))
    return np.array([r[pair] ** 2 for pair in PAIRS])


def same_category() -> np.ndarray:
    return np.array([LABELS[i] == LABELS[j] for i, j in itertools.combinations(range(16), 2)])


def test_crossed_seeds_are_decomposed_and_others_are_not(rdms, results):
    assert "seed_variance" not in results
    crossed = rdms.assign_coords(
        seed=("instance", [0, 1, 0, 1]), order_seed=("instance", [5, 5, 6, 6])
    )
    found = analyze(crossed, SETTINGS)
    assert found.order_seed.values.tolist() == [5, 5, 6, 6]
    names = ["initial weights", "data order", "initial weights × data order"]
    assert found.seed_component.values.tolist() == names
    for layer in range(2):
        r = np.corrcoef(rdms.exemplar.values[layer].astype(np.float64))
        weights, order = (r[0, 2] + r[1, 3]) / 2, (r[0, 1] + r[2, 3]) / 2
        neither = (r[0, 3] + r[1, 2]) / 2
        expected = np.array([weights - neither, order - neither, 1 - weights - order + neither])
        variance = found.seed_variance.values[:, layer]
        np.testing.assert_allclose(variance, np.maximum(expected, 0), atol=1e-6)
        np.testing.assert_array_equal(found.seed_variance_clipped.values[:, layer], expected < 0)
    heights = [bar.get_height() for bar in draw_crossed_seeds(found).patches]
    np.testing.assert_allclose(heights, found.seed_variance.values.ravel())
    augmented = analyze(crossed.rename(order_seed="augmentation_seed"), SETTINGS)
    assert augmented.seed_component.values[1] == "augmentation"
    np.testing.assert_array_equal(augmented.seed_variance, found.seed_variance)
    for incomplete in (crossed.isel(instance=[0, 1, 2]), crossed.drop_vars("seed")):
        assert "seed_variance" not in analyze(incomplete, SETTINGS)


@pytest.mark.parametrize("layer", [0, 1])
def test_the_three_kinds_of_consistency(layer, rdms, results):
    exemplar, centroid = rdms.exemplar.values[layer], rdms.centroid.values[layer]
    expected = {
        "exemplar": shared_variance(exemplar),
        "centroid": shared_variance(centroid),
        "within_category": shared_variance(exemplar[:, same_category()]),
    }
    assert results.kind.values.tolist() == list(expected)
    np.testing.assert_array_equal(np.stack([results.pair_first, results.pair_second], 1), PAIRS)
    for kind, values in expected.items():
        found = results.isel(layer=layer).sel(kind=kind)
        np.testing.assert_allclose(found.consistency, values, rtol=1e-4, atol=1e-6)
        assert float(found.consistency_mean) == pytest.approx(values.mean(), rel=1e-4)


def test_how_well_the_other_instances_predict_one(rdms, results):
    for layer, stack in enumerate(rdms.exemplar.values.astype(np.float64)):
        z = (stack - stack.mean(1, keepdims=True)) / stack.std(1, keepdims=True)
        others = [np.corrcoef(z[i], np.delete(z, i, 0).mean(0))[0, 1] ** 2 for i in range(4)]
        everyone = [np.corrcoef(each, z.mean(0))[0, 1] ** 2 for each in z]
        np.testing.assert_allclose(results.instance_ceiling_lower[layer], np.mean(others))
        np.testing.assert_allclose(results.instance_ceiling_upper[layer], np.mean(everyone))


def test_intervals_hold_their_means_and_stay_within_the_data(results):
    assert results.bootstrap.values.tolist() == ["pairs", "instances"]
    low, high = results.consistency_low, results.consistency_high
    assert (low < high).all()
    assert (low <= results.consistency_mean).all()
    assert (results.consistency_mean <= high).all()
    pairs = {"bootstrap": "pairs"}
    assert (low.sel(pairs) >= results.consistency.min("instance_pair") - 1e-12).all()
    assert (high.sel(pairs) <= results.consistency.max("instance_pair") + 1e-12).all()


@pytest.mark.parametrize("layer", [0, 1])
def test_intervals_over_instances_are_the_jackknife(layer, results):
    """Fisher's z of the root of mean r², t of three degrees of freedom, by a loop."""
    assert results.attrs["interval_over_instances"] == "jackknife"
    chosen = results.isel(layer=layer)
    shared = chosen.consistency.sel(kind="exemplar").values
    z = lambda kept: np.arctanh(np.sqrt(np.mean(kept)))
    without = [z([v for v, pair in zip(shared, PAIRS, strict=True) if i not in pair])
               for i in range(4)]  # fmt: skip
    reach = stats.t.ppf(0.975, 3) * np.sqrt(3 * np.var(without))
    expected = [np.tanh(max(0, z(shared) + sign * reach)) ** 2 for sign in (-1, 1)]
    at = chosen.sel(kind="exemplar", bootstrap="instances")
    np.testing.assert_allclose([at.consistency_low, at.consistency_high], expected, rtol=1e-5)
    index = chosen.category_clustering_index.values
    found = stats.ttest_1samp(index, 0).confidence_interval(0.95)
    bounds = chosen.category_clustering_index_low, chosen.category_clustering_index_high
    np.testing.assert_allclose(bounds, found, rtol=1e-5)


def test_two_instances_have_no_interval(rdms):
    results = analyze(rdms.isel(instance=slice(2)), SETTINGS)
    for name in ("consistency", "category_clustering_index"):
        assert np.isfinite(results[f"{name}_mean"]).all()
        assert np.isnan([*results[f"{name}_low"].values.flat]).all()


def test_another_confidence_narrows_the_intervals(rdms, results):
    narrow = analyze(rdms, AnalysisConfig.of(n_resamples=300, seed=1, confidence=0.5))
    width = (results.consistency_high - results.consistency_low).values
    assert ((narrow.consistency_high - narrow.consistency_low).values < width).all()
    assert narrow.attrs["confidence"] == 0.5


def test_the_category_clustering_index(rdms, results):
    same = same_category()
    exemplar = rdms.exemplar.values.astype(np.float64)
    within, across = exemplar[..., same].mean(-1), exemplar[..., ~same].mean(-1)
    index = (across - within) / (across + within)
    np.testing.assert_allclose(results.category_clustering_index, index, rtol=1e-5)
    np.testing.assert_allclose(results.category_clustering_index_mean, index.mean(1), rtol=1e-5)
    assert (results.category_clustering_index_low <= results.category_clustering_index_mean).all()
    assert (results.category_clustering_index_mean <= results.category_clustering_index_high).all()


def test_second_level_distances_are_one_less_the_correlation(rdms, results):
    r = np.corrcoef(rdms.exemplar.values.reshape(8, -1).astype(np.float64))
    found = results.second_level_distance
    assert found.dims == ("layer", "instance", "layer_b", "instance_b")
    np.testing.assert_allclose(found.values.reshape(8, 8), 1 - r, atol=1e-5)
    assert float(found.sel(layer="late", instance=2, layer_b="late", instance_b=2)) == 0


def test_pictures_are_turned_onto_the_layer_before_and_the_instance_beside(rdms, monkeypatch, rng):
    shape = rng.normal(size=(16, 2))
    quarter, mirror = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.diag([1.0, -1.0])
    layers = [[shape, shape @ quarter], [shape @ mirror + 3, shape @ quarter @ mirror]]
    ones = np.ones((2, 2))
    made = Mds(np.array(layers), ones, ones, np.ones((2, 2, 16)), np.ones((2, 2), int))
    monkeypatch.setattr("ensemble_rsa.pipeline.results.mds", lambda stack, seed: made)
    found = embed_stimuli(rdms, SETTINGS.statistics)
    assert found.embedding.dims == ("shown", "layer", "stimulus", "component")
    np.testing.assert_allclose(found.embedding, np.broadcast_to(shape, (2, 2, 16, 2)))


def test_pictures_have_the_stress_that_is_written_beside_them(rdms, results):
    def stress(given, points):
        drawn, given = pdist(points), given.astype(np.float64)
        return pytest.approx(np.sqrt(((given - drawn) ** 2).sum() / (given**2).sum()), rel=1e-3)

    assert results.shown.values.tolist() == [0, 1]
    for shown, layer in itertools.product(range(2), range(2)):
        expected = stress(rdms.exemplar.values[layer, shown], results.embedding[shown, layer])
        assert float(results.embedding_stress[shown, layer]) == expected
    given = results.second_level_distance.values.reshape(8, 8)[np.triu_indices(8, 1)]
    points = results.second_level_embedding.values.reshape(8, 2)
    assert float(results.second_level_stress) == stress(given, points)
    drawn = pdist(points)
    kruskal = np.sqrt(((given - drawn) ** 2).sum() / (drawn**2).sum())
    assert float(results.second_level_stress_1) == pytest.approx(kruskal, rel=1e-3)


def test_the_attributes_say_how_it_was_done(results):
    sizes = {"n_resamples": 300, "n_stimuli": 16, "n_categories": 4}
    settings = {"distance": "correlation", "confidence": 0.95, "within_category": "pooled"}
    assert (sizes | settings).items() <= results.attrs.items()


CLUSTERING = {"category_clustering_index" + end for end in ("", "_mean", "_low", "_high")}


@pytest.mark.parametrize(
    ("labels", "kinds", "clustering"),
    [
        (None, ["exemplar"], False),
        (["a"] * 8, ["exemplar"], False),
        (list("abcdefgh"), ["exemplar", "centroid"], False),
        (list("aaaabbbb"), ["exemplar", "within_category"], True),
        (list("aabbccdd"), ["exemplar", "centroid", "within_category"], True),
    ],
    ids=["none", "one category", "one stimulus each", "two categories", "four categories"],
)
def test_what_cannot_be_computed_is_absent(labels, kinds, clustering, rng):
    results = analyze(extract({"V1": rng.normal(size=(3, 8, 20))}, labels), SETTINGS)
    assert results.kind.values.tolist() == kinds
    assert CLUSTERING & set(results) == (CLUSTERING if clustering else set())


def test_rdms_without_names_of_stimuli_are_analysed(rng):
    rdms = label_rdms(rng.random((3, 15)), "cosine", {"layer": ["V1"] * 3, "instance": [0, 1, 2]})
    results = analyze(rdms, AnalysisConfig.of(n_resamples=20))
    assert results.attrs["n_stimuli"] == 6
