"""Fig. 8: networks are grouped by rate, paired by seed, and compared with shared masks."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.config.settings import Config, TrainingConfig
from ensemble_rsa.config.sweep import sweep
from ensemble_rsa.figures.paper.dropout import draw_dropout
from ensemble_rsa.reproduce.dropout_rates import Grid, by_dropout
from ensemble_rsa.reproduce.experiments import dropout
from ensemble_rsa.runs.run import Run
from tests.reproduce.conftest import (
    by_quantity,
    consistencies,
    lines_of,
    printed,
    shared_variance,
    stack_of,
)

RATES, SEEDS = (0.0, 0.6, 0.8), (4, 5, 6)


def stack(layers, rates, shift: int) -> xr.Dataset:
    """RDMs of six stimuli, different for every layer, rate, seed and shift."""
    rng = np.random.default_rng(shift)
    networks = list(itertools.product(rates, SEEDS))
    exemplar = 1 + rng.random((len(layers), len(networks), 15))
    found = stack_of(layers, [seed for _, seed in networks], exemplar, exemplar[..., :3])
    return found.assign_coords(dropout=("instance", [rate for rate, _ in networks]))


def samples_of() -> list[xr.Dataset]:
    """Three samples of masks."""
    return [stack(["conv9"], RATES[1:], shift) for shift in range(3)]


UNTESTED = [stack(["conv8", "conv9"], RATES[:1], 100), stack(["conv8", "conv9"], RATES[1:], 101)]


def measured(samples) -> xr.Dataset:
    whole = xr.concat(UNTESTED, "instance").exemplar.isel(layer=0, stimulus_pair=0, drop=True)
    own = whole.copy(data=np.arange(9) / 10)
    names = ("train_accuracy", "test_accuracy", "dropout_accuracy")
    accuracies, statistics = {name: [own] for name in names}, StatisticsConfig(n_resamples=50)
    return by_dropout(Grid(RATES, SEEDS), UNTESTED, samples, accuracies, statistics)


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    return measured(samples_of())


def test_rdms_are_averaged_over_the_first_samples_before_they_are_compared(result):
    for k, place in itertools.product((1, 2, 3), (1, 2)):
        at = [one.exemplar.values[0, 3 * place - 3 : 3 * place] for one in samples_of()[:k]]
        expected = consistencies(np.mean(at, axis=0))
        found = result.sampled_consistency[place, k - 1]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        of_each = np.mean([consistencies(one)[0] for one in at])  # the likeliest error
        assert k == 1 or expected[0] != pytest.approx(of_each, abs=1e-3)


def test_masks_differ_between_the_first_two_samples(result):
    first, second = (one.exemplar.values[0] for one in samples_of()[:2])
    for rate, i, j in ((0.6, 0, 1), (0.8, 3, 4)):  # of seeds 4 and 5
        both = shared_variance(first[i], second[j]) + shared_variance(first[j], second[i])
        found = float(result.unshared_consistency.sel(dropout=rate)[0])
        assert found == pytest.approx(both / 2)


def test_without_dropout_in_training_every_number_of_samples_is_the_same(result):
    at_zero = result.sel(dropout=0)
    sampled, plain = at_zero.sampled_consistency, at_zero.consistency
    np.testing.assert_array_equal(sampled, [plain] * 3)
    assert np.ptp(result.sampled_consistency.sel(dropout=0.6).values[:, 0]) > 0


def test_an_instance_missing_from_one_sample_is_left_out_throughout():
    samples = samples_of()
    samples[1] = samples[1].drop_isel(instance=4)  # seed 5 at rate 0.8
    found = measured(samples)
    at = found.sel(dropout=0.8)
    of_pairs = (at.consistency, at.centroid_consistency, at.unshared_consistency)
    for values in (*of_pairs, *at.sampled_consistency):
        assert np.isnan(values).values.tolist() == [True, False, True]
    for values in (at.train_accuracy, at.dropout_accuracy, *at.clustering_index):
        assert np.isnan(values).values.tolist() == [False, True, False]
    assert not np.isnan(found.sel(dropout=0.6).consistency).any()
    assert dropout.caption_values(found) == {"left_out": "seeds 5 at 0.8"}
    quantity = "dropout 0.6 minus 0.8: consistency, no dropout at test"
    fall = by_quantity(dropout.findings(found))[quantity]
    common = [  # of seeds 4 and 6, at each rate
        shared_variance(*UNTESTED[1].exemplar.sel(layer="conv9")[places].values)
        for places in ([0, 2], [3, 5])
    ]
    assert fall.value == pytest.approx(common[0] - common[1])
    assert "2 of 3 instances" in fall.note


def test_consistency_is_of_the_last_layer_and_clustering_of_both(result):
    untested = UNTESTED[1].isel(instance=slice(3))  # rate 0.6
    at = result.sel(dropout=0.6)
    for kind, name in (("exemplar", "consistency"), ("centroid", "centroid_consistency")):
        expected = consistencies(untested[kind].sel(layer="conv9"))
        np.testing.assert_allclose(at[name], expected, atol=1e-6)
    same = np.array([a == b for a, b in itertools.combinations("xxyyzz", 2)])
    for layer in ("conv8", "conv9"):
        rdm = untested.exemplar.sel(layer=layer)[1].values
        within, across = rdm[same].mean(), rdm[~same].mean()
        index = float(at.clustering_index.sel(layer=layer)[1])
        assert index == pytest.approx((across - within) / (across + within))


def test_findings_are_the_papers_with_the_signs_it_reports(result):
    found = by_quantity(dropout.findings(result))
    shared = "dropout 0.6, one sample: masks shared minus not shared: consistency"
    numbers = {quantity for quantity, one in found.items() if not one.effect}
    others = [
        f"dropout {pair}: clustering index of conv8" for pair in ("0.6 minus 0", "0.8 minus 0.6")
    ]
    assert numbers == printed("fig8") | {shared, *others}
    at = lambda name, rate: result[f"{name}_mean"].sel(dropout=rate).values
    plain, index = at("consistency", 0.6), at("clustering_index", 0.6) - at("clustering_index", 0)
    one, _, every = at("sampled_consistency", 0.6)
    for quantity, expected in {
        "dropout 0.6 minus 0: consistency, no dropout at test": plain - at("consistency", 0),
        "dropout 0.6, all samples minus one sample: consistency": every - one,
        "dropout 0.6, all samples minus no dropout at test: consistency": every - plain,
        "dropout 0.6 minus 0: clustering index of conv9": index[1],
        "dropout 0 minus 0.8: centroid consistency": (
            at("centroid_consistency", 0) - at("centroid_consistency", 0.8)
        ),
        "dropout 0 minus 0.6: training accuracy": -0.3,
        shared: one - at("unshared_consistency", 0.6),
    }.items():
        assert found[quantity].value == pytest.approx(float(expected))
    moderate = found["moderate dropout (0.4, our choice) minus 0: test accuracy"]
    assert moderate.note == "0.6 is used for 0.4"


def test_a_rate_is_not_compared_with_itself(result):
    found = by_quantity(dropout.findings(result.sel(dropout=[0, 0.6])))
    fall = found["dropout 0.6 minus 0.8: consistency, no dropout at test"]
    assert np.isnan(fall.value)
    assert fall.note == "not defined: 0.6 is used for 0.8, so that both are the same"


def test_measure_gives_every_network_its_rate_and_seed(monkeypatch, make_work, tmp_path):
    config = Config(training=TrainingConfig(instances=2, seed=4))
    swept = sweep(config, dropout=[0.6, 0.8])

    def run_of(config, seeds, accuracy):
        both = {"train": np.array(accuracy), "test": np.array(accuracy)}
        return Run(Path(), config, seeds, both, (), (), (8, 8, 1), ("x", "y", "z"), "")

    # one instance of the control did not converge, and seed 7 replaces seed 5
    runs = {
        "control": run_of(config, (4, 7), [0.1, 0.2]),
        "dropout": run_of(swept, swept.training.seeds, [0.3, 0.4, 0.5, 0.6]),
    }
    asked = []

    def rdms(work, name, layers=None, **chosen):
        asked.append((name, layers, chosen))
        layers = layers or [f"conv{i}" for i in range(1, 10)]
        found = stack(layers, RATES, len(asked)).isel(instance=slice(len(runs[name].seeds)))
        seeds = ("instance", list(runs[name].seeds))
        return found.drop_vars("dropout").assign_coords(seed=seeds)

    monkeypatch.setattr(dropout, "networks", lambda work, name: runs[name])
    monkeypatch.setattr(dropout, "rdms", rdms)
    monkeypatch.setattr(dropout, "dataset_of", lambda run: None)
    tested = []

    def accuracy_with_dropout(run, dataset):
        tested.append(run)
        return np.full(4, 0.9)

    monkeypatch.setattr(dropout, "accuracy_with_dropout", accuracy_with_dropout)
    work = make_work(tmp_path, rates=RATES, samples=2)
    found = dropout.measure(work)
    assert asked == [
        ("control", None, {}),
        ("dropout", ["conv8", "conv9"], {}),
        ("dropout", ["conv9"], {"dropout_sample": 0}),
        ("dropout", ["conv9"], {"dropout_sample": 1}),
    ]
    assert found.seed.values.tolist() == [4, 5, 7]
    nan = np.nan
    expected = [[0.1, nan, 0.2], [0.3, 0.4, nan], [0.5, 0.6, nan]]
    np.testing.assert_array_equal(found.test_accuracy, expected)
    expected = [[0.1, nan, 0.2], [0.9, 0.9, nan], [0.9, 0.9, nan]]
    np.testing.assert_array_equal(found.dropout_accuracy, expected)
    again = dropout.measure(work)  # the accuracies are stored
    np.testing.assert_array_equal(again.dropout_accuracy, expected)
    assert tested == [runs["dropout"]]


def test_the_heat_map_has_the_means_and_last_those_without_dropout_at_test(result):
    axes = next(a for a in draw_dropout(result).axes if a.get_xlabel().startswith("Samples"))
    expected = np.column_stack([result.sampled_consistency_mean, result.consistency_mean])
    texts = lambda parts: [part.get_text() for part in parts]
    assert texts(axes.texts) == [f"{value:.2f}" for value in expected.ravel()]
    assert texts(axes.get_xticklabels()) == ["1", "2", "3", "none"]
    assert texts(axes.get_yticklabels()) == ["0", "0.6", "0.8"]
    drawn = np.ma.filled(axes.collections[0].get_array(), np.nan)
    np.testing.assert_array_equal(drawn[:, [0, 1, 2, 4]], expected)


def test_lines_are_the_means_by_rate(result):
    shown = {axes.get_ylabel(): lines_of(axes) for axes in draw_dropout(result).axes}
    exemplar, centroid = (shown[f"{kind} consistency (r²)"] for kind in ("Exemplar", "Centroid"))
    sampled = result.sampled_consistency_mean
    for drawn, values in (
        (shown["Accuracy"]["training images"], result.train_accuracy_mean),
        (shown["Accuracy"]["test images, dropout at test"], result.dropout_accuracy_mean),
        (shown["Category clustering index"]["conv8"], result.clustering_index_mean[0]),
        (exemplar["1 sample"], sampled[:, 0]),
        (exemplar["3 samples"], sampled[:, -1]),
        (exemplar["1 sample, masks not shared"], result.unshared_consistency_mean),
        (exemplar["no dropout at test"], result.consistency_mean),
        (
            shown["Centroid consistency (r²)"]["no dropout at test"],
            result.centroid_consistency_mean,
        ),
    ):
        np.testing.assert_array_equal(drawn, values)
