"""Figs 9 and S8: epochs and instances are matched; findings begin where the paper's epochs do."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.config.settings import Config, TrainingConfig
from ensemble_rsa.figures.paper.trajectory import draw_trajectory
from ensemble_rsa.reproduce.experiments import trajectory as experiment
from ensemble_rsa.reproduce.experiments.trajectory import (
    caption_values,
    findings,
    measure,
    trajectory,
)
from tests.reproduce.conftest import (
    PAIRS,
    by_quantity,
    lines_of,
    printed,
    shared_variance,
    stack_of,
)

STATISTICS = StatisticsConfig(n_resamples=50)
SEEDS = (4, 5, 6)
EPOCH = 50_000  # images: each epoch is one of the paper's


def made_up(epochs, seeds=SEEDS) -> dict[int, xr.Dataset]:
    """RDMs of every epoch that drift apart: the more, the later."""
    rng = np.random.default_rng(1)
    shared, own = rng.random(15), rng.random((len(seeds), 15))
    stacks = {}
    for epoch in epochs:
        exemplar = shared + 0.2 * np.log2(2 + epoch) * own + 0.05 * rng.random(own.shape)
        centroid = rng.random((1, len(seeds), 3))
        stacks[epoch] = stack_of(["conv9"], seeds, exemplar[None], centroid)
    return stacks


def accuracy(last: int, seeds=SEEDS) -> xr.DataArray:
    """Of seed s after epoch e: e + s / 100, in per mille."""
    epochs = np.arange(1, last + 1)
    values = (epochs[:, None] + np.array(seeds) / 100) / 1000
    coords = {"epoch": epochs, "seed": ("instance", list(seeds))}
    return xr.DataArray(values, dims=("epoch", "instance"), coords=coords)


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    return trajectory(made_up(range(7)), accuracy(6), EPOCH, STATISTICS)


@pytest.fixture(scope="module")
def late() -> xr.Dataset:
    return trajectory(made_up((0, 1, 2, 50, 100)), accuracy(100), EPOCH, STATISTICS)


def test_every_epoch_is_compared_with_every_other(result):
    stacks = made_up(range(7))
    rows = np.concatenate([stack.exemplar.values[0] for stack in stacks.values()])
    expected = np.corrcoef(rows).reshape(7, 3, 7, 3) ** 2
    np.testing.assert_allclose(result.similarity.sel(kind="exemplar"), expected, atol=1e-6)


def test_instances_are_matched_by_seed_at_every_epoch():
    stacks = made_up(range(1, 5))
    whole = trajectory(stacks, accuracy(4), EPOCH, STATISTICS)
    stacks[3] = stacks[3].isel(instance=[2, 0])  # another order, and seed 5 cannot be compared
    part = trajectory(stacks, accuracy(4, seeds=(6, 5, 4)), EPOCH, STATISTICS)
    assert part.seed.values.tolist() == [4, 6]
    np.testing.assert_allclose(
        part.similarity, whole.similarity.isel(instance=[0, 2], instance_b=[0, 2])
    )
    np.testing.assert_allclose(part.consistency[..., 0], whole.consistency[..., 1])  # 4 with 6
    np.testing.assert_allclose(part.test_accuracy, whole.test_accuracy.isel(instance=[0, 2]))


def test_an_epoch_has_the_accuracy_after_it(result):
    assert np.isnan(result.test_accuracy.sel(epoch=0)).all()
    assert result.test_accuracy.sel(epoch=3).values == pytest.approx([0.00304, 0.00305, 0.00306])
    assert float(result.test_accuracy_mean.sel(epoch=5)) == pytest.approx(0.00505)


def test_the_correlation_is_over_epochs_without_the_initial_weights(result):
    for kind in ("exemplar", "centroid"):
        means = result.consistency.sel(kind=kind).mean("instance_pair").values
        expected = np.corrcoef(np.arange(1, 7), means[1:])[0, 1]
        found = result.correlation.sel(kind=kind)
        assert float(found.sel(estimator="pearson")) == pytest.approx(expected)
        assert expected != pytest.approx(np.corrcoef(np.arange(7), means)[0, 1], abs=1e-3)
    assert not result.outlier.sel(epoch=0).any()


def test_epochs_before_the_papers_first_are_in_no_finding(result):
    """Of 20,000 images an epoch, the third is the first after 50,000."""
    early = trajectory(made_up(range(7)), accuracy(6), 20_000, STATISTICS)
    assert early.compared.values.tolist() == [0, 0, 0, 1, 1, 1, 1]
    means = early.consistency.sel(kind="exemplar").mean("instance_pair").values
    expected = np.corrcoef(np.arange(3, 7), means[3:])[0, 1]
    pearson = early.correlation.sel(kind="exemplar", estimator="pearson")
    assert float(pearson) == pytest.approx(expected)
    quantities = [row.quantity for row in findings(early)]
    assert quantities[1] == "epoch 3 minus epoch 6 consistency"
    for one in findings(trajectory(made_up(range(7)), accuracy(6), 9000, STATISTICS)):
        assert np.isnan(one.value)
        assert one.note == "not defined: fewer than two epochs are kept after 50,000 images"
    values = caption_values(early, "exemplar")
    assert (values["first"], values["earlier"]) == (3, [0, 1, 2])
    assert (caption_values(result, "exemplar")["first"]) == 1
    dots = {axes.get_xlabel(): axes for axes in draw_trajectory(early, "exemplar").axes}
    shown = {one.get_label(): one.get_offsets() for one in dots["Test accuracy"].collections[2:]}
    assert len(shown["earlier"]) == 2  # epochs 1 and 2


def test_findings_are_the_papers_with_the_signs_it_reports(result):
    number, fall, turned, _, above, centroid_fall, _ = findings(result)
    assert {number.quantity} == printed("fig9")
    skipped = result.sel(kind="exemplar", estimator="skipped")
    assert (number.value, number.low) == (skipped.correlation, skipped.correlation_low)
    assert turned.quantity == "minus the correlation of accuracy and consistency"
    assert (turned.value, turned.low, turned.high) == (-number.value, -number.high, -number.low)
    exemplar, centroid = (result.consistency_mean.sel(kind=kind) for kind in experiment.KINDS)
    assert fall.value == pytest.approx(float(exemplar[1] - exemplar[6]))
    assert fall.low > 0  # since the made-up RDMs drift apart
    assert above.quantity == "centroid minus exemplar consistency at epoch 1"
    assert above.value == pytest.approx(float(centroid[1] - exemplar[1]))
    assert centroid_fall.value == pytest.approx(float(centroid[1] - centroid[6]))


@pytest.mark.parametrize(
    ("name", "epochs", "note"),
    [("result", (5, 6), "epoch 5 is used for 50"), ("late", (50, 100), "")],
)
def test_instances_are_compared_with_themselves_from_the_stable_epoch(name, epochs, note, request):
    result, (stable, last) = request.getfixturevalue(name), epochs
    quantity = f"epochs {stable} and {last}: consistency with oneself minus with other instances"
    own = by_quantity(findings(result))[quantity]
    between = result.similarity.sel(kind="exemplar", epoch=stable, epoch_b=last).values
    others = np.mean([between[pair] for pair in PAIRS])
    assert (own.value, own.note) == (pytest.approx(np.diagonal(between).mean() - others), note)


def test_every_kept_epoch_is_loaded_and_the_last_one_anyway(monkeypatch, make_work):
    stacks, asked = made_up((0, 1, 2, 3)), []

    def rdms(work, name, layers, **chosen):
        asked.append((name, tuple(layers), chosen))
        return stacks[chosen.get("epoch", 3)]

    run = SimpleNamespace(config=Config(training=TrainingConfig(epochs=3)))
    history = SimpleNamespace(test_accuracy=accuracy(3))
    monkeypatch.setattr(experiment, "networks", lambda work, name: run)
    monkeypatch.setattr(experiment, "kept_epochs", lambda run: (0, 1, 2))
    monkeypatch.setattr(experiment, "rdms", rdms)
    monkeypatch.setattr(experiment, "load_history", lambda run: history)
    found = measure(make_work(n_resamples=50))
    kept = [{"epoch": 0}, {"epoch": 1}, {"epoch": 2}, {}]
    assert asked == [("all_cnn_c", ("conv9",), chosen) for chosen in kept]
    assert found.epoch.values.tolist() == [0, 1, 2, 3]
    expected = shared_variance(*stacks[2].exemplar.values[0, :2])
    assert float(found.consistency[0, 2, 0]) == pytest.approx(expected, abs=1e-6)


def test_the_matrix_goes_epoch_by_epoch_without_the_initial_weights(result):
    figure = draw_trajectory(result, "exemplar")
    matrices = [axes for axes in figure.axes if axes.images]
    assert len(matrices) == 1
    expected = result.similarity.sel(kind="exemplar").values[1:, :, 1:].reshape(18, 18)
    np.testing.assert_array_equal(matrices[0].images[0].get_array(), expected)


def test_panels_show_the_numbers(result):
    drawn = draw_trajectory(result, "centroid").axes
    axes = {one.get_ylabel() + one.get_xlabel(): one for one in drawn}
    centroid = result.consistency_mean.sel(kind="centroid").values
    by_epoch = lines_of(axes["Centroid consistency (r²)Epoch"])
    np.testing.assert_array_equal(by_epoch["mean"], centroid[1:])
    np.testing.assert_array_equal(by_epoch["before 50,000 images (ours)"], centroid[:1])
    tested = axes["Test accuracyEpoch"].lines[-1].get_ydata()
    np.testing.assert_array_equal(tested, result.test_accuracy_mean[1:])
    dots = axes["Consistency (r²)Test accuracy"]
    out = result.outlier.sel(kind="centroid", estimator="skipped").values[1:].astype(bool)
    points = np.stack([result.test_accuracy_mean, centroid], 1)[1:]
    shown = {one.get_label(): np.asarray(one.get_offsets()) for one in dots.collections[2:]}
    np.testing.assert_array_equal(shown["epochs"], points[~out])
    np.testing.assert_array_equal(shown["outliers"], points[out])
    values = caption_values(result, "centroid")
    assert (values["kind"], values["layer"], values["earlier"]) == ("centroid", "conv9", [0])


def test_late_epochs_have_a_matrix_of_their_own(late):
    matrices = [axes for axes in draw_trajectory(late, "exemplar").axes if axes.images]
    labels = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in matrices]
    assert labels == [["1", "2"], ["1", "50", "100"]]
