"""Two analysed runs against each other: do their networks differ by more than a seed does?"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.analysis.groups import Difference, GroupComparison, compare_groups
from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.groups import draw_groups
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.files import write_dataset
from ensemble_rsa.interop.labelled import LabelledRdms, check_stimuli, stimulus_ids
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.runs import run_folder

COMPARISON = "comparison"


def compare_runs(
    run: str | Path,
    other: str | Path,
    out: str | Path | None = None,
    paired: bool | None = None,
    settings: AnalysisConfig | None = None,
) -> tuple[xr.Dataset, Path]:
    """Test layer by layer whether the networks of two runs differ by more than a seed does.

    Args:
        run: folder of the first run, analysed.
        other: folder of the second run, analysed with the same distance and stimuli.
        out: where the results go; None for `comparison-OTHER` in the first run's folder.
        paired: whether instance i has the same first weights in both runs; None to see from the
            seeds.
        settings: `n_resamples` (of relabellings too), confidence and seed.

    Returns:
        The comparison (see `comparison_dataset`), and the JSON file that it was written to, beside
        `comparison.nc` and the figure.

    Raises:
        InputError: a run without `rdms.h5`, or with one that does not hold one RDM for each layer
            and seed; other stimuli, another distance, no layer in common, or fewer than three
            instances.
    """
    statistics = (settings or AnalysisConfig()).statistics
    a, b = (_load(Path(folder)) for folder in (run, other))
    check_stimuli(str(other), b, stimulus_ids(str(run), a), "stimulus")
    if a.distance != b.distance:
        raise InputError(
            f"{other}: expected {a.distance} distances as in {run}, got {b.distance}; analyse "
            "both with the same --distance"
        )
    layers = [name for name in _layers(a) if name in _layers(b)]
    if not layers:
        raise InputError(
            f"{other}: no layer in common with {run}: {', '.join(_layers(b))} against "
            f"{', '.join(_layers(a))}"
        )
    (stack_a, seeds_a), (stack_b, seeds_b) = (_stack(rdms, layers) for rdms in (a, b))
    if paired is None:
        paired = seeds_a == seeds_b
    result = compare_groups(
        stack_a,
        stack_b,
        paired=paired,
        n_permutations=statistics.n_resamples,
        confidence=statistics.confidence,
        seed=statistics.seed,
    )
    dataset = comparison_dataset(result, layers).assign_attrs(
        name_a=Path(run).resolve().name,
        name_b=Path(other).resolve().name,
        distance=a.distance,
        paired=int(paired),
        confidence=statistics.confidence,
        n_a=len(seeds_a),
        n_b=len(seeds_b),
    )
    default = Path(run) / f"{COMPARISON}-{Path(other).resolve().name}"
    return dataset, _write(dataset, Path(out) if out is not None else default)


def comparison_dataset(result: GroupComparison, layers: list[str]) -> xr.Dataset:
    """A comparison with named axes.

    Args:
        result: `(layer,)` values of `compare_groups`.
        layers: names.

    Returns:
        `within_a, within_b, between, cohens_d (layer)`, and for both differences
        (`within_minus_between`, `a_minus_b`) the value and its `_low, _high, _p, _p_adjusted, _z`.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, Difference):
            for part in dataclasses.fields(value):
                suffix = "" if part.name == "value" else f"_{part.name}"
                values[field.name + suffix] = ("layer", getattr(value, part.name))
        elif isinstance(value, np.ndarray):
            values[field.name] = ("layer", value)
    attributes = {
        "n_relabellings": result.n_relabellings,
        "exact": int(result.exact),
        "dropped": result.dropped,
    }
    return xr.Dataset(values, coords={"layer": layers}, attrs=attributes)


def _load(folder: Path) -> LabelledRdms:
    """The RDMs of a run, once it is known that they are one for each layer and seed."""
    path = folder / run_folder.RDMS
    if not path.is_file():
        raise InputError(
            f"run: {folder} holds no {run_folder.RDMS}; run `ensemble-rsa analyze {folder}` first"
        )
    rdms = load_rdms(path)
    missing = [name for name in ("layer", "seed") if name not in rdms.rdm_descriptors]
    if missing:
        raise InputError(
            f"{path}: expected the RDM descriptors layer and seed, got no {missing[0]}"
        )
    seeds = [_seeds(rdms, layer) for layer in _layers(rdms)]
    if any(each != seeds[0] for each in seeds) or len({*seeds[0]}) < len(seeds[0]):
        raise InputError(
            f"{path}: expected one RDM for each layer and seed, in the same order of seeds"
        )
    return rdms


def _layers(rdms: LabelledRdms) -> list[str]:
    return list(dict.fromkeys(str(name) for name in rdms.rdm_descriptors["layer"]))


def _of_layer(rdms: LabelledRdms, layer: str) -> np.ndarray:
    return np.asarray(rdms.rdm_descriptors["layer"]).astype(str) == layer


def _seeds(rdms: LabelledRdms, layer: str) -> list[int]:
    return np.asarray(rdms.rdm_descriptors["seed"])[_of_layer(rdms, layer)].tolist()


def _stack(rdms: LabelledRdms, layers: list[str]) -> tuple[np.ndarray, list[int]]:
    """RDMs of these layers, `(layer, instance, stimulus_pair)`, and the instances' seeds."""
    stack = np.stack([rdms.rdms[_of_layer(rdms, layer)] for layer in layers])
    return stack, _seeds(rdms, layers[0])


def _write(dataset: xr.Dataset, folder: Path) -> Path:
    path = folder / f"{COMPARISON}.json"
    write_dataset(folder / f"{COMPARISON}.nc", dataset)
    save_figure(draw_groups(dataset), folder / f"{COMPARISON}.png")
    plain = {name: [_number(value) for value in dataset[name].values] for name in dataset}
    record = {**dataset.attrs, "layers": dataset.layer.values.tolist(), **plain}
    files.write_json(path, json.loads(json.dumps(record, default=_number)))
    return path


def _number(value: Any) -> float | int | None:
    """A plain number; None for what is not one, which JSON has no word for."""
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if np.isfinite(value) else None
