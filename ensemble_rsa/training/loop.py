"""Epochs: shuffle, train, test, report; then name or replace what did not converge."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ensemble_rsa.backend import Execution
from ensemble_rsa.config import Config
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.ensemble import (
    Blueprint,
    Network,
    Parameters,
    init_ensemble,
    replace_members,
)
from ensemble_rsa.training.convergence import Verdict, unconverged_instances
from ensemble_rsa.training.step import Images, Programs, TrainingState, epoch_order, make_programs

SECONDS_PER_REPORT = 1.0
DRAWS_PER_INSTANCE = 3  # replacing stops after this many seeds per instance asked for


@dataclass(frozen=True)
class History:
    """Loss and accuracy over each epoch's steps, and test accuracy (NaN where not tested)."""

    train_loss: Float[np.ndarray, "epoch instance"]
    train_accuracy: Float[np.ndarray, "epoch instance"]
    test_accuracy: Float[np.ndarray, "epoch instance"]


@dataclass(frozen=True)
class Status:
    """How far training is, for a progress bar; values are the newest there are."""

    step: int
    steps: int
    epoch: int
    epoch_ended: bool
    seeds: tuple[int, ...]
    train_loss: Float[np.ndarray, " instance"]
    train_accuracy: Float[np.ndarray, " instance"]
    test_accuracy: Float[np.ndarray, " instance"] | None


@dataclass(frozen=True)
class TrainedEnsemble:
    """Networks and how they came to be.

    Attributes:
        network: the static half.
        parameters: stacked on the instance axis.
        seeds: weight seed of each instance.
        history: what happened in each epoch.
        train_accuracy, test_accuracy: `(instance,)` of the final networks on all images.
        flagged: instances kept although they did not converge.
        replaced: instances that others stand in for.
    """

    network: Network
    parameters: Parameters
    seeds: tuple[int, ...]
    history: History
    train_accuracy: Float[np.ndarray, " instance"]
    test_accuracy: Float[np.ndarray, " instance"]
    flagged: tuple[Verdict, ...]
    replaced: tuple[Verdict, ...]


Report = Callable[[Status], None]


def check_batch_size(config: Config, dataset: Dataset) -> None:
    """Raise if no step can be made.

    Raises:
        InputError: the batch is larger than the training set.
    """
    n_images = len(dataset.train_labels)
    if config.training.batch_size > n_images:
        raise InputError(
            f"batch_size: {config.training.batch_size} is more than {n_images} training images; "
            "give a smaller batch or more images"
        )


def train_ensemble(
    config: Config, dataset: Dataset, execution: Execution, report: Report | None = None
) -> TrainedEnsemble:
    """Train all instances of `config` on `dataset`.

    Args:
        config: data, network and recipe.
        dataset: images and labels.
        execution: how convolutions are computed and instances mapped on this device.
        report: called about once a second with the status.

    Raises:
        InputError: the batch is larger than the training set.
    """
    check_batch_size(config, dataset)
    preprocessing = fit_preprocessing(config.data.preprocessing, dataset.train_images)
    train_data, test_data = (
        Images(jnp.asarray(images), jnp.asarray(labels, jnp.int32), preprocessing)
        for images, labels in (
            (dataset.train_images, dataset.train_labels),
            (dataset.test_images, dataset.test_labels),
        )
    )
    first = config.training.seed
    seeds = list(range(first, first + config.training.instances))
    trained = _train_seeds(config, dataset, seeds, train_data, test_data, execution, report)
    drawn, most = len(seeds), DRAWS_PER_INSTANCE * len(seeds)
    while config.training.unconverged == "replace" and trained.flagged and drawn < most:
        count = min(len(trained.flagged), most - drawn)
        fresh = _train_seeds(
            config,
            dataset,
            range(first + drawn, first + drawn + count),
            train_data,
            test_data,
            execution,
            report,
        )
        trained = _stand_in(trained, fresh)
        drawn += count
    return trained


def _train_seeds(
    config: Config,
    dataset: Dataset,
    seeds: Sequence[int],
    train_data: Images,
    test_data: Images,
    execution: Execution,
    report: Report | None,
) -> TrainedEnsemble:
    """One ensemble from first weights to the verdict on each instance."""
    settings = config.training
    blueprint = Blueprint(
        config.model.model,
        dataset.train_images.shape[1:],
        len(dataset.categories),
        width=config.model.width,
        last_relu=config.model.last_relu,
        convolution=execution.convolution,
    )
    network, parameters = init_ensemble(blueprint, seeds)
    n_images = len(dataset.train_labels)
    steps = n_images // settings.batch_size
    programs = make_programs(network, settings, steps, execution)
    state = programs.start(parameters)
    reporter = _Reporter(report, steps * settings.epochs, tuple(seeds))
    rows = []

    def test_accuracy(state: TrainingState) -> np.ndarray:
        answers = np.asarray(programs.predict(state.parameters, test_data))
        return (answers == dataset.test_labels).mean(-1)

    for epoch in range(1, settings.epochs + 1):
        order = epoch_order(settings.order_seed, epoch, n_images, settings.batch_size)
        state, loss, accuracy = _train_epoch(programs, state, train_data, order, epoch, reporter)
        tested = epoch % settings.eval_every == 0 or epoch == settings.epochs
        test = test_accuracy(state) if tested else np.full(len(seeds), np.nan)
        reporter.epoch_ended(test if tested else None)
        rows.append((loss, accuracy, test))
    table = np.array(rows, dtype=float).reshape(settings.epochs, 3, len(seeds))

    answers = np.asarray(programs.predict(state.parameters, train_data))
    return TrainedEnsemble(
        network=network,
        parameters=state.parameters,
        seeds=tuple(seeds),
        history=History(*np.moveaxis(table, 1, 0)),
        train_accuracy=(answers == dataset.train_labels).mean(-1),
        test_accuracy=rows[-1][2] if rows else test_accuracy(state),  # the last epoch is tested
        flagged=tuple(
            unconverged_instances(
                answers,
                np.asarray(dataset.train_labels),
                finite_instances(state.parameters),
                seeds,
                dataset.categories,
                settings.converged_at,
            )
        ),
        replaced=(),
    )


def _train_epoch(
    programs: Programs,
    state: TrainingState,
    data: Images,
    order: Int[Array, "step batch"],
    epoch: int,
    reporter: "_Reporter",
):
    """All steps of an epoch, in as many calls as it takes to report once in a while."""
    steps, batch = order.shape
    loss = correct = 0.0
    done = 0
    while done < steps:
        stop = min(steps, done + reporter.steps_per_call)
        began = time.perf_counter()
        state, totals = programs.train(state, data, order, done, stop, (epoch - 1) * steps)
        loss = loss + np.asarray(totals.loss, float)
        correct = correct + np.asarray(totals.correct, float)
        seen = stop * batch
        reporter.stepped(
            stop - done, time.perf_counter() - began, epoch, loss / seen, correct / seen
        )
        done = stop
    return state, loss / (steps * batch), correct / (steps * batch)


class _Reporter:
    """Keeps what a status needs, and finds how many steps make about one report a second."""

    def __init__(self, report: Report | None, steps: int, seeds: tuple[int, ...]):
        self.report = report
        self.steps_per_call = 1 if report else steps or 1
        self._warm = False  # the first call compiles, so its time says nothing of a step's
        unknown = np.full(len(seeds), np.nan)
        self._status = Status(0, steps, 1, False, seeds, unknown, unknown, None)

    def stepped(
        self, count: int, seconds: float, epoch: int, loss: np.ndarray, accuracy: np.ndarray
    ) -> None:
        self._status = replace(
            self._status,
            step=self._status.step + count,
            epoch=epoch,
            epoch_ended=False,
            train_loss=loss,
            train_accuracy=accuracy,
        )
        if self.report:
            if self._warm:
                self.steps_per_call = max(1, int(SECONDS_PER_REPORT * count / max(seconds, 1e-6)))
            self._warm = True
            self.report(self._status)

    def epoch_ended(self, test_accuracy: np.ndarray | None) -> None:
        newest = self._status.test_accuracy if test_accuracy is None else test_accuracy
        self._status = replace(self._status, epoch_ended=True, test_accuracy=newest)
        if self.report:
            self.report(self._status)


def finite_instances(parameters: Parameters) -> np.ndarray:
    """Which instances have finite weights only, `(instance,)`."""
    leaves = jax.tree.leaves(parameters)
    return np.all(
        [np.isfinite(np.asarray(leaf)).reshape(leaf.shape[0], -1).all(1) for leaf in leaves], axis=0
    )


def _stand_in(trained: TrainedEnsemble, fresh: TrainedEnsemble) -> TrainedEnsemble:
    """Put new instances in the places of those that did not converge, and keep their names."""
    gone = trained.flagged[: len(fresh.seeds)]
    places = [verdict.instance for verdict in gone]

    def put(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        merged = old.copy()
        merged[..., places] = new
        return merged

    seeds = list(trained.seeds)
    for place, seed in zip(places, fresh.seeds, strict=True):
        seeds[place] = seed
    still = [replace(verdict, instance=places[verdict.instance]) for verdict in fresh.flagged]
    return TrainedEnsemble(
        network=trained.network,
        parameters=replace_members(trained.parameters, places, fresh.parameters),
        seeds=tuple(seeds),
        history=History(
            put(trained.history.train_loss, fresh.history.train_loss),
            put(trained.history.train_accuracy, fresh.history.train_accuracy),
            put(trained.history.test_accuracy, fresh.history.test_accuracy),
        ),
        train_accuracy=put(trained.train_accuracy, fresh.train_accuracy),
        test_accuracy=put(trained.test_accuracy, fresh.test_accuracy),
        flagged=tuple(
            sorted((*trained.flagged[len(gone) :], *still), key=lambda verdict: verdict.instance)
        ),
        replaced=(*trained.replaced, *gone),
    )
