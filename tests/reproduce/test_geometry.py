"""Figs 2, 3, S1 and S2: stimuli and RDMs as points whose distances are dissimilarities."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.figures.geometry import draw_geometry
from ensemble_rsa.figures.paper.pointwise_stress import draw_pointwise_stress
from ensemble_rsa.figures.paper.profiles import draw_layer_similarity
from ensemble_rsa.figures.second_level import draw_second_level
from ensemble_rsa.pipeline import results
from ensemble_rsa.reproduce.experiments import geometry, second_level
from tests.reproduce.conftest import PAIRS, build_stack, by_quantity, lines_of


@pytest.fixture
def stack():
    return build_stack(["conv1", "conv2", "conv3"], [4, 7, 9], labels="xxxyyyyy")


@pytest.fixture
def stimuli(stack, quick_mds, monkeypatch, make_work):
    """What Figs 2 and S1 show."""
    monkeypatch.setattr(results, "mds", quick_mds)
    monkeypatch.setattr(geometry, "rdms", lambda work, name: stack)
    return geometry.measure(make_work())


@pytest.fixture
def rdms(stack, quick_mds, monkeypatch, make_work):
    """What Figs 3 and S2 show."""
    monkeypatch.setattr(second_level, "mds", quick_mds)
    monkeypatch.setattr(second_level, "rdms", lambda work, name: stack)
    return second_level.measure(make_work())


@pytest.fixture
def r(stack):
    """(layer, instance) → (layer, instance) → correlation of RDMs, pair by pair."""
    rows = stack.exemplar.values.astype(np.float64).reshape(9, -1)
    return np.corrcoef(rows).reshape(3, 3, 3, 3)


def test_rotating_panels_keeps_their_stress(stimuli, stack):
    for layer, shown in np.ndindex(3, 2):
        wanted = stack.exemplar.values[layer, shown].astype(np.float64)
        drawn = pdist(stimuli.embedding.values[shown, layer])
        stress = np.sqrt(((wanted - drawn) ** 2).sum() / (wanted**2).sum())
        np.testing.assert_allclose(stimuli.embedding_stress[shown, layer], stress)


def test_captions_name_the_seeds_that_are_drawn(stimuli):
    assert geometry.caption_values(stimuli) == {"shown_seeds": [4, 7]}


def test_clustering_rises_over_all_instances_not_the_two_shown(stimuli, stack):
    rise = by_quantity(geometry.findings(stimuli))["conv3 minus conv1 category clustering index"]
    index = category_clustering_index(stack.exemplar.values, stack.category.values)
    assert rise.effect
    assert rise.value == pytest.approx(np.asarray(index[2] - index[0]).mean())


def test_figures_show_two_instances_in_every_layer(stimuli):
    assert sum("stress" in axes.get_title() for axes in draw_geometry(stimuli).axes) == 6
    for shown, axes in enumerate(draw_pointwise_stress(stimuli).axes):
        dots = [c for c in axes.collections if isinstance(c, PathCollection)]
        drawn = np.sort(np.concatenate([c.get_offsets()[:, 1] for c in dots]))
        expected = stimuli.embedding_pointwise_stress.isel(shown=shown).values
        np.testing.assert_allclose(drawn, np.sort(expected.ravel()))
        (bars,) = (c for c in axes.collections if isinstance(c, LineCollection))
        heights = [segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, stimuli.embedding_stress.isel(shown=shown))


def test_within_is_one_instance_and_between_is_two(rdms, r):
    for apart in (1, 2):
        layers = [(k, k + apart) for k in range(3 - apart)]
        within = np.mean([r[k, i, m, i] ** 2 for k, m in layers for i in range(3)])
        between = np.mean([r[k, i, m, j] ** 2 for k, m in layers for i, j in PAIRS])
        found = rdms.similarity_by_distance_mean.values[:, apart - 1]
        np.testing.assert_allclose(found, [within, between], rtol=1e-5)


def test_neighbours_of_one_instance_meet_both_layers_of_two(rdms, r):
    within = np.mean([r[1, i, 2, i] ** 2 for i in range(3)])
    apart = np.mean([r[1, i, 2, j] ** 2 for i, j in PAIRS])
    same_layer = np.mean([r[k, i, k, j] ** 2 for k in (1, 2) for i, j in PAIRS])
    similarities = rdms.similarity_of_neighbours_mean.values[:, -1]
    np.testing.assert_allclose(similarities, [within, apart, same_layer], rtol=1e-5)
    found = by_quantity(second_level.findings(rdms))
    for quantity, expected in {
        "conv2 and conv3: similarity within minus between instances": within - apart,
        "conv2 and conv3 of one instance minus the same layer of two": within - same_layer,
        "conv3 minus conv1 distance (1 − r) between instances": np.mean(
            [r[0, i, 0, j] - r[2, i, 2, j] for i, j in PAIRS]  # not squared
        ),
    }.items():
        assert found[quantity].effect == ("distance" not in quantity)  # which Fig. 4 judges
        assert found[quantity].value == pytest.approx(expected, rel=1e-4)
        assert found[quantity].low <= found[quantity].value <= found[quantity].high


def test_figures_of_rdms(rdms):
    assert len(draw_second_level(rdms).axes[1].lines) == 3
    by_distance, by_depth = map(lines_of, draw_layer_similarity(rdms).axes)
    assert (len(by_distance), len(by_depth)) == (2, 3)
    expected = rdms.similarity_of_neighbours_mean[2]
    np.testing.assert_array_equal(by_depth["one layer, different instances"], expected)
