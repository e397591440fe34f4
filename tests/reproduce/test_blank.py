"""Fig. S7: consistency with and without cocktail-blank normalisation."""

import numpy as np
import pytest

from ensemble_rsa.figures.paper.profiles import draw_blank
from ensemble_rsa.reproduce.experiments import blank
from tests.reproduce.conftest import build_stack, lines_of, shared_variance

SEEDS = [4, 5, 6, 7]


def stack(cocktail_blank):
    return build_stack(["conv1", "conv2"], SEEDS, 2 * cocktail_blank, noise=[0.2, 0.6])


@pytest.fixture
def result(monkeypatch, make_work):
    """The instance of seed 5 cannot be compared by cosine with the normalisation."""

    def rdms(work, name, distance, cocktail_blank):
        missing = cocktail_blank and distance == "cosine"
        return stack(cocktail_blank).isel(instance=[0, 2, 3] if missing else [0, 1, 2, 3])

    monkeypatch.setattr(blank, "rdms", rdms)
    return blank.measure(make_work())


def test_pairs_are_of_the_same_instances_in_every_condition(result):
    assert result.attrs["seeds"].tolist() == [4, 6, 7]
    for normalisation, blanked in blank.NORMALISATIONS.items():
        expected = shared_variance(*stack(blanked).exemplar.values[1, [0, 3]])  # seeds 4 and 7
        found = result.consistency.sel(normalisation=normalisation, layer="conv2")
        np.testing.assert_allclose(found[:, 1], expected, rtol=1e-5)


def test_the_effect_is_the_rise_in_the_last_layer(result):
    values = np.zeros((2, 2, 2, 3))  # normalisation, distance, layer, pair
    values[0, :, 1] = [[0.2, 0.3, 0.4], [0.5, 0.5, 0.5]]
    values[1, :, 1] = [[0.3, 0.4, 0.5], [0.4, 0.4, 0.4]]
    values[1, :, 0] = 0.9  # the first layer does not count
    rows = blank.findings(result.assign(consistency=result.consistency.copy(data=values)))
    assert all(row.effect for row in rows)
    np.testing.assert_allclose([row.value for row in rows], [0.1, -0.1])
    # every pair differs by the same amount, so the interval has no width
    np.testing.assert_allclose([[row.low, row.high] for row in rows], [[0.1] * 2, [-0.1] * 2])
    notes = ["the mean rises in 2 of 2 layers", "the mean rises in 1 of 2 layers"]
    assert [row.note for row in rows] == notes


def test_a_panel_for_each_distance_and_a_line_for_each_normalisation(result):
    for axes, distance in zip(draw_blank(result).axes, ("correlation", "cosine"), strict=True):
        expected = result.consistency_mean.sel(distance=distance)
        np.testing.assert_array_equal([*lines_of(axes).values()], expected)
