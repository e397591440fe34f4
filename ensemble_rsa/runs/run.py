"""A finished training run: its networks, history and accuracies."""

import dataclasses
import hashlib
import shutil
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.config.settings import Config, saved_epochs
from ensemble_rsa.config.sweep import own_seeds
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import Blueprint, module_file
from ensemble_rsa.models.checkpoints import load_parameters, save_parameters
from ensemble_rsa.models.ensemble import ensemble_shapes
from ensemble_rsa.models.network import Network, Parameters
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.old_devices import warn_of_old_devices
from ensemble_rsa.runs.source_files import describe_file
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.ensemble import TrainedEnsemble, gather
from ensemble_rsa.training.grouping import group_folder
from ensemble_rsa.training.loop import epoch_folder
from ensemble_rsa.training.probation import RECORDS

CHECKPOINTS = "checkpoints"
FINAL = Path(CHECKPOINTS) / "final"
HASHED_AT_ONCE = 1024  # images


class ModuleChangedWarning(UserWarning):
    """A user's module is not the one that a run was trained with."""


@dataclass(frozen=True, eq=False)
class Run:
    """A trained and stored ensemble.

    Attributes:
        path: the run folder.
        config: data, network and recipe.
        seeds: weight seed of each instance.
        accuracy: "train" and "test" → `(instance,)`, 0 to 1, of the final networks.
        flagged: instances kept although they did not converge.
        replaced: instances in whose place another seed was trained.
        image_shape: (height, width, channel) of an image.
        categories: names, in label order.
        fingerprint: of the training and test data.
    """

    path: Path
    config: Config
    seeds: tuple[int, ...]
    accuracy: dict[str, np.ndarray]
    flagged: tuple[UnconvergedInstance, ...]
    replaced: tuple[UnconvergedInstance, ...]
    image_shape: tuple[int, int, int]
    categories: tuple[str, ...]
    fingerprint: str


def save_run(
    folder: Path, config: Config, trained: TrainedEnsemble, dataset: Dataset, manifest: dict
) -> Run:
    """Write networks, history and unconverged instances, and return the run.

    `training.json` is written last and marks the run as finished; the checkpoints needed to resume
    are then removed.
    """
    if not (folder / FINAL).exists():
        save_parameters(folder / FINAL, trained.parameters)
    for epoch in saved_epochs(config.training):
        _save_epoch(folder / CHECKPOINTS, epoch, trained)
    history = xr.Dataset(
        {
            field.name: (("epoch", "instance"), getattr(trained.history, field.name))
            for field in dataclasses.fields(trained.history)
        },
        coords={
            "epoch": np.arange(1, len(trained.history.train_loss) + 1),
            "instance": np.arange(len(trained.seeds)),
            "seed": ("instance", list(trained.seeds)),
            **{name: ("instance", list(own)) for name, own in own_seeds(config.training).items()},
        },
    )
    files.write_dataset(folder / run_folder.HISTORY, history)
    files.write_json(folder / run_folder.MANIFEST, manifest)
    accuracy = {"train": trained.train_accuracy.tolist(), "test": trained.test_accuracy.tolist()}
    record = {
        "seeds": list(trained.seeds),
        "accuracy": accuracy,
        "flagged": [dataclasses.asdict(instance) for instance in trained.flagged],
        "replaced": [dataclasses.asdict(instance) for instance in trained.replaced],
        "image_shape": list(dataset.train_images.shape[1:]),
        "categories": list(dataset.categories),
        "fingerprint": fingerprint(dataset),
    }
    files.write_json(folder / run_folder.TRAINING, record)
    for number in range(len(trained.group_sizes)):
        shutil.rmtree(group_folder(folder / CHECKPOINTS, number), ignore_errors=True)
    for path in (folder / CHECKPOINTS).glob(RECORDS):
        with suppress(OSError):
            path.unlink()
    return load_run(folder)


def _save_epoch(checkpoints: Path, epoch: int, trained: TrainedEnsemble) -> None:
    """Write the networks of one epoch, gathered from the groups they were trained in."""
    whole = epoch_folder(checkpoints, epoch)
    if whole.exists():
        return
    sizes = trained.group_sizes
    folders = [epoch_folder(group_folder(checkpoints, i), epoch) for i in range(len(sizes))]
    if len(sizes) == 1:
        folders[0].replace(whole)
        return
    groups = []
    for group, size in zip(folders, sizes, strict=True):
        like = jax.tree.map(
            lambda leaf, size=size: jax.ShapeDtypeStruct((size, *leaf.shape[1:]), leaf.dtype),
            trained.parameters,
        )
        groups.append(load_parameters(group, like))
    save_parameters(whole, gather(groups, trained.locations))


def load_run(path: str | Path) -> Run:
    """Open a run folder that `train` wrote; the networks themselves are read by `load_networks`.

    Args:
        path: the run folder.

    Raises:
        InputError: not a run folder, or training has not finished.
    """
    folder = files.as_path("run", path)
    config = run_folder.read_config(folder)
    if not (folder / run_folder.TRAINING).is_file():
        raise InputError(
            f"run: training of {folder} has not finished (no {run_folder.TRAINING}); go on with "
            f"`ensemble-rsa train --resume --out {folder}`"
        )
    record = files.read_json(folder / run_folder.TRAINING, run_folder.RESTORE)
    if (folder / run_folder.MANIFEST).is_file():
        warn_of_old_devices(folder, run_folder.read_record(folder / run_folder.MANIFEST))
    try:
        return Run(
            path=folder,
            config=config,
            seeds=tuple(record["seeds"]),
            accuracy={name: np.array(values) for name, values in record["accuracy"].items()},
            flagged=tuple(UnconvergedInstance(**one) for one in record["flagged"]),
            replaced=tuple(UnconvergedInstance(**one) for one in record["replaced"]),
            image_shape=tuple(record["image_shape"]),
            categories=tuple(record["categories"]),
            fingerprint=record["fingerprint"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{folder / run_folder.TRAINING}: not what `train` writes ({error}); "
            f"{run_folder.RESTORE}"
        ) from None


def kept_epochs(run: Run) -> tuple[int, ...]:
    """Return the epochs whose networks were kept, besides the final ones."""
    found = run.path.glob(f"{CHECKPOINTS}/epoch-*")
    numbers = (path.name.removeprefix("epoch-") for path in found)
    # A checkpoint that is being written has a longer name.
    return tuple(sorted(int(number) for number in numbers if number.isdigit()))


def load_networks(
    run: Run, convolution: str, epoch: int | None = None
) -> tuple[Network, Parameters]:
    """Load the network and the stacked parameters of all instances, of the end or of an epoch."""
    if epoch is not None and epoch not in kept_epochs(run):
        kept = ", ".join(map(str, kept_epochs(run))) or "none"
        raise InputError(f"epoch: expected one that {run.path} kept ({kept}), got {epoch}")
    blueprint = Blueprint(run.config.model, run.image_shape, len(run.categories), convolution)
    network, shapes = ensemble_shapes(blueprint, len(run.seeds))
    warn_of_changed_module(run.path, run.config)
    at = FINAL if epoch is None else epoch_folder(Path(CHECKPOINTS), epoch)
    return network, load_parameters(run.path / at, shapes)


def warn_of_changed_module(folder: Path, config: Config) -> None:
    """Warn if the file of a user's module is not what it was when the run was begun."""
    if file := changed_module(folder, config):
        warnings.warn(
            f"{file} has changed since training of {folder} was begun: the networks are built by "
            "another program than they were trained by",
            ModuleChangedWarning,
            stacklevel=3,
        )


def changed_module(folder: Path, config: Config) -> Path | None:
    """The file of a user's module if it is not what it was when the run was begun, else None."""
    file = module_file(config.model.model)
    if file is None:
        return None
    recorded = run_folder.read_manifest(folder).get("files", [])
    now = describe_file(file)
    return file if all(each.get("blake2b") != now.blake2b for each in recorded) else None


def load_history(run: Run) -> xr.Dataset:
    """Load loss and accuracies of every epoch and instance."""
    return files.read_dataset(run.path / run_folder.HISTORY, run_folder.RESTORE)


def fingerprint(dataset: Dataset) -> str:
    """Return a hash of a data set and its split, which does not depend on how images are fed.

    Images that are separate files are identified by their names and sizes, others by their pixels.
    """
    digest = hashlib.blake2b(digest_size=16)
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        if dataset.files is None:
            for start in range(0, len(images), HASHED_AT_ONCE):
                block = images[start : start + HASHED_AT_ONCE]
                digest.update(np.ascontiguousarray(block).data)
        digest.update(np.ascontiguousarray(labels).data)
    digest.update((dataset.files or "").encode())
    digest.update("\n".join((*dataset.test_ids, *dataset.categories)).encode())
    return digest.hexdigest()
