"""Analyses of RDMs on disk, beside those in memory and float64 NumPy."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import cdist, pdist

from ensemble_rsa.analysis import stacked
from ensemble_rsa.analysis.bootstrap.consistency import (
    bootstrap_category_clustering_index,
    bootstrap_consistency,
    bootstrap_within_category_consistency,
)
from ensemble_rsa.analysis.bootstrap.resampling import ResamplingOptions
from ensemble_rsa.analysis.bootstrap.stacked import statistic_of_stack
from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import (
    consistency,
    consistency_between,
    second_level_distances,
    within_category_consistency,
)
from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.analysis.inference.ceiling import noise_ceiling
from ensemble_rsa.analysis.landmarks import _placed, _triangulated, landmark_mds
from ensemble_rsa.arrays import stacks
from ensemble_rsa.arrays.stacks import pair_rows, row_of_pair, same_category_pairs
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.stored import open_rdms
from ensemble_rsa.pipeline.analyze import analyze
from ensemble_rsa.pipeline.extract import extract
from tests.store.conftest import LABELS, N_STIMULI

FIRST, SECOND = np.triu_indices(N_STIMULI, 1)
SAME = LABELS[FIRST] == LABELS[SECOND]
EXACT, OF_FLOAT32 = 1e-10, 2e-6  # to float64, and to sums in memory, whose products are float32


def r_squared(rdms):
    """Float64 NumPy's squared correlation of every two RDMs of each layer."""
    pairs = list(combinations(range(rdms.shape[-2]), 2))
    return [[np.corrcoef(layer[[i, j]])[0, 1] ** 2 for i, j in pairs] for layer in rdms]


@pytest.fixture(scope="session")
def exact(in_memory):
    return in_memory.exemplar.values.astype(np.float64)


def test_rows_of_ranges():
    pairs = list(combinations(range(7), 2))
    assert [row_of_pair(pair, 7) for pair in range(len(pairs))] == [row for row, _ in pairs]
    codes = np.array([0, 1, 0, 1, 0, 0, 1])
    for start in range(len(pairs)):
        for stop in range(start + 1, len(pairs) + 1):
            found = [
                (row, other)
                for row, others, places in pair_rows(slice(start, stop), 7)
                for other in range(others.start, others.stop)
                if places.stop - places.start == others.stop - others.start
            ]
            assert found == pairs[start:stop]
            same = [i for i, (a, b) in enumerate(found) if codes[a] == codes[b]]
            assert same_category_pairs(codes, slice(start, stop)).tolist() == same


def test_consistency(stored, exact, in_memory):
    found = consistency(stored.exemplar)
    np.testing.assert_allclose(found, r_squared(exact), rtol=EXACT)
    np.testing.assert_allclose(found, consistency(in_memory.exemplar), rtol=OF_FLOAT32)
    cosine = consistency(stored.exemplar, "cosine")
    lengths = np.linalg.norm(exact, axis=-1)
    expected = [
        [layer[i] @ layer[j] / (length[i] * length[j]) for i, j in combinations(range(4), 2)]
        for layer, length in zip(exact, lengths, strict=True)
    ]
    np.testing.assert_allclose(cosine, expected, rtol=EXACT)


@pytest.mark.parametrize("aggregate", ["pooled", "per_category"])
def test_within_category_consistency(stored, exact, in_memory, aggregate):
    found = within_category_consistency(stored.exemplar, LABELS, aggregate)
    if aggregate == "pooled":
        expected = r_squared(exact[..., SAME])
    else:
        each = [r_squared(exact[..., SAME & (LABELS[FIRST] == name)]) for name in "abc"]
        expected = np.mean(each, axis=0)
    np.testing.assert_allclose(found, expected, rtol=EXACT)
    in_core = within_category_consistency(in_memory.exemplar, LABELS, aggregate)
    np.testing.assert_allclose(found, in_core, rtol=OF_FLOAT32)


def test_category_clustering_index(stored, exact, in_memory):
    within, across = exact[..., SAME].mean(-1), exact[..., ~SAME].mean(-1)
    found = category_clustering_index(stored.exemplar, LABELS)
    np.testing.assert_allclose(found, (across - within) / (across + within), rtol=EXACT)
    in_core = category_clustering_index(in_memory.exemplar, LABELS)
    np.testing.assert_allclose(found, in_core, rtol=OF_FLOAT32)


def test_second_level_distances(stored, exact):
    flat = exact.reshape(-1, exact.shape[-1])
    found = second_level_distances(stored.exemplar.reshape(*flat.shape))
    np.testing.assert_allclose(found, 1 - np.corrcoef(flat), atol=EXACT)


@pytest.mark.parametrize("comparison", ["pearson_squared", "pearson", "cosine", "cosine_squared"])
def test_noise_ceiling(stored, in_memory, comparison):
    found = noise_ceiling(stored.exemplar, comparison)
    expected = noise_ceiling(in_memory.exemplar.values.astype(np.float64), comparison)
    np.testing.assert_allclose(found.lower, expected.lower, rtol=EXACT)
    np.testing.assert_allclose(found.upper, expected.upper, rtol=EXACT)


@pytest.mark.slow
def test_a_whole_analysis(stored, in_memory):
    settings = AnalysisConfig.of(n_resamples=200)
    found, expected = analyze(stored, settings), analyze(in_memory, settings)
    assert found.attrs.pop("n_landmarks") == N_STIMULI
    # All stimuli are landmarks; SMACOF, in float32, starts from distances that are equal.
    embeddings = [name for name in expected if "embedding" in name or "stress" in name]
    xr.testing.assert_allclose(
        found.drop_vars(embeddings), expected.drop_vars(embeddings), rtol=5e-6, atol=1e-6
    )
    xr.testing.assert_allclose(found[embeddings], expected[embeddings], rtol=1e-3, atol=1e-3)
    assert set(found.variables) == set(expected.variables)


OF_SUMS = 2e-5  # of quadratic forms, whose sums are float32 in memory and on disk


@pytest.mark.parametrize("over", ["instances", "stimuli", "both"])
def test_bootstraps_are_those_in_memory(stored, in_memory, over):
    how = {"over": over, "n_resamples": 40}
    for function, labels in (
        (bootstrap_consistency, ()),
        (bootstrap_within_category_consistency, (LABELS,)),
        (bootstrap_category_clustering_index, (LABELS,)),
    ):
        found = function(stored.exemplar, *labels, **how)
        expected = function(in_memory.exemplar, *labels, **how)
        assert found.dropped == expected.dropped
        for name in ("mean", "low", "high", "samples"):
            np.testing.assert_allclose(
                getattr(found, name), getattr(expected, name), rtol=OF_SUMS, atol=OF_SUMS
            )


def test_a_resample_of_stimuli_is_that_of_numpy(stored, exact):
    counts = np.random.default_rng(0).multinomial(N_STIMULI, [1 / N_STIMULI] * N_STIMULI, size=3)
    options = ResamplingOptions("stimuli", ("stimuli",), 3, 0.95, 0, "percentile")
    weights = counts[:, FIRST] * counts[:, SECOND]
    for labels, kept in ((None, np.full(len(FIRST), True)), (LABELS, SAME)):
        aggregate = None if labels is None else "pooled"
        statistic = statistic_of_stack(stored.exemplar, options, labels, aggregate)
        found = statistic.resampled((1,))(counts.astype(np.float64))
        covariances = [np.cov(exact[1][:, kept], fweights=w[kept]) for w in weights]
        expected = [
            [c[i, j] ** 2 / (c[i, i] * c[j, j]) for i, j in combinations(range(4), 2)]
            for c in covariances
        ]
        np.testing.assert_allclose(found, expected, rtol=OF_SUMS, atol=1e-6)


def test_many_resamples_share_a_pass(stored, monkeypatch):
    from ensemble_rsa.analysis.bootstrap import stacked

    expected = bootstrap_consistency(stored.exemplar, "stimuli", n_resamples=9)
    monkeypatch.setattr(stacked, "_COUNTS", 4 * N_STIMULI)
    found = bootstrap_consistency(stored.exemplar, "stimuli", n_resamples=9)
    np.testing.assert_allclose(found.samples, expected.samples, rtol=1e-6)


def test_blocks_that_others_sum_are_those_of_a_pass(stored, exact, monkeypatch):
    monkeypatch.setattr(stacked, "_MOST_BLOCKS", 5)
    codes = np.unique(LABELS, return_inverse=True)[1]
    blocks = stacked.blocks_of(stored.exemplar)
    assert len(blocks) == 4  # of three ranges of 25 pairs, but for the last
    summed = [stacked.sums_of_block(stored.exemplar, codes, block) for block in reversed(blocks)]
    others = open_rdms(stored.path).exemplar
    stacked.keep_blocks(others, codes, reversed(summed))
    assert stacked.is_passed_over(others, codes)
    assert not stacked.is_passed_over(stored.exemplar, codes)
    stacked.pass_over(stored.exemplar, codes)
    (name,) = others.found
    for key, values in stored.exemplar.found[name].items():
        np.testing.assert_array_equal(others.found[name][key], values)
    np.testing.assert_allclose(stacked.pair_sums(others).sums, exact.sum(-1), rtol=1e-12)
    with pytest.raises(InputError, match="damaged, expected distances with a mean of"):
        stacked.keep_blocks(open_rdms(stored.path).exemplar, codes, summed[1:])


def test_groups(stored, in_memory):
    early, late = stored.exemplar[0], stored.exemplar[1]
    expected = compare_groups(*in_memory.exemplar.values.astype(np.float64))
    for pair in ((early, late), (early, in_memory.exemplar[1].values.astype(np.float64))):
        found = compare_groups(*pair)
        for name in ("within_a", "within_b", "between"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=EXACT)
        assert found.within_minus_between.p == expected.within_minus_between.p
    between = consistency_between(early, late)
    in_core = consistency_between(*in_memory.exemplar.values.astype(np.float64))
    np.testing.assert_allclose(between, in_core, rtol=EXACT)
    with pytest.raises(InputError, match="others: expected the leading axes and stimulus pairs"):
        compare_groups(early, stored.exemplar)


def test_landmarks_place_the_others(activations, tmp_path, small_chunks):
    flat = {"plane": activations["early"][:1, :, :2]}  # two units: two dimensions suffice
    settings = AnalysisConfig.of(distance="euclidean")
    stored = extract(flat, LABELS, settings, store=tmp_path / "rdms.zarr")
    found = landmark_mds(stored.exemplar, n_landmarks=8)
    assert found.embedding.shape == (1, 1, N_STIMULI, 2)
    assert len(found.landmarks) == 8
    np.testing.assert_allclose(pdist(found.embedding[0, 0]), pdist(flat["plane"][0]), atol=1e-4)
    assert found.stress.max() < 1e-4
    assert found.pointwise_stress.max() < 1e-4


def test_single_instances_are_refused_as_in_memory(in_memory):
    one = in_memory.exemplar.values[:, :1]
    for function, given, message in (
        (consistency, (), "at least two instances"),
        (within_category_consistency, (LABELS,), "at least two instances"),
        (noise_ceiling, (), "at least two instances"),
        (bootstrap_consistency, (), "at least two instances"),
        (second_level_distances, (), None),
        (consistency_between, (stacks.in_memory(one),), None),
        (bootstrap_category_clustering_index, (LABELS,), None),
    ):
        single = stacks.in_memory(one[0, 0])
        with pytest.raises(InputError, match=f"^rdms: expected shape .*{message or ''}, got .276,"):
            function(single, *given)
        if message:
            with pytest.raises(InputError, match=f"{message}, got .2, 1, 276.$"):
                function(stacks.in_memory(one), *given)
    found = category_clustering_index(single, LABELS)
    np.testing.assert_allclose(found, category_clustering_index(one[0, 0], LABELS), rtol=1e-6)
    assert np.shape(found) == ()


def test_a_constant_rdm_has_a_cosine_but_no_correlation(exact):
    rdms = exact[0].copy()
    rdms[1] = 0.5
    stack = stacks.in_memory(rdms)
    lengths = np.linalg.norm(rdms, axis=-1)
    pairs = combinations(range(4), 2)
    expected = [rdms[i] @ rdms[j] / (lengths[i] * lengths[j]) for i, j in pairs]
    np.testing.assert_allclose(consistency(stack, "cosine"), expected, rtol=EXACT)
    np.testing.assert_allclose(consistency(rdms, "cosine"), expected, rtol=EXACT)
    rdms[3] = 0.0
    for given in (rdms, stacks.in_memory(rdms)):
        with pytest.raises(InputError, match=r"got 1 constant RDM.s., the first at \[3\]"):
            consistency(given, "cosine")
        with pytest.raises(InputError, match=r"got 2 constant RDM.s., the first at \[1\]"):
            consistency(given, "pearson")


def test_the_start_of_landmarks_is_exact_in_a_plane():
    rng = np.random.default_rng(0)
    anchors = rng.exponential(size=(50, 2)) ** 2  # skewed
    anchors -= anchors.mean(0)
    points = rng.normal(size=(7, 2))
    distances = cdist(points, anchors)
    np.testing.assert_allclose(_triangulated(distances, anchors), points, atol=1e-9)
    np.testing.assert_allclose(_placed(distances, anchors), points, atol=1e-9)


def test_what_needs_all_distances_is_refused(stored):
    with pytest.raises(InputError, match="'spearman' needs all distances of an RDM in memory"):
        consistency(stored.exemplar, "spearman")
    with pytest.raises(InputError, match="missing: expected 'refuse' for RDMs on disk, got 'drop'"):
        consistency(stored.exemplar, missing="drop")
    with pytest.raises(InputError, match="labels: expected two categories or more"):
        category_clustering_index(stored.exemplar, ["a"] * N_STIMULI)
    with pytest.raises(InputError, match="interval: expected 'percentile' over both for RDMs on"):
        bootstrap_consistency(stored.exemplar, "both", interval="jackknife")
