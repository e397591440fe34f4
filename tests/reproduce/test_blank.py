"""Fig. S7: consistency with and without cocktail-blank normalisation."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.figures.paper.blank import draw_blank
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.reproduce.experiments import blank

SETTINGS = AnalysisConfig.of(n_resamples=100)


@pytest.fixture
def result(make_stack, monkeypatch, make_work):
    """The instance of seed 5 cannot be compared by cosine once it is blanked."""

    def rdms(work, name, distance, cocktail_blank):
        seeds = [4, 6, 7] if cocktail_blank and distance == "cosine" else [4, 5, 6, 7]
        stack = make_stack(["conv1", "conv2"], [4, 5, 6, 7], 2 * cocktail_blank, noise=[0.2, 0.6])
        return stack.isel(instance=[[4, 5, 6, 7].index(seed) for seed in seeds])

    monkeypatch.setattr(blank, "rdms", rdms)
    return blank.measure(make_work(analysis=SETTINGS))


def test_the_blank_takes_each_units_mean_over_stimuli_before_the_distance():
    # Units' means over the four stimuli are 2, 1 and 3.
    patterns = np.array([[4.0, 1, 3], [2, 2, 5], [1, 1, 1], [1, 0, 3]])
    by_hand = np.array([[2.0, 0, 0], [0, 1, 2], [-1, 0, -2], [-1, -1, 0]])
    both = np.stack([patterns, patterns[:, ::-1] ** 2])
    labels = ["a", "a", "b", "b"]
    for distance in ("correlation", "cosine"):
        settings = AnalysisConfig.of(distance=distance, cocktail_blank=True)
        found = extract({"V1": both}, labels, settings)
        np.testing.assert_allclose(found.exemplar[0, 0], pdist(by_hand, distance), atol=1e-6)
        # Centroids are of blanked patterns: (1, ½, 1) and (−1, −½, −1), as far as can be.
        np.testing.assert_allclose(found.centroid[0, 0], [2], atol=1e-6)


def test_pairs_are_of_the_same_instances_under_every_condition(result, make_stack):
    assert result.sizes["instance_pair"] == 3
    assert result.attrs["seeds"].tolist() == [4, 6, 7]
    for normalisation, seed in (("none", 0), ("cocktail_blank", 2)):
        stack = make_stack(["conv1", "conv2"], [4, 5, 6, 7], seed, noise=[0.2, 0.6])
        first, second = stack.exemplar.values[1, [0, 3]].astype(np.float64)  # seeds 4 and 7
        expected = np.corrcoef(first, second)[0, 1] ** 2
        for distance in ("correlation", "cosine"):
            found = result.consistency.sel(
                normalisation=normalisation, distance=distance, layer="conv2"
            )
            assert float(found[1]) == pytest.approx(expected, rel=1e-5)


def test_the_effect_is_the_rise_in_the_last_layer(result):
    values = np.zeros((2, 2, 2, 3))  # normalisation, distance, layer, pair
    values[0, :, 1] = [[0.2, 0.3, 0.4], [0.5, 0.5, 0.5]]
    values[1, :, 1] = [[0.3, 0.4, 0.5], [0.4, 0.4, 0.4]]
    values[1, :, 0] = 0.9  # the first layer does not count
    rows = blank.findings(result.assign(consistency=result.consistency.copy(data=values)))
    assert [row.figure for row in rows] == ["s7", "s7"]
    assert all(row.effect for row in rows)
    np.testing.assert_allclose([row.value for row in rows], [0.1, -0.1])
    # paired: every pair differs by the same, so there is no width
    np.testing.assert_allclose([[row.low, row.high] for row in rows], [[0.1] * 2, [-0.1] * 2])
    assert [row.note for row in rows] == [
        "the mean rises in 2 of 2 layers", "the mean rises in 1 of 2 layers",
    ]  # fmt: skip


def test_a_panel_for_each_distance_a_line_for_each_normalisation(result):
    figure = draw_blank(result)
    assert [axes.get_title() for axes in figure.axes] == ["Correlation distance", "Cosine distance"]
    for axes, distance in zip(figure.axes, ("correlation", "cosine"), strict=True):
        for normalisation in ("none", "cocktail_blank"):
            line = next(found for found in axes.lines if found.get_label() == normalisation)
            expected = result.consistency_mean.sel(distance=distance, normalisation=normalisation)
            np.testing.assert_array_equal(line.get_ydata(), expected)
    assert "3 pairs" in blank.caption(result)
