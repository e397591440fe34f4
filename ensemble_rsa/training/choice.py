"""Which way of computing is fastest here: a short measurement, remembered.

All ways give the same networks to rounding, so only time is at stake. A training so short that
measuring would take longer than it could save is run the usual way.
"""

import dataclasses
import json
import logging
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ensemble_rsa import files
from ensemble_rsa.config.settings import Config, ExecutionConfig, weight_seeds
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.device import device_name
from ensemble_rsa.errors import unknown_name
from ensemble_rsa.models.convolution import CONVOLUTIONS
from ensemble_rsa.models.ensemble import init_ensemble
from ensemble_rsa.models.execution import Execution, candidates
from ensemble_rsa.training.loop import Job, make_job, place_images
from ensemble_rsa.training.step import epoch_order, stacked_settings

log = logging.getLogger(__name__)
MOST_INSTANCES = 4  # more tell nothing new about the time of each
ROUNDS = 3
SECONDS_PER_ROUND = 0.5
STEPS_FROM_DISK = 4
FEWEST_STEPS = 200  # of a training that is worth compiling anything for
WORTH = 20  # times what the first candidate took to compile and run


def choose_execution(config: Config, dataset: Dataset, memory: Path | None = None) -> Execution:
    """How to compute a training: as the configuration says, and measured where it says auto.

    Args:
        config: data, network and recipe.
        dataset: its images.
        memory: a JSON file of earlier measurements, which is kept up to date; None for none.

    Raises:
        InputError: an unknown convolution.
    """
    asked = config.execution
    ways = _as_asked(asked)
    if len(ways) == 1:
        return ways[0]
    name = _name(config, dataset)
    remembered = _read(memory)
    for way in ways:
        if remembered.get(name, {}).get("chosen") == _words(way):
            log.info("computing with %s, which was fastest here before", _words(way))
            return way
    seconds = _measure(config, dataset, ways)
    if seconds is None:
        return ways[0]
    best = min(range(len(ways)), key=seconds.__getitem__)
    table = {_words(way): round(value, 6) for way, value in zip(ways, seconds, strict=True)}
    log.info("computing with %s: %s seconds per instance and step", _words(ways[best]), table)
    if memory is not None:
        entry = {"chosen": _words(ways[best]), "seconds per instance and step": table}
        files.write_json(memory, remembered | {name: entry})
    return ways[best]


def _as_asked(asked: ExecutionConfig) -> tuple[Execution, ...]:
    """Candidates that agree with what was set by hand."""
    if asked.convolution not in ("auto", *CONVOLUTIONS):
        raise unknown_name("convolution", asked.convolution, ["auto", *CONVOLUTIONS])
    ways = candidates()
    if asked.convolution != "auto":
        ways = tuple(dataclasses.replace(way, convolution=asked.convolution) for way in ways)
    if asked.at_once != "auto":
        at_once = None if asked.at_once == "all" else asked.at_once
        ways = tuple(dataclasses.replace(way, at_once=at_once) for way in ways)
    return tuple({_words(way): way for way in ways}.values())


def _measure(config: Config, dataset: Dataset, ways: tuple[Execution, ...]) -> list[float] | None:
    """Median seconds per instance and step; None where the training is over sooner."""
    training = config.training
    n = min(training.instances, MOST_INSTANCES)
    steps = len(dataset.train_labels) // training.batch_size
    if steps * training.epochs < FEWEST_STEPS:
        return None
    sample = _in_memory(dataset, training.batch_size)
    most = len(sample.train_labels) // training.batch_size
    images = place_images(config, sample)  # whitening takes a while, and is the same for all
    trials = []
    for way in ways:
        began = time.perf_counter()
        trial = _Trial(make_job(config, sample, way, images), n)
        trial.run(1)
        spent = time.perf_counter() - began
        if not trials:
            whole = trial.run(1) * steps * training.epochs * training.instances / n
            if whole < WORTH * spent:
                return None
        trials.append(trial)
    rounds = []
    for _ in range(ROUNDS):  # taking turns, so that other work slows all alike
        counts = [max(1, min(most, int(SECONDS_PER_ROUND / trial.latest))) for trial in trials]
        rounds.append([t.run(k) / k / n for t, k in zip(trials, counts, strict=True)])
    return [statistics.median(taken) for taken in zip(*rounds, strict=True)]


def _in_memory(dataset: Dataset, batch_size: int) -> Dataset:
    """A data set to time steps on: itself, or a few batches of images that are on disk."""
    if not isinstance(dataset.train_images, StoredImages):
        return dataset
    few, one = slice(STEPS_FROM_DISK * batch_size), slice(1)  # nothing is tested
    return dataclasses.replace(
        dataset,
        train_images=dataset.train_images[few],
        train_labels=dataset.train_labels[few],
        test_images=dataset.test_images[one],
        test_labels=dataset.test_labels[one],
    )


class _Trial:
    """Some instances of a training that is thrown away."""

    def __init__(self, job: Job, n: int):
        training = job.config.training
        self._job = job
        self._programs = job.programs(None)
        parameters = init_ensemble(job.blueprint, weight_seeds(training)[:n])[1]
        self._state = self._programs.start(parameters)
        self._settings = jax.tree.map(jnp.asarray, stacked_settings(training, range(n)))
        n_images = len(job.dataset.train_labels)
        self._order = epoch_order(training.order_seed, 1, n_images, training.batch_size)
        self.latest = 1.0

    def run(self, steps: int) -> float:
        """Seconds that so many steps take."""
        began = time.perf_counter()
        data = self._job.train_data
        self._state, totals = self._programs.train(
            self._state, self._settings, data, self._order, 0, steps, 0
        )
        np.asarray(totals.loss)
        seconds = time.perf_counter() - began
        self.latest = seconds / steps
        return seconds


def _name(config: Config, dataset: Dataset) -> str:
    """What a measurement holds for."""
    size = "×".join(map(str, dataset.train_images.shape[1:]))
    n = min(config.training.instances, MOST_INSTANCES)
    return (
        f"{device_name()}, jax {jax.__version__}: {config.model.model}, width "
        f"{config.model.width:g}, {size}, batch {config.training.batch_size}, "
        f"{config.training.precision}, {n} instances"
    )


def _words(way: Execution) -> str:
    mapped = {1: "one instance after the other", None: "all instances at once"}
    return f"{way.convolution}, {mapped.get(way.at_once, f'{way.at_once} instances at once')}"


def _read(memory: Path | None) -> dict:
    """Earlier measurements; a file that cannot be read is made anew."""
    try:
        found = json.loads(memory.read_text(encoding="utf-8")) if memory else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
