"""From activations to RDMs: instance after instance, layer after layer, nothing kept but distances.

Activations come from a run's networks or from anywhere else; `Source` is what both look like from
here.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from ensemble_rsa.arrays import check_labels
from ensemble_rsa.config.settings import AnalysisConfig, RdmConfig, StimulusConfig
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.data.stimuli import Stimuli, choose_stimuli
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.layers import Masks, compile_layers, layer_activations
from ensemble_rsa.models.catalogue import model_entry
from ensemble_rsa.models.ensemble import member
from ensemble_rsa.models.execution import default_execution
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.build import centroids, cocktail_blank, rdm_and_constant_patterns
from ensemble_rsa.rng import stream
from ensemble_rsa.runs.run import Run, fingerprint, load_networks

Progress = Callable[[int, int], None]
ROUNDING = 1e-6  # of an RDM's largest distance: what differs by less differs by rounding


@dataclass(frozen=True, eq=False)
class Source:
    """Where activations come from.

    Attributes:
        layers: names, in order.
        seeds: weight seed of each instance, or its number where there is none.
        stimuli: one name for each stimulus.
        categories: the category of each stimulus, in words.
        instance: number of an instance → its layers' names and activations `(stimulus, unit)`, in
            order.
        variables: further variables on the instance axis.
        attributes: what a reader of the results should know of the source.
    """

    layers: tuple[str, ...]
    seeds: tuple[int, ...]
    stimuli: tuple[str, ...]
    categories: tuple[str, ...]
    instance: Callable[[int], Iterable[tuple[str, Any]]]
    variables: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


def source_from_run(run: Run, dataset: Dataset, shown: Dataset, settings: AnalysisConfig) -> Source:
    """Activations of a run's networks for balanced test images.

    Args:
        run: the ensemble.
        dataset: what it was trained on.
        shown: what the stimuli are chosen from.
        settings: stimuli, epoch and dropout.
    """
    if fingerprint(dataset) != run.fingerprint:
        raise InputError(
            f"run: {run.config.data.dataset} has changed since {run.path} was trained on it, and "
            "its test images may have been trained on; restore the images or train again"
        )
    stimuli = stimuli_of(shown, settings.stimulus)
    execution = default_execution()
    network, parameters = load_networks(run, execution.convolution, settings.rdm.epoch)
    runner = compile_layers(network, execution, settings.rdm.one_mask)
    masks = masks_while_tested(run, settings.rdm.dropout_sample)
    preprocessing = fit_preprocessing(run.config.data.preprocessing, dataset.train_images)
    images = jax.jit(apply_preprocessing)(preprocessing, jnp.asarray(stimuli.images))
    return Source(
        layers=network.layers,
        seeds=run.seeds,
        stimuli=tuple(stimuli.ids),
        categories=tuple(stimuli.categories[label] for label in stimuli.labels),
        instance=lambda number: layer_activations(
            runner, member(parameters, number), images, masks(number)
        ),
        # accuracies are those of the last epoch's networks, without dropout
        variables={f"{name}_accuracy": values for name, values in run.accuracy.items()}
        if settings.rdm.epoch is None and settings.rdm.dropout_sample is None
        else {},
        attributes=_run_attributes(run, dataset, settings.rdm),
    )


def stimuli_of(shown: Dataset, settings: StimulusConfig) -> Stimuli:
    """The stimuli that the settings ask for, from these test images."""
    how = "draw" if settings.draw_stimuli else "first"
    return choose_stimuli(shown, settings.stimuli, how, settings.stimulus_seed)


def masks_while_tested(run: Run, sample: int | None) -> Callable[[int], Masks | None]:
    """Dropout of each instance while it is tested: its own rate, masks shared with all others.

    Args:
        run: the ensemble, whose rates of training these are.
        sample: the number of the masks; None for no dropout.

    Raises:
        InputError: no instance was trained with dropout.
    """
    if sample is None:
        return lambda number: None
    training = run.config.training
    rates = np.broadcast_to(np.asarray(training.dropout, np.float32), training.instances)
    if not rates.any():
        raise InputError(
            f"dropout_sample: {run.path} was trained without dropout, so its tests have none; "
            "leave it out"
        )
    key = jax.random.fold_in(stream(training.dropout_seed, "test_dropout"), sample)
    return lambda number: Masks(rates[number], key)


def _run_attributes(run: Run, dataset: Dataset, settings: RdmConfig) -> dict[str, Any]:
    training = run.config.training
    shown = {
        f", the networks of epoch {settings.epoch}": settings.epoch is not None,
        f", shown with dropout (masks {settings.dropout_sample})": settings.dropout_sample
        is not None,
    }
    scale = (
        f"width {run.config.model.width:g}, "
        f"{training.epochs} epochs of {len(dataset.train_labels)} images, "
        f"{run.config.data.preprocessing} preprocessing"
        + "".join(words for words, applies in shown.items() if applies)
    )
    return {
        "model": run.config.model.model,
        "dataset": run.config.data.dataset,
        "surrogate": int(model_entry(run.config.model.model).surrogate),
        "scale": scale,
        "flagged_instances": json.dumps([dataclasses.asdict(verdict) for verdict in run.flagged]),
        "replaced_instances": json.dumps(
            [
                dataclasses.asdict(verdict)
                | {"reason": f"{verdict.reason}; another seed stands in"}
                for verdict in run.replaced
            ]
        ),
    }


def source_from_arrays(
    activations: Mapping[str, Any], labels: Sequence[Any] | np.ndarray | None
) -> Source:
    """Activations from anywhere: layer name → `(instance, stimulus, unit)`, in memory or on disk.

    Raises:
        InputError: no layers, layers of different numbers of instances or stimuli, or labels of
            another length.
    """
    if not isinstance(activations, Mapping):
        raise InputError(
            "source: expected a run, or a mapping of layer names to (instance, stimulus, unit), "
            f"got {type(activations).__name__}"
        )
    if not activations:
        raise InputError(
            "source: expected layer names and their (instance, stimulus, unit), got none"
        )
    shapes = {name: tuple(np.shape(array)) for name, array in activations.items()}
    for name, shape in shapes.items():
        if len(shape) != 3:
            raise InputError(f"source[{name!r}]: expected (instance, stimulus, unit), got {shape}")
    first, (n_instances, n_stimuli, _) = next(iter(shapes.items()))
    for name, shape in shapes.items():
        if shape[:2] != (n_instances, n_stimuli):
            raise InputError(
                f"source[{name!r}]: expected {n_instances} instances and {n_stimuli} stimuli as in "
                f"{first!r}, got {shape[0]} and {shape[1]}"
            )
    if labels is None:
        categories = ("",) * n_stimuli
    else:
        codes, names = check_labels("labels", labels, n_stimuli)
        categories = tuple(str(names[code]) for code in codes)
    return Source(
        layers=tuple(activations),
        seeds=tuple(range(n_instances)),
        stimuli=tuple(str(i) for i in range(n_stimuli)),
        categories=categories,
        # as NumPy, so that NaN is refused rather than taken for a broken network
        instance=lambda number: (
            (name, np.asarray(array[number])) for name, array in activations.items()
        ),
    )


def layer_stack(source: Source, layer: str) -> xr.DataArray:
    """Activations of one layer of all instances, `(instance, stimulus, unit)`."""
    patterns = [
        np.asarray(next(found for name, found in source.instance(number) if name == layer))
        for number in range(len(source.seeds))
    ]
    return xr.DataArray(
        np.stack(patterns),
        dims=("instance", "stimulus", "unit"),
        coords={
            "seed": ("instance", list(source.seeds)),
            "stimulus": list(source.stimuli),
            "category": ("stimulus", list(source.categories)),
        },
        name=layer,
    )


class _Stack(NamedTuple):
    """RDMs of one instance, a row for each layer."""

    exemplar: list[np.ndarray]
    centroid: list[np.ndarray]
    constant: list[int]


class _NotComparable(Exception):
    """Why an instance cannot be compared with others."""


def collect_rdms(
    source: Source,
    layers: Sequence[str],
    distance: str,
    report: Progress | None,
    cocktail_blanked: bool = False,
) -> xr.Dataset:
    """RDMs of the chosen layers of every instance that can be compared.

    Raises:
        RunError: fewer than two instances are left.
    """
    stacks: dict[int, _Stack] = {}
    excluded: dict[int, str] = {}
    total = len(layers) * len(source.seeds)
    for number in range(len(source.seeds)):
        stack = _Stack([], [], [])
        try:
            for name, activations in source.instance(number):
                if name in layers:
                    patterns = cocktail_blank(activations) if cocktail_blanked else activations
                    _append(stack, name, patterns, source.categories, distance)
                if report:
                    report(number * len(layers) + len(stack.exemplar), total)
            stacks[number] = stack
        except _NotComparable as reason:
            excluded[number] = str(reason)
    if len(stacks) < 2:
        reasons = "; ".join(f"instance {number}: {reason}" for number, reason in excluded.items())
        raise RunError(
            f"two instances are needed to compare, {len(stacks)} can be "
            f"({reasons or 'only one was given'})"
        )
    dataset = _dataset(source, layers, distance, stacks, excluded)
    return dataset.assign_attrs(cocktail_blank=int(cocktail_blanked))


def _append(
    stack: _Stack, name: str, activations: Any, categories: Sequence[str], distance: str
) -> None:
    """Add one layer's RDMs; every set of distances that will be correlated must vary."""
    if isinstance(activations, jax.Array) and not bool(jnp.isfinite(activations).all()):
        raise _NotComparable(f"activations of {name} are not finite")
    rdm, constant = (np.asarray(part) for part in rdm_and_constant_patterns(activations, distance))
    names = np.asarray(categories)
    first, second = pair_indices(len(names))
    to_correlate = {
        "distances": rdm,
        "same-category distances": rdm[names[first] == names[second]],
    }
    if len(set(categories)) > 1:
        patterns = centroids(activations, categories)
        centroid = np.asarray(rdm_and_constant_patterns(patterns, distance)[0])
        to_correlate["distances between category centroids"] = centroid
        stack.centroid.append(centroid)
    for what, values in to_correlate.items():
        if values.size >= 3 and np.ptp(values) <= ROUNDING * rdm.max():
            raise _NotComparable(f"all {what} of {name} are equal, so they correlate with nothing")
    stack.exemplar.append(rdm)
    stack.constant.append(int(constant))


def _dataset(
    source: Source,
    layers: Sequence[str],
    distance: str,
    stacks: dict[int, _Stack],
    excluded: dict[int, str],
) -> xr.Dataset:
    kept = list(stacks)
    exemplar, centroid, constant = (
        np.stack([rows[part] for rows in stacks.values()], axis=1) for part in range(3)
    )
    variables = {
        "exemplar": (("layer", "instance", "stimulus_pair"), exemplar),
        "constant_patterns": (("layer", "instance"), constant),
        **{
            name: ("instance", np.asarray(values)[kept])
            for name, values in source.variables.items()
        },
    }
    if centroid.size:
        variables["centroid"] = (("layer", "instance", "category_pair"), centroid)
    return xr.Dataset(
        variables,
        coords={
            "layer": list(layers),
            "instance": kept,
            "seed": ("instance", [source.seeds[number] for number in kept]),
            "stimulus": list(source.stimuli),
            "category": ("stimulus", list(source.categories)),
        },
        attrs={
            "distance": distance,
            "excluded_instances": json.dumps(
                [
                    {"instance": number, "seed": source.seeds[number], "reason": reason}
                    for number, reason in excluded.items()
                ]
            ),
            **source.attributes,
        },
    )
