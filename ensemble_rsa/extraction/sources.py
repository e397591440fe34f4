"""Sources of activations: the networks of a run, or arrays from anywhere.

RDMs are computed from an `ActivationSource`, whatever it was made from.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from ensemble_rsa.arrays import (
    LabelsLike,
    as_numpy,
    check_agreement,
    check_array,
    check_finite,
    check_flag,
    check_labels,
    readable,
    with_units_flattened,
)
from ensemble_rsa.arrays.coordinates import own_names
from ensemble_rsa.arrays.labels import plain_values
from ensemble_rsa.arrays.reading import warn_of_reading
from ensemble_rsa.arrays.refused import not_an_array
from ensemble_rsa.config.analysis import AnalysisConfig, RdmConfig
from ensemble_rsa.config.settings import seeds_of_instance
from ensemble_rsa.config.sweep import own_seeds
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.data.stimuli import choose_stimuli
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.layers import Masks, compile_layers, layer_activations
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.catalogue import is_surrogate
from ensemble_rsa.models.ensemble import member, named_arrays
from ensemble_rsa.models.execution import default_execution
from ensemble_rsa.rng import stream
from ensemble_rsa.runs.run import Run, fingerprint, load_networks
from ensemble_rsa.runs.set_aside import Kind

DIMENSIONS = ("instance", "stimulus", "unit")
PROBED = 4  # stimuli at most that a network is shown to learn of its layers, and for checks


@dataclass(frozen=True, eq=False)
class ActivationSource:
    """Activations of an ensemble, computed or read one instance at a time.

    Attributes:
        layers: names, in order.
        instances: a number or name of each instance.
        seeds: weight seed of each instance, or its position where there is none.
        stimuli: an id for each stimulus.
        categories: the category of each stimulus; all "" where there are none.
        activations: position of an instance → names and activations `(stimulus, unit)` of its
            layers, in order.
        variables: further variables on the instance axis.
        seeds_of: other seeds of each instance, by the name of their setting, where they differ.
        attributes: attributes of the results.
        set_aside: instances of the ensemble that were replaced or flagged.
        recipe: plain JSON values that `open_recipe` makes the same source from; None for objects
            in memory.
        files: what the activations are read or computed from; an import stores their hashes.
        libraries: packages besides ours that take part, whose versions an import stores.
        notes: how the input was read, such as "the stimuli of seed3 were reordered as in seed0".
        weights: position of an instance → its parameters and statistics by name; None where there
            are no networks, or only functions.
        probe: position of an instance → activations by layer for the first stimuli, `PROBED` at
            most; again for these; and for as many copies of the first one. None where there are no
            networks.
        images: yields the pixels of each stimulus in order, `(height, width)` or `(height, width,
            channel)`, 0 … 255, for thumbnails. None where there are no images.
    """

    layers: tuple[str, ...]
    instances: tuple[Any, ...]
    seeds: tuple[int, ...]
    stimuli: tuple[Any, ...]
    categories: tuple[Any, ...]
    activations: Callable[[int], Iterable[tuple[str, Any]]]
    variables: Mapping[str, np.ndarray] = field(default_factory=dict)
    seeds_of: Mapping[str, Sequence[int]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    set_aside: Mapping[Kind, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    recipe: Mapping[str, Any] | None = None
    files: Sequence[Path] = ()
    libraries: Sequence[str] = ()
    notes: Sequence[str] = ()
    weights: Callable[[int], Mapping[str, np.ndarray]] | None = None
    probe: Callable[[int], Sequence[Mapping[str, np.ndarray]]] | None = None
    images: Callable[[], Iterable[np.ndarray]] | None = None


@fixed_settings()
def source_from_run(
    run: Run, dataset: Dataset, shown: Dataset, settings: AnalysisConfig
) -> ActivationSource:
    """Return the activations of a run's networks, trained on `dataset`, for images of `shown`."""
    if fingerprint(dataset) != run.fingerprint:
        raise InputError(
            f"run: {run.config.data.dataset} has changed since {run.path} was trained on it, and "
            "its test images may have been trained on; restore the images or train again"
        )
    stimuli, rdm = choose_stimuli(shown, settings.stimulus), settings.rdm
    execution = default_execution()
    network, parameters = load_networks(run, execution.convolution, rdm.epoch)
    runner = compile_layers(network, execution, rdm.one_mask)
    sample = rdm.dropout_sample
    masks = None if sample is None else dropout_masks(run, sample)
    preprocessing = fit_preprocessing(run.config.data.preprocessing, dataset.train_images)
    images = jax.jit(apply_preprocessing)(preprocessing, jnp.asarray(stimuli.images))
    # The stored accuracies are those of the last epoch's networks without dropout.
    has_accuracy = rdm.epoch is None and sample is None
    return ActivationSource(
        layers=network.layers,
        instances=tuple(range(len(run.seeds))),
        seeds=run.seeds,
        stimuli=tuple(stimuli.ids),
        categories=tuple(stimuli.categories[label] for label in stimuli.labels),
        activations=lambda position: layer_activations(
            runner, member(parameters, position), images, masks and masks(position)
        ),
        variables={
            f"{part}_accuracy": values for part, values in run.accuracy.items() if has_accuracy
        },
        seeds_of=own_seeds(run.config.training),
        attributes={
            "model": readable(run.config.model.model.rpartition(":")[2]),
            "dataset": readable(run.config.data.dataset),
            "surrogate": int(is_surrogate(run.config.model.model)),
            "scale": _scale(run, dataset, rdm),
        },
        weights=lambda position: named_arrays(member(parameters, position)),
        images=lambda: stimuli.images,
        set_aside={
            "flagged": [dataclasses.asdict(instance) for instance in run.flagged],
            "replaced": [
                dataclasses.asdict(instance)
                | {"reason": f"{instance.reason}; another seed stands in"}
                for instance in run.replaced
            ],
        },
    )


@fixed_settings()
def dropout_masks(run: Run, sample: int) -> Callable[[int], Masks]:
    """Return each instance's dropout at test: its own rate, and masks of its dropout seed."""
    training = run.config.training
    rates = np.broadcast_to(np.asarray(training.dropout, np.float32), training.instances)
    if not rates.any():
        raise InputError(
            f"dropout_sample: {run.path} was trained without dropout, so there is none to apply "
            "at test; leave it out"
        )
    seeds = [seeds_of_instance(training, i).dropout_seed for i in range(training.instances)]
    keys = {
        seed: jax.random.fold_in(stream(cast(int, seed), "test_dropout"), sample)
        for seed in {*seeds}
    }
    return lambda position: Masks(rates[position], keys[seeds[position]])


def _scale(run: Run, dataset: Dataset, rdm: RdmConfig) -> str:
    training, model = run.config.training, run.config.model
    parts = [
        *([] if ":" in model.model else [f"width {model.width:g}"]),
        *model.model_arg,
        f"{training.epochs} epochs of {len(dataset.train_labels)} images",
        f"{run.config.data.preprocessing} preprocessing",
    ]
    if rdm.epoch is not None:
        parts.append(f"the networks of epoch {rdm.epoch}")
    if rdm.dropout_sample is not None:
        parts.append(f"shown with dropout (masks {rdm.dropout_sample})")
    return ", ".join(parts)


def source_from_arrays(
    activations: Mapping[str, Any],
    labels: LabelsLike | None,
    flatten: bool = False,
) -> ActivationSource:
    """Return activations from anywhere, in memory or on disk, as `extract` takes them."""
    if not isinstance(activations, Mapping) or not activations:
        got = not_an_array(activations) or type(activations).__name__
        got = "no layer" if isinstance(activations, Mapping) else got
        raise InputError(
            "source: expected a run, or a mapping of layer names to (instance, stimulus, unit), "
            f"got {got}"
        )
    axes = "(instance, stimulus, unit)"
    check_flag("flatten", flatten)
    arrays = {
        name: with_units_flattened(f"source[{name!r}]", array, DIMENSIONS[:2])
        if flatten
        else check_array(f"source[{name!r}]", array, 3, axes)
        for name, array in activations.items()
    }
    for name, array in activations.items():
        if not flatten and len(own_names(array)) > 1:
            warn_of_reading(
                f"source[{name!r}]: dimensions {array.dims} are read as {axes} of sizes "
                f"{tuple(arrays[name].shape)}; name them instance, stimulus and unit"
            )
    first = next(iter(arrays))
    n_instances, n_stimuli, *_ = arrays[first].shape
    for name, array in arrays.items():
        if array.ndim > 3:
            raise InputError(
                f"source[{name!r}]: expected shape {axes}, got {tuple(array.shape)}; flatten=True "
                "makes units of all axes after the stimulus"
            )
        if array.shape[:2] != (n_instances, n_stimuli):
            raise InputError(
                f"source[{name!r}]: expected {n_instances} instances and {n_stimuli} stimuli as in "
                f"{first!r}, got {array.shape[0]} and {array.shape[1]}"
            )
    named = {f"source[{name!r}]": array for name, array in activations.items()}
    check_agreement({**named, "labels": labels})
    given = _shared_coordinates(activations, n_instances, n_stimuli)
    labels = given.get("category") if labels is None else labels
    if labels is None:
        categories = ("",) * n_stimuli
    else:
        codes, names = check_labels("labels", labels, n_stimuli)
        categories = tuple(names[codes].tolist())
    numbers = tuple(range(n_instances))
    return ActivationSource(
        layers=tuple(arrays),
        instances=given.get("instance", numbers),
        seeds=given.get("seed", numbers),
        stimuli=given.get("stimulus", tuple(str(i) for i in range(n_stimuli))),
        categories=categories,
        activations=lambda position: (
            (name, _finite(name, array, position)) for name, array in arrays.items()
        ),
    )


def _finite(name: str, array: Any, position: int) -> np.ndarray:
    """Activations of one instance; NaN is refused instead of taken for a broken network."""
    patterns = as_numpy(array[position])
    check_finite(f"source[{name!r}][{position}]", patterns)
    return patterns


def _shared_coordinates(
    activations: Mapping[str, Any], n_instances: int, n_stimuli: int
) -> dict[str, tuple[Any, ...]]:
    """Return what the DataArrays among the layers say of instances and stimuli, if they agree."""
    along = {"instance": ("instance", n_instances), "seed": ("instance", n_instances)}
    along |= {"stimulus": ("stimulus", n_stimuli), "category": ("stimulus", n_stimuli)}
    shared: dict[str, tuple[Any, ...]] = {}
    for name, array in activations.items():
        for key, (dimension, length) in along.items():
            if key in getattr(array, "coords", ()) and array.coords[key].ndim == 1:
                values = tuple(plain_values(f"source[{name!r}]", array.coords[key].values))
                given = array.coords[key].dims[0]
                if len(values) != length or given in ({*along, "unit"} - {dimension}):
                    raise InputError(
                        f"source[{name!r}]: expected the coordinate {key!r} along the "
                        f"{dimension} dimension ({length} values), got {len(values)} along {given}"
                    )
                if shared.setdefault(key, values) != values:
                    raise InputError(
                        f"source[{name!r}]: the coordinate {key!r} differs from that of another "
                        "layer; bring all layers into the same order"
                    )
    return shared
