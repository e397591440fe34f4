"""Fig. 2 and S1."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.figures.geometry import draw_geometry
from ensemble_rsa.figures.paper.pointwise_stress import draw_pointwise_stress
from ensemble_rsa.pipeline import results
from ensemble_rsa.reproduce.experiments import geometry
from tests.reproduce.conftest import build_stack

LAYERS = ("conv1", "conv2", "conv3")


@pytest.fixture
def stack():
    return build_stack(LAYERS, [4, 7, 9], labels="xxxyyyyy")


@pytest.fixture
def result(stack, quick_mds, monkeypatch, make_work):
    monkeypatch.setattr(results, "mds", quick_mds)
    monkeypatch.setattr(geometry, "rdms", lambda work, name: stack)
    return geometry.measure(make_work())


def test_rotating_panels_keeps_their_stress(result, stack):
    for layer, shown in np.ndindex(3, 2):
        wanted = stack.exemplar.values[layer, shown].astype(np.float64)
        drawn = pdist(result.embedding.values[shown, layer])
        stress = np.sqrt(((wanted - drawn) ** 2).sum() / (wanted**2).sum())
        np.testing.assert_allclose(result.embedding_stress[shown, layer], stress)


def test_clustering_rises_over_all_instances_not_the_two_shown(result, stack):
    rise = next(finding for finding in geometry.findings(result) if finding.effect)
    labels = stack.category.values
    index = np.asarray(category_clustering_index(stack.exemplar.values, labels))
    assert rise.quantity == "conv3 minus conv1 category clustering index"
    assert rise.value == pytest.approx((index[2] - index[0]).mean())


def test_figures_show_two_instances_in_every_layer(result):
    assert sum("stress" in axes.get_title() for axes in draw_geometry(result).axes) == 6
    for shown, axes in enumerate(draw_pointwise_stress(result).axes):
        dots = [c for c in axes.collections if isinstance(c, PathCollection)]
        drawn = np.sort(np.concatenate([c.get_offsets()[:, 1] for c in dots]))
        expected = result.embedding_pointwise_stress.isel(shown=shown).values
        np.testing.assert_allclose(drawn, np.sort(expected.ravel()))
        (bars,) = (c for c in axes.collections if isinstance(c, LineCollection))
        heights = [segment[0, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(heights, result.embedding_stress.isel(shown=shown))
