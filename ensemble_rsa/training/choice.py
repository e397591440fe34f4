"""The fastest way of computing on this device, by a short measurement that is cached.

Ways that need more memory than is free are known from their compiled programs, and never run.
All ways give the same networks to rounding. A training that is too short to profit from a
measurement is computed in the device's default way.
"""

import dataclasses
import json
import logging
import time
from pathlib import Path

import jax

from ensemble_rsa import files
from ensemble_rsa.config.settings import Config
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.device import device_name
from ensemble_rsa.models.catalogue import Blueprint, module_maker
from ensemble_rsa.models.execution import Execution, candidates
from ensemble_rsa.training.loop import make_setup, place_images
from ensemble_rsa.training.memory import fits, program_bytes
from ensemble_rsa.training.throughput import TrainingTrial, multiplications

log = logging.getLogger(__name__)
MOST_INSTANCES = 4  # on a CPU, where with more the time per instance stays the same
MOST_ON_ACCELERATOR = 16
ROUNDS = 6
SECONDS_PER_ROUND = 0.25
STEPS_FROM_DISK = 4
FEWEST_STEPS = 200  # shorter trainings are not measured
WORTH = 60  # nor those shorter than this many times the first trial: others compile longer
# For networks of convolutions that is known before, of a CPU as slow as this and a trial as short.
MULTIPLICATIONS_PER_SECOND, SHORTEST_TRIAL = 5e9, 3.0


def choose_execution(config: Config, dataset: Dataset, cache: Path | None = None) -> Execution:
    """Choose the execution of a training: as configured, or the fastest where set to auto.

    Args:
        config: data, network and recipe.
        dataset: its images.
        cache: a JSON file of earlier measurements, which is updated; None for none.

    Raises:
        InputError: an unknown convolution.
    """
    ways = _as_asked(config, module_maker(config.model.model) is None)
    if len(ways) == 1:
        return ways[0]
    name = _name(config, dataset)
    remembered = _read(cache)
    for way in ways:
        if remembered.get(name, {}).get("chosen") == _words(way):
            log.info("computing with %s: the fastest in an earlier measurement", _words(way))
            return way
    seconds = _measure(config, dataset, ways, _instances(config))
    if seconds is None:
        return ways[0]
    chosen = min(seconds, key=lambda words: seconds[words])
    log.info("computing with %s: the fastest of %d ways in a measurement", chosen, len(seconds))
    if cache is not None:
        table = {words: round(value, 6) for words, value in seconds.items()}
        entry = {"chosen": chosen, "seconds per instance and step": table}
        try:
            files.write_json(cache, remembered | {name: entry})
        except files.WriteError as error:
            log.warning("%s; the next training measures again", error)
    return next(way for way in ways if _words(way) == chosen)


def _as_asked(config: Config, splits_batches: bool = True) -> tuple[Execution, ...]:
    """Candidates that agree with the configuration."""
    ways, asked = candidates(), config.execution
    if jax.default_backend() == "cpu":
        # More cores than instances would share batches, which one device does as well.
        most = min(jax.local_device_count(), config.training.instances)
        ways = tuple(dataclasses.replace(way, devices=way.devices or most) for way in ways)
    if asked.devices is not None:
        ways = tuple(dataclasses.replace(way, devices=asked.devices) for way in ways)
    if not splits_batches:
        ways = tuple(dataclasses.replace(way, in_parts=False) for way in ways)
    if asked.convolution != "auto":
        ways = tuple(dataclasses.replace(way, convolution=asked.convolution) for way in ways)
    if asked.at_once != "auto":
        size = None if asked.at_once == "all" else asked.at_once
        ways = tuple(dataclasses.replace(way, vmap_batch_size=size) for way in ways)
    if "auto" not in (asked.convolution, asked.at_once):
        ways = ways[:1]
    return tuple({_words(way): way for way in ways}.values())


def _measure(
    config: Config, dataset: Dataset, ways: tuple[Execution, ...], n: int
) -> dict[str, float] | None:
    """Least seconds per instance and step of each way that fits into memory with `n` instances.

    None for a training too short to be measured, or too large for any way.
    """
    training = config.training
    steps = len(dataset.train_labels) // training.batch_size
    if steps * training.epochs < FEWEST_STEPS or _is_short(config, dataset):
        return None
    sample = _in_memory(dataset, training.batch_size)
    most = len(sample.train_labels) // training.batch_size
    images = place_images(config, sample)  # whitening takes a while
    if jax.default_backend() != "cpu":  # where each device takes as long for its instances
        one_device = dataclasses.replace(config.execution, devices=1)
        config = dataclasses.replace(config, execution=one_device)
    trials: dict[str, TrainingTrial] = {}
    for way in ways:
        began, name = time.perf_counter(), _words(way)
        setup = make_setup(config, sample, way, images)
        if not fits(program_bytes(setup, n)):
            log.info("%s: %d instances need more memory than is free: not measured", name, n)
            continue
        trial = TrainingTrial(setup, n)
        _seconds_per_step(trial, 1)  # compiles what asking for its memory has not
        spent = time.perf_counter() - began
        if not trials:
            whole = _seconds_per_step(trial, 1) * steps * training.epochs * training.instances / n
            if whole < WORTH * spent:
                return None
        trials[name] = trial
    if not trials:
        return _measure(config, dataset, ways, n // 2) if n > 1 else None
    counts, rounds = [1] * len(trials), []
    # In turns, and the least of many short rounds: other load slows rounds, and none speeds up.
    for _ in range(ROUNDS):
        pairs = zip(trials.values(), counts, strict=True)
        taken = [_seconds_per_step(trial, count) for trial, count in pairs]
        counts = [max(1, min(most, int(SECONDS_PER_ROUND / each))) for each in taken]
        rounds.append([each / n for each in taken])
    return dict(zip(trials, map(min, zip(*rounds, strict=True)), strict=True))


def _is_short(config: Config, dataset: Dataset) -> bool:
    """Whether a CPU trains in less time than a measurement is worth, by the arithmetic alone."""
    if jax.default_backend() != "cpu" or module_maker(config.model.model) is not None:
        return False
    training, shape = config.training, dataset.train_images.shape[1:]
    blueprint = Blueprint(config.model, shape, len(dataset.categories))
    n_images = len(dataset.train_labels) * training.epochs * training.instances
    n = 3 * n_images * multiplications(blueprint)  # forward, and two products backward
    return n / MULTIPLICATIONS_PER_SECOND < WORTH * SHORTEST_TRIAL


def _instances(config: Config) -> int:
    """How many instances are measured together."""
    on_cpu = max(MOST_INSTANCES, jax.local_device_count())
    most = on_cpu if jax.default_backend() == "cpu" else MOST_ON_ACCELERATOR
    return min(config.training.instances, most)


def _seconds_per_step(trial: TrainingTrial, n_steps: int) -> float:
    began = time.perf_counter()
    trial.train(n_steps)
    return (time.perf_counter() - began) / n_steps


def _in_memory(dataset: Dataset, batch_size: int) -> Dataset:
    """The data set itself, or a few batches of it in memory if its images are on disk."""
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


def _name(config: Config, dataset: Dataset) -> str:
    """The key under which a measurement is cached."""
    size = "×".join(map(str, dataset.train_images.shape[1:]))
    model = " ".join([config.model.model, *config.model.model_arg])
    return (
        f"{device_name()}, jax {jax.__version__}: {model}, width "
        f"{config.model.width:g}, {size}, batch {config.training.batch_size}, "
        f"{config.training.precision}, {_instances(config)} instances, "
        f"{jax.local_device_count()} devices"
    )


def _words(way: Execution) -> str:
    size = way.vmap_batch_size
    names = {1: "one instance after the other", None: "all instances at once"}
    images = "parts of a batch" if way.in_parts else "whole batches"
    at_once = names.get(size, f"{size} instances at once")
    what = "cores" if jax.default_backend() == "cpu" else "devices"
    devices = f", on {way.devices} {what} side by side" if (way.devices or 1) > 1 else ""
    return f"{way.convolution}, {at_once}, {images}{devices}"


def _read(cache: Path | None) -> dict:
    """Earlier measurements; none if the file cannot be read."""
    try:
        found = json.loads(cache.read_text(encoding="utf-8")) if cache else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
