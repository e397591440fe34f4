"""Figs 4 to 6 and S7: consistency by layer."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from ensemble_rsa.figures.paper.profiles import draw_blank, draw_depth, draw_distances
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.reproduce.experiments import blank, depth
from tests.reproduce.conftest import build_stack, by_quantity, consistencies, lines_of, printed

C_LAYERS, SEVEN_LAYERS = ("conv1", "conv2", "conv3"), ("conv1", "conv2")
ALEXNET = layer_names("alexnet")


@pytest.fixture
def stacks():
    """All-CNN-C lacks the instance of seed 2, which could not be compared."""
    return {
        "all_cnn_c": build_stack(C_LAYERS, [0, 1, 3]),
        "all_cnn_7": build_stack(SEVEN_LAYERS, [0, 1, 2, 3], seed=1, surrogate=1),
    }


@pytest.fixture
def result(stacks, monkeypatch, make_work):
    def run(accuracy, **unconverged):
        both = {"train": np.ones(4), "test": np.array(accuracy)}
        return SimpleNamespace(accuracy=both, **unconverged)

    runs = {
        "all_cnn_c": run([0.5, 0.7, 0.6, 0.8], flagged=(), replaced=(3,)),
        "all_cnn_7": run([0.4, 0.5, 0.3, 0.4], flagged=(1, 2), replaced=()),
    }
    monkeypatch.setattr(depth, "rdms", lambda work, name, distance: stacks[name])
    monkeypatch.setattr(depth, "networks", lambda work, name: runs[name])
    return depth.FIG4.measure(make_work())


def by_layer(stack):
    return [consistencies(rdms) for rdms in stack.exemplar.values]


def test_networks_of_unequal_depth_and_number_are_kept_apart(result, stacks):
    for name, stack in stacks.items():
        found = depth.of_network(result, name)
        assert found.layer.values.tolist() == stack.layer.values.tolist()
        pairs = found.consistency.sel(distance="correlation")
        np.testing.assert_allclose(pairs, by_layer(stack), rtol=1e-5)
    assert result.attrs["all_cnn_c_seeds"].tolist() == [0, 1, 3]
    compared = {"all_cnn_c": 3, "all_cnn_7": 4}
    assert depth.compared(result) == {"compared": compared, "surrogate": True}


def test_fig4_findings_are_the_printed_numbers_and_the_fall_to_the_last_layer(result, stacks):
    found = by_quantity(depth.FIG4.findings(result))
    assert printed("fig4") <= set(found)
    accuracy = found["test accuracy, All-CNN-C"]
    assert (accuracy.value, accuracy.low, accuracy.high) == pytest.approx((0.65, 0.5, 0.8))
    assert accuracy.interval == "range of instances"
    assert found["training accuracy, All-CNN-C"].note.endswith("1.000, 1.000, 1.000, 1.000")
    for quantity, value in {
        "instances": 3,
        "pairs of instances": 3,
        "stimuli": 6,
        "distances in an RDM": 15,
        "instances replaced since they did not converge, All-CNN-C": 1,
        "instances kept though they did not converge, All-CNN-7": 2,
    }.items():
        assert found[quantity].value == value
    first, _, last = np.mean(by_layer(stacks["all_cnn_c"]), axis=1)
    assert found["last-layer consistency, All-CNN-C"].value == pytest.approx(last)
    fall = found["conv1 minus conv3 consistency, All-CNN-C"]
    assert fall.value == pytest.approx(first - last)
    other = found["conv1 minus conv2 consistency, All-CNN-7"]
    assert "surrogate" in other.note
    assert fall.effect is other.effect is True


def test_fig4_has_a_line_for_each_network(result):
    axes = draw_depth(result)
    lines = lines_of(axes)
    assert set(lines) == {"All-CNN-C", "All-CNN-7 surrogate"}
    expected = result.consistency_mean.sel(network="all_cnn_7", distance="correlation")
    np.testing.assert_allclose(lines["All-CNN-7 surrogate"], expected)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(C_LAYERS)


def test_fig5_compares_the_same_instances_by_every_distance(monkeypatch, make_work):
    def rdms(work, name, distance):
        """One instance could not be compared by norms: others have its number there."""
        seeds = [0, 1, 3] if distance == "norm_difference" else [0, 1, 2, 3]
        return build_stack(SEVEN_LAYERS, seeds, seed=depth.DISTANCES.index(distance))

    monkeypatch.setattr(depth, "rdms", rdms)
    result = depth.FIG5.measure(make_work())
    assert result.sizes["instance_pair"] == 3
    kept = rdms(None, "all_cnn_c", "euclidean").isel(instance=[0, 1, 3])
    found = result.consistency.sel(network="all_cnn_c", distance="euclidean")
    np.testing.assert_allclose(found, by_layer(kept), rtol=1e-5)

    findings = depth.FIG5.findings(result)
    assert {f.quantity for f in findings if not f.effect} == printed("fig5")
    effects = {f.quantity: f.value for f in findings if f.effect}
    assert len(effects) == 8
    unit = "conv1 minus conv2 consistency, Euclidean distance of unit-length patterns, All-CNN-7"
    pairs = result.consistency.sel(network="all_cnn_7", distance="unit_euclidean").values
    assert effects[unit] == pytest.approx((pairs[0] - pairs[1]).mean())

    means = [[*lines_of(axes).values()] for axes in draw_distances(result).axes]
    assert [len(lines) for lines in means] == [2, 4, 2]
    expected = result.consistency_mean.sel(network="all_cnn_c", distance="norm_difference")
    np.testing.assert_allclose(means[2][0], expected)


def test_fig6_findings_are_of_fc6_and_fc7(monkeypatch, make_work):
    stack = build_stack(ALEXNET, range(3), noise=[0.1, 0.2, 0.2, 0.2, 0.2, 0.9, 0.4, 0.6])
    run = SimpleNamespace(accuracy={"test": np.array([0.4, 0.5, 0.6])})
    monkeypatch.setattr(depth, "rdms", lambda work, name, distance: stack)
    monkeypatch.setattr(depth, "networks", lambda work, name: run)
    labels = np.array([0, 1, 1, 2])  # half of them are of one category
    monkeypatch.setattr(depth, "dataset_of", lambda run: SimpleNamespace(test_labels=labels))
    result = depth.FIG6.measure(make_work())
    found = by_quantity(depth.FIG6.findings(result))
    assert printed("fig6") <= set(found)
    means = dict(zip(ALEXNET, np.mean(by_layer(stack), axis=1), strict=True))
    above_chance = found["test accuracy minus share of the largest category, AlexNet"]
    ends = stats.t.interval(0.95, 2, 0, 0.1 / np.sqrt(3))
    np.testing.assert_allclose([above_chance.low, above_chance.high], ends)
    assert found["penultimate-layer consistency, AlexNet"].value == pytest.approx(means["fc7"])
    for more in ("conv1", "fc7"):
        effect = found[f"{more} minus fc6 consistency, AlexNet"]
        assert effect.effect
        assert effect.value == pytest.approx(means[more] - means["fc6"])


def stack(cocktail_blank):
    return build_stack(SEVEN_LAYERS, [4, 5, 6, 7], 2 * cocktail_blank, noise=[0.2, 0.6])


@pytest.fixture
def fig_s7(monkeypatch, make_work):
    """The instance of seed 5 cannot be compared by cosine with the normalisation."""

    def rdms(work, name, distance, cocktail_blank):
        missing = cocktail_blank and distance == "cosine"
        return stack(cocktail_blank).isel(instance=[0, 2, 3] if missing else [0, 1, 2, 3])

    monkeypatch.setattr(blank, "rdms", rdms)
    return blank.measure(make_work())


def test_s7_pairs_are_of_the_same_instances_in_every_condition(fig_s7):
    assert fig_s7.attrs["seeds"].tolist() == [4, 6, 7]
    for normalisation, blanked in blank.NORMALISATIONS.items():
        expected = by_layer(stack(blanked).isel(instance=[0, 2, 3]))
        for found in fig_s7.consistency.sel(normalisation=normalisation):
            np.testing.assert_allclose(found, expected, rtol=1e-5)
    for axes, distance in zip(draw_blank(fig_s7).axes, blank.DISTANCES, strict=True):
        expected = fig_s7.consistency_mean.sel(distance=distance)
        np.testing.assert_array_equal([*lines_of(axes).values()], expected)


def test_s7_effect_is_the_rise_in_the_last_layer(fig_s7):
    values = np.zeros((2, 2, 2, 3))  # normalisation, distance, layer, pair
    values[0, :, 1] = [[0.2, 0.3, 0.4], [0.5, 0.5, 0.5]]
    values[1, :, 1] = [[0.3, 0.4, 0.5], [0.4, 0.4, 0.4]]
    values[1, :, 0] = 0.9  # the first layer does not count
    rows = blank.findings(fig_s7.assign(consistency=fig_s7.consistency.copy(data=values)))
    assert all(row.effect for row in rows)
    # every pair differs by the same amount, so the interval has no width
    found = [[row.value, row.low, row.high] for row in rows]
    np.testing.assert_allclose(found, [[0.1] * 3, [-0.1] * 3])
    notes = ["the mean rises in 2 of 2 layers", "the mean rises in 1 of 2 layers"]
    assert [row.note for row in rows] == notes
