"""Networks are grouped by rate, paired by seed, and compared by the mean RDM of shared samples."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.config.settings import AnalysisConfig, Config, TrainingConfig, sweep
from ensemble_rsa.figures.paper.dropout import draw_dropout
from ensemble_rsa.reproduce.dropout_rates import (
    Networks,
    all_networks,
    by_dropout,
    by_rate,
    consistency_of_means,
    consistency_of_other_samples,
    on_grid,
    pairs_among,
)
from ensemble_rsa.reproduce.experiments import dropout as experiment
from ensemble_rsa.reproduce.experiments.dropout import caption, findings, measure
from ensemble_rsa.reproduce.paper import NUMBERS
from ensemble_rsa.runs.run import Run

SETTINGS = AnalysisConfig.of(n_resamples=50)
RATES, SEEDS = (0.0, 0.6, 0.8), (4, 5, 6)
NETWORKS = Networks((0.0,) * 3 + (0.6,) * 3 + (0.8,) * 3, SEEDS * 3, RATES, SEEDS)
LABELS = list("xxyyzz")
SHARED = "dropout 0.6, one sample: masks shared minus not shared: consistency"


def stack(layers, seeds, shift: int, axis: str = "seed") -> xr.Dataset:
    """RDMs of six stimuli, different for every layer, seed and shift."""
    rng = np.random.default_rng(shift)
    exemplar = 1 + rng.random((len(layers), len(seeds), 15))
    coords = {
        "layer": list(layers),
        "stimulus": list("abcdef"),
        "category": ("stimulus", LABELS),
        "seed": (axis, list(seeds)),
    }
    if axis == "instance":
        coords["instance"] = np.arange(len(seeds))
    return xr.Dataset(
        {
            "exemplar": (("layer", axis, "stimulus_pair"), exemplar),
            "centroid": (("layer", axis, "category_pair"), exemplar[..., :3]),
        },
        coords=coords,
        attrs={"model": "all_cnn_c"},
    )


def r2(one, other) -> float:
    return np.corrcoef(one, other)[0, 1] ** 2


def samples_of(seeds_at=lambda sample, rate: SEEDS):
    return [
        {
            rate: stack(["conv9"], SEEDS, 10 * sample + place).sel(
                seed=list(seeds_at(sample, rate))
            )
            for place, rate in enumerate(RATES[1:], start=1)
        }
        for sample in range(3)
    ]


def measured(samples=None, untested=None) -> xr.Dataset:
    untested = untested or {
        rate: stack(["conv8", "conv9"], SEEDS, 100 + place) for place, rate in enumerate(RATES)
    }
    accuracies = {
        name: np.arange(9) / 10 + shift
        for name, shift in (("train_accuracy", 0.05), ("test_accuracy", 0), ("dropout_accuracy", 0))
    }
    return by_dropout(NETWORKS, untested, samples or samples_of(), accuracies, SETTINGS.statistics)


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    return measured()


def run_of(config: Config, seeds: tuple[int, ...]) -> Run:
    accuracy = {"train": np.ones(len(seeds)), "test": np.full(len(seeds), 0.5)}
    return Run(Path(), config, seeds, accuracy, (), (), (8, 8, 1), ("x", "y", "z"), "")


def test_instances_of_a_sweep_are_grouped_by_their_own_rate():
    config = sweep(Config(training=TrainingConfig(instances=2, seed=4)), dropout=[0.6, 0.8])
    # one instance of the baseline did not converge, and seed 7 stands in for seed 5
    found = all_networks(run_of(Config(), (4, 7)), run_of(config, config.training.seeds), RATES)
    assert found.rate_of == (0, 0, 0.6, 0.6, 0.8, 0.8)
    assert found.seed_of == (4, 7, 4, 5, 4, 5)
    assert found.seeds == (4, 5, 7)


def test_an_excluded_instance_drops_out_of_its_group():
    whole = stack(["conv9"], (4, 5, 6, 4, 5, 6), 0, axis="instance")
    part = whole.isel(instance=[0, 2, 3, 4, 5])  # number 1, of seed 5 at the first rate, is out
    found = by_rate(part, (0.6,) * 3 + (0.8,) * 3)
    assert {rate: one.seed.values.tolist() for rate, one in found.items()} == {
        0.6: [4, 6], 0.8: [4, 5, 6],
    }  # fmt: skip
    np.testing.assert_array_equal(found[0.6].exemplar[0], whole.exemplar[0, [0, 2]])
    np.testing.assert_array_equal(found[0.8].exemplar[0], whole.exemplar[0, 3:])


def test_pairs_are_those_of_seeds_wherever_they_stand():
    rdms = stack(["conv9"], (6, 4), 0).exemplar[0]
    found = pairs_among(rdms, SEEDS)  # pairs 4-5, 4-6, 5-6
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == pytest.approx(r2(rdms[0], rdms[1]), abs=1e-6)


def test_rdms_are_averaged_over_the_first_samples_before_they_are_compared():
    samples = samples_of()
    found = list(consistency_of_means(samples, RATES, SEEDS))
    assert len(found) == 3
    for k, (place, rate) in itertools.product((1, 2, 3), ((1, 0.6), (2, 0.8))):
        rdms = np.stack([samples[s][rate].exemplar.values[0] for s in range(k)])
        mean = rdms.mean(0)
        expected = [r2(mean[0], mean[1]), r2(mean[0], mean[2]), r2(mean[1], mean[2])]
        np.testing.assert_allclose(found[k - 1][place], expected, atol=1e-6)
        consistencies = np.mean([r2(one[0], one[1]) for one in rdms])  # the nearest wrong reading
        assert k == 1 or expected[0] != pytest.approx(consistencies, abs=1e-3)


def test_masks_are_not_shared_between_two_samples():
    samples = samples_of(lambda sample, rate: (6, 4) if (sample, rate) == (1, 0.8) else SEEDS)
    found = consistency_of_other_samples(samples[:2], RATES, SEEDS)
    assert np.isnan(found[0]).all()
    assert np.isnan(found[2, [0, 2]]).all()
    at_best, at_highest = (
        [one[rate].exemplar.values[0] for one in samples[:2]] for rate in RATES[1:]
    )
    first, second = at_best
    assert found[1, 0] == pytest.approx((r2(first[0], second[1]) + r2(first[1], second[0])) / 2)
    first, second = at_highest  # of the second, seeds 6 and 4 in this order
    assert found[2, 1] == pytest.approx((r2(first[0], second[0]) + r2(first[2], second[1])) / 2)
    assert np.isnan(consistency_of_other_samples(samples[:1], RATES, SEEDS)).all()


def test_seeds_in_another_order_are_averaged_with_their_own():
    samples = samples_of()
    expected = list(consistency_of_means(samples, RATES, SEEDS))[-1]
    samples[1] = {rate: one.isel(seed=[2, 0, 1]) for rate, one in samples[1].items()}
    found = list(consistency_of_means(samples, RATES, SEEDS))[-1]
    np.testing.assert_allclose(found, expected)


def test_without_dropout_in_training_every_number_of_samples_is_the_same(result):
    at_zero = result.sampled_consistency.sel(dropout=0)
    for sample in (1, 2, 3):
        np.testing.assert_array_equal(at_zero.sel(sample=sample), result.consistency.sel(dropout=0))
    assert np.ptp(result.sampled_consistency.sel(dropout=0.6).values[:, 0]) > 0


def test_an_instance_missing_from_one_sample_is_left_out_throughout():
    gone = lambda sample, rate: (4, 6) if (sample, rate) == (1, 0.8) else SEEDS
    found = measured(samples_of(gone))
    at = found.sel(dropout=0.8)
    for values in (at.consistency, at.centroid_consistency, *at.sampled_consistency):
        assert np.isnan(values).values.tolist() == [True, False, True]
    for values in (at.train_accuracy, at.dropout_accuracy, *at.clustering_index):
        assert np.isnan(values).values.tolist() == [False, True, False]
    assert not np.isnan(found.sel(dropout=0.6).consistency).any()
    assert found.attrs["left_out"] == "seeds 5 at 0.8"
    assert "Left out, since they cannot be compared: seeds 5 at 0.8." in caption(found)
    fall = {one.quantity: one for one in findings(found)}[
        "dropout 0.6 minus 0.8: consistency, no dropout at test"
    ]
    common = found.consistency.sel(dropout=0.6)[1] - at.consistency[1]  # of seeds 4 and 6 alone
    assert fall.value == pytest.approx(float(common))
    assert "2 of 3 instances" in fall.note


def test_values_stand_at_their_rate_and_seed():
    grid = on_grid(np.array([0.1, 0.2, 0.3]), Networks((0.0, 0.6, 0.6), (5, 6, 4), RATES, SEEDS))
    expected = [[np.nan, 0.1, np.nan], [0.3, np.nan, 0.2], [np.nan] * 3]
    np.testing.assert_array_equal(grid, expected)


def test_last_layer_for_consistency_both_for_clustering(result):
    layers = ["conv8", "conv9"]
    untested = stack(layers, SEEDS, 101)  # of rate 0.6
    at = result.sel(dropout=0.6)
    for kind, name in (("exemplar", "consistency"), ("centroid", "centroid_consistency")):
        rdms = untested[kind].sel(layer="conv9").values
        assert float(at[name][0]) == pytest.approx(r2(rdms[0], rdms[1]), abs=1e-6)
    same = np.array([a == b for a, b in itertools.combinations(LABELS, 2)])
    for layer in layers:
        rdm = untested.exemplar.sel(layer=layer, seed=5).values
        within, across = rdm[same].mean(), rdm[~same].mean()
        index = float(at.clustering_index.sel(layer=layer)[1])
        assert index == pytest.approx((across - within) / (across + within))


def test_findings_are_the_papers_with_the_signs_it_reports(result):
    found = {(one.quantity, one.effect): one for one in findings(result)}
    printed = {quantity for figure, quantity in NUMBERS if figure == "fig8"}
    assert {quantity for quantity, effect in found if not effect} == printed | {SHARED}
    mean = lambda name, **at: float(result[f"{name}_mean"].sel(**at))
    at_best = {"dropout": 0.6}
    for quantity, expected in {
        "dropout 0.6 minus 0: consistency, no dropout at test": (
            mean("consistency", **at_best) - mean("consistency", dropout=0)
        ),
        "dropout 0.6, all samples minus one sample: consistency": (
            mean("sampled_consistency", sample=3, **at_best)
            - mean("sampled_consistency", sample=1, **at_best)
        ),
        "dropout 0.6, all samples minus no dropout at test: consistency": (
            mean("sampled_consistency", sample=3, **at_best) - mean("consistency", **at_best)
        ),
        "dropout 0.8 minus 0: clustering index of conv8": (
            mean("clustering_index", dropout=0.8, layer="conv8")
            - mean("clustering_index", dropout=0, layer="conv8")
        ),
        "dropout 0 minus 0.8: centroid consistency": (
            mean("centroid_consistency", dropout=0) - mean("centroid_consistency", dropout=0.8)
        ),
        "dropout 0 minus 0.6: training accuracy": -0.3,
    }.items():
        assert found[quantity, True].value == pytest.approx(expected)
    assert found[SHARED, False].value == pytest.approx(
        mean("sampled_consistency", sample=1, **at_best) - mean("unshared_consistency", **at_best)
    )
    moderate = found["moderate dropout (0.4, our choice) minus 0: test accuracy", True]
    assert moderate.note == "0.6 stands for 0.4"


def test_measure_asks_for_each_sample_of_the_last_layer(monkeypatch, make_work):
    config = Config(training=TrainingConfig(instances=3, seed=4))
    asked = []

    def rdms(work, name, layers=None, **chosen):
        asked.append((name, layers, chosen))
        n = 3 if name == "control" else 6
        found = stack([f"conv{i}" for i in range(1, 10)], (SEEDS * 2)[:n], len(asked), "instance")
        return found.sel(layer=layers) if layers else found

    swept = sweep(config, dropout=[0.6, 0.8])
    runs = {
        "control": run_of(config, SEEDS),
        "dropout": run_of(swept, swept.training.seeds),
    }
    for name, stand_in in (
        ("networks", lambda work, name: runs[name]),
        ("rdms", rdms),
        ("dataset_of", lambda run: None),
        ("accuracy_with_dropout", lambda run, dataset: np.full(6, 0.4)),
    ):
        monkeypatch.setattr(experiment, name, stand_in)
    found = measure(make_work(analysis=SETTINGS, rates=RATES, samples=2))
    assert asked == [
        ("control", None, {}),
        ("dropout", ["conv8", "conv9"], {}),
        ("dropout", ["conv9"], {"dropout_sample": 0}),
        ("dropout", ["conv9"], {"dropout_sample": 1}),
    ]
    assert found.dropout_accuracy.values.tolist() == [[0.5] * 3, [0.4] * 3, [0.4] * 3]


def test_the_heat_map_holds_the_means_and_last_those_without_dropout_at_test(result):
    figure = draw_dropout(result)
    axes = next(one for one in figure.axes if one.get_xlabel().startswith("Samples"))
    expected = np.column_stack([result.sampled_consistency_mean, result.consistency_mean])
    written = [text.get_text() for text in axes.texts]
    assert written == [f"{value:.2f}" for value in expected.ravel()]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "3", "none"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["0", "0.6", "0.8"]
    drawn = np.ma.filled(axes.collections[0].get_array(), np.nan)
    np.testing.assert_array_equal(drawn[:, [0, 1, 2, 4]], expected)


def test_courses_are_the_means_by_rate(result):
    axes = {one.get_ylabel(): one for one in draw_dropout(result).axes}
    shown = {
        name: {
            line.get_label(): line.get_ydata()
            for line in one.lines
            if len(line.get_xdata()) == 3 and line.get_linestyle() == "-"
        }
        for name, one in axes.items()
    }
    expected = {
        ("Accuracy", "training images"): result.train_accuracy_mean,
        ("Accuracy", "test images"): result.test_accuracy_mean,
        ("Accuracy", "test images, dropout at test"): result.dropout_accuracy_mean,
        ("Category clustering index", "conv8"): result.clustering_index_mean[0],
        ("Category clustering index", "conv9"): result.clustering_index_mean[1],
        ("Exemplar consistency (r²)", "1 sample"): result.sampled_consistency_mean[:, 0],
        ("Exemplar consistency (r²)", "3 samples"): result.sampled_consistency_mean[:, -1],
        ("Exemplar consistency (r²)", "1 sample, masks not shared"): (
            result.unshared_consistency_mean
        ),
        ("Exemplar consistency (r²)", "no dropout at test"): result.consistency_mean,
        ("Centroid consistency (r²)", "mean"): result.centroid_consistency_mean,
    }
    for (panel, label), values in expected.items():
        np.testing.assert_array_equal(shown[panel][label], values)
