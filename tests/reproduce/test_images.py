"""Fig. S3: other seeds, other images, other categories."""

import numpy as np
import pytest

from ensemble_rsa.figures.paper.profiles import draw_training_sets
from ensemble_rsa.reproduce.experiments import images
from tests.reproduce.conftest import PAIRS, build_stack, by_quantity, lines_of, shared_variance

LAYERS = ("conv1", "conv2", "conv3")


@pytest.fixture
def stacks():
    """The second half lacks seed 1, so its second network is of seed 2."""
    return {
        "first_half": build_stack(LAYERS, [0, 1, 2, 3], seed=0),
        "second_half": build_stack(LAYERS, [0, 2, 3], seed=1),
        "first_categories": build_stack(LAYERS, [0, 1, 2], seed=2),
        "second_categories": build_stack(LAYERS, [0, 1, 2], seed=3),
    }


@pytest.fixture
def result(stacks, monkeypatch, make_work):
    monkeypatch.setattr(images, "rdms", lambda work, name: stacks[name])
    return images.measure(make_work())


def test_conditions_match_networks_by_seed(result, stacks):
    first = stacks["first_half"].exemplar.values[:, [0, 2, 3]]
    second = stacks["second_half"].exemplar.values
    for layer, (a, b) in enumerate(zip(first, second, strict=True)):
        expected = [
            np.mean([shared_variance(x[i], x[j]) for x in (a, b) for i, j in PAIRS]),
            np.mean([shared_variance(a[i], b[i]) for i in range(3)]),
            np.mean([shared_variance(a[i], b[j]) for i, j in PAIRS]),
        ]
        np.testing.assert_allclose(result.images_mean[:, layer], expected, rtol=1e-5)
    assert result.attrs["images_seeds"].tolist() == [0, 2, 3]
    a, b = (stacks[name].exemplar.values for name in images.CONTRASTS["categories"])
    assert result.categories_mean.shape == (3, 2)  # without the last layer, which differs
    both = np.mean([shared_variance(a[1, i], b[1, j]) for i, j in PAIRS])
    np.testing.assert_allclose(result.categories_mean[2, 1], both, rtol=1e-5)


def test_findings_are_drops_and_two_differences_that_are_no_effects(result):
    found = by_quantity(images.findings(result))
    means = {name: result[f"{name}_mean"].values for name in ("images", "categories")}
    drops = {
        "other seed, same images: conv1 minus conv3 consistency": means["images"][0],
        "same seed, other images: conv1 minus conv3 consistency": means["images"][1],
        "other seed, other images: conv1 minus conv3 consistency": means["images"][2],
        "other seed, other categories: conv1 minus conv2 consistency": means["categories"][2],
    }
    assert {name for name, finding in found.items() if finding.effect} == set(drops)
    for name, course in drops.items():
        assert found[name].value == pytest.approx(course[0] - course[-1])
    seed, data, both = means["images"][:, -1]
    differences = [finding.value for finding in found.values() if not finding.effect]
    np.testing.assert_allclose(differences, [seed - data, seed - both])


def test_figure_has_a_line_for_each_condition(result):
    for axes, contrast in zip(draw_training_sets(result).axes, images.CONTRASTS, strict=True):
        np.testing.assert_array_equal([*lines_of(axes).values()], result[f"{contrast}_mean"].values)
    assert images.sample_sizes(result) == {"n_seeds_images": 3, "n_seeds_categories": 3}
