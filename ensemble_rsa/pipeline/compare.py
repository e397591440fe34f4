"""Comparison of two analysed runs: whether their networks differ by more than a seed."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.analysis.bootstrap.contrasts import Contrast
from ensemble_rsa.analysis.groups import (
    LEAST_INSTANCES,
    Difference,
    GroupComparison,
    compare_groups,
)
from ensemble_rsa.arrays.stacks import RdmStack
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.errors import InputError, check_name
from ensemble_rsa.figures.groups import draw_groups
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.files import write_dataset
from ensemble_rsa.interop.labelled import check_stimuli, reorder_stimuli, stimulus_ids
from ensemble_rsa.pipeline.reference import rdms_or_store
from ensemble_rsa.pipeline.result_folders import folder_for
from ensemble_rsa.rdm.compare import COMPARISONS, ComparisonName
from ensemble_rsa.report.comparison import write_comparison
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.imported import is_imported
from ensemble_rsa.runs.run_folder import IMPORTED
from ensemble_rsa.store.reader import RdmStore

COMPARISON, OTHER = "comparison", "other"  # OTHER: the attribute with the path of that run
BLANK = "cocktail_blank"
AGAIN = "run `ensemble-rsa analyze` again"
_MATCHES = Literal["name", "depth"]
if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Match = _MATCHES
else:
    Match = str


def compare_runs(
    run: str | Path,
    other: str | Path,
    out: str | Path | None = None,
    paired: bool | None = None,
    comparison: ComparisonName = "pearson_squared",
    match: Match = "name",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[xr.Dataset, Path]:
    """Test layer by layer whether the networks of two runs differ by more than a seed.

    Args:
        run: folder of the first run, analysed.
        other: folder of the second run, analysed with the same distance and stimuli; these are
            matched by id where they are in another order.
        out: where the results are written; None for `comparison-OTHER` in the first run's folder,
            with `paired`, `match` and the comparison in the name where they are not the defaults,
            and a number where another run has that name.
        paired: whether instance i has the same initial weights in both runs; None to decide by the
            seeds, which are not known of imported runs.
        comparison: how two RDMs are compared, as in `compare_groups`.
        match: which layers are compared: `"name"` for those of the same name, `"depth"` for every
            layer of the network with fewer layers and that at the same relative depth of the other.
        n_resamples: the most permutations.
        confidence: level of the intervals.
        seed: of the permutations.

    Returns:
        The comparison (see `comparison_dataset`), with the coordinates `layer_a, layer_b`, and the
        JSON file that it was written to, beside `comparison.nc`, the figure and the page
        `comparison.html`.

    Raises:
        InputError: a run without `rdms.h5`, or with one that does not hold one RDM for each layer
            and instance, or whose networks share some weight seeds; twice the same run, or a copy
            of it (which RDMs on disk are not checked for); the mean pattern subtracted from one of
            them alone; other stimuli, another distance, no
            layer in common, fewer than three instances, or an unknown comparison.
    """
    statistics = StatisticsConfig(n_resamples=n_resamples, confidence=confidence, seed=seed)
    check_name("comparison", comparison, COMPARISONS)
    run, other = files.as_path("run", run), files.as_path("other", other)
    if run.resolve() == other.resolve():
        raise InputError(f"other: expected another run than {run}, got the same folder")
    named = [COMPARISON, other.resolve().name, *_options_of_name(paired, comparison, match)]
    default = run / "-".join(named)
    folder = folder_for(out, default, f"{COMPARISON}.json", OTHER, str(other.resolve()))
    opened, opened_other = rdms_or_store(run), rdms_or_store(other, "other")
    a, b = (each.dataset if isinstance(each, RdmStore) else each for each in (opened, opened_other))
    for folder_of, rdms in ((run, a), (other, b)):
        if (n_instances := rdms.sizes["instance"]) < LEAST_INSTANCES:
            raise InputError(
                f"{folder_of}: expected at least {LEAST_INSTANCES} instances for a test between "
                f"groups, got {n_instances}"
            )
        _check_independent(folder_of, rdms)
    if a is opened and b is opened_other:
        b = opened_other = _in_the_order_of(str(run), a, str(other), b)
    else:
        _check_same_order(run, a, other, b)
    if a is opened and b is opened_other and np.array_equal(a.exemplar.values, b.exemplar.values):
        raise InputError(f"other: expected other networks than those of {run}, got equal RDMs")
    blanked = _is_blanked(run, a, other, b)
    distances = [rdms.attrs.get("distance") for rdms in (a, b)]
    if distances[0] != distances[1]:
        raise InputError(
            f"{other}: expected {distances[0]} distances as in {run}, got {distances[1]}; analyse "
            "both with the same --distance"
        )
    names, other_names = (list(map(str, rdms.layer.values)) for rdms in (a, b))
    pairs = matched_layers(names, other_names, match)
    if not pairs:
        raise InputError(
            f"{other}: no layer in common with {run}: {', '.join(other_names)} against "
            f"{', '.join(names)}; match layers by depth (--match depth)"
        )
    ours, theirs = (list(each) for each in zip(*pairs, strict=True))
    is_paired = _begin_alike(run, a, other, b) if paired is None else paired
    names_of_runs = _names_of(run, other)
    result = compare_groups(
        _of_layers(opened, ours),
        _of_layers(opened_other, theirs),
        paired=is_paired,
        comparison=comparison,
        n_permutations=statistics.n_resamples,
        confidence=statistics.confidence,
        seed=statistics.seed,
    )
    layers = [one if one == two else f"{one} / {two}" for one, two in pairs]
    dataset = comparison_dataset(result, layers).assign_coords(
        layer_a=("layer", ours), layer_b=("layer", theirs)
    )
    dataset = dataset.assign_attrs(
        name_a=names_of_runs[0],
        name_b=names_of_runs[1],
        **{BLANK: int(blanked)},
        **{OTHER: str(other.resolve())},
        distance=distances[0],
        comparison=comparison,
        paired=int(is_paired),
        confidence=statistics.confidence,
        n_a=a.sizes["instance"],
        n_b=b.sizes["instance"],
    )
    return dataset, _write(dataset, folder)


def _options_of_name(paired: bool | None, comparison: str, match: str) -> list[str]:
    """Options that differ from their defaults, for the name of a folder."""
    options = {"paired": (paired, None), "match": (match, "name")}
    words = [f"{name}={given}" for name, (given, usual) in options.items() if given != usual]
    return words + ([comparison] if comparison != "pearson_squared" else [])


def _names_of(*runs: Path) -> list[str]:
    """The names of folders, with those of the folders that they are in where they are equal."""
    paths = [run.resolve() for run in runs]
    names = [path.name for path in paths]
    return names if len({*names}) > 1 else [f"{path.parent.name}/{path.name}" for path in paths]


def _is_blanked(run: Path, a: xr.Dataset, other: Path, b: xr.Dataset) -> bool:
    """Whether the mean pattern was subtracted; an error if from patterns of one run alone."""
    blanked = []
    for folder, rdms in ((run, a), (other, b)):
        path = folder / run_folder.ANALYSIS  # for RDMs of earlier versions, which do not say so
        settings = files.read_table(path, AGAIN) if path.is_file() else {}
        told = rdms.attrs.get(BLANK, settings.get(BLANK, False))
        blanked.append(bool(told))
    if blanked[0] != blanked[1]:
        words = ["with" if each else "without" for each in blanked]
        raise InputError(
            f"{other}: expected RDMs {words[0]} --cocktail-blank as those of {run}, got RDMs "
            f"{words[1]} it; analyse both alike"
        )
    return blanked[0]


def matched_layers(
    names: Sequence[str], others: Sequence[str], match: Match = "name"
) -> list[tuple[str, str]]:
    """The layers of two networks that are compared, in order of depth; see `compare_runs`.

    >>> matched_layers(["conv1", "conv2", "fc"], ["stem", "a", "b", "c", "head"], "depth")
    [('conv1', 'stem'), ('conv2', 'b'), ('fc', 'head')]
    """
    check_name("match", match, get_args(_MATCHES))
    if match == "name":
        return [(name, name) for name in names if name in others]
    n = min(len(names), len(others))
    of_ours, of_theirs = (
        np.floor(np.linspace(0, len(each) - 1, n) + 0.5).astype(int) for each in (names, others)
    )
    pairs = zip(of_ours, of_theirs, strict=True)
    return [(names[int(i)], others[int(k)]) for i, k in pairs]


def comparison_dataset(result: GroupComparison, layers: list[str]) -> xr.Dataset:
    """Return a comparison as a data set with the dimension `layer`.

    Its variables are `within_a`, `within_b`, `between`, `standardised_difference`, and three
    contrasts with the value and more under suffixes: `within_minus_between` with `_low, _p,
    _p_adjusted, _z`, and `between_over_within` and `a_minus_b` with `_low, _high, _p, _p_adjusted,
    _t, _degrees_of_freedom`.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, Difference | Contrast):
            for part in dataclasses.fields(value):
                suffix = "" if part.name == "value" else f"_{part.name}"
                values[field.name + suffix] = ("layer", getattr(value, part.name))
        elif isinstance(value, np.ndarray):
            values[field.name] = ("layer", value)
    return xr.Dataset(values, {"layer": layers}).assign_attrs(
        n_relabellings=result.n_permutations, exact=int(result.exact), least_p=result.least_p
    )


def _check_independent(folder: Path, rdms: xr.Dataset) -> None:
    """Raise for crossed seeds, by which some networks of a run share their initial weights."""
    if "seed" not in rdms.coords:
        return
    seeds = rdms.seed.values.ravel().tolist()
    if 1 < len({*seeds}) < len(seeds):
        raise InputError(
            f"{folder}: expected a weight seed for each instance, or one for all, got seeds of "
            "which some occur twice; networks that share their initial weights are not independent"
        )


def _begin_alike(run: Path, a: xr.Dataset, other: Path, b: xr.Dataset) -> bool:
    """Whether instance i is known to begin with the same weights in both runs, by their seeds.

    The names of imported instances do not say so. Where networks of one run share a seed, they
    differ in something else, such as the order of images.
    """
    imported = any(map(is_imported, (run, other))) or any(IMPORTED in r.attrs for r in (a, b))
    if imported or any("seed" not in rdms.coords for rdms in (a, b)):
        return False
    configs = [run_folder.read_config(each) for each in (run, other) if _has_config(each)]
    models = {(one.model.model, one.model.width, one.model.model_arg) for one in configs}
    if len(models) > 1:
        return False  # equal seeds give other initial weights
    seeds = [rdms.seed.values.ravel().tolist() for rdms in (a, b)]
    return seeds[0] == seeds[1] and len({*seeds[0]}) == a.sizes["instance"]


def _has_config(folder: Path) -> bool:
    return (folder / run_folder.CONFIG).is_file()


def _in_the_order_of(run: str, a: xr.Dataset, other: str, b: xr.Dataset) -> xr.Dataset:
    """Return the RDMs `b` with their stimuli in the order of `a`, matched by id.

    Bare positions, which stand for ids where none are known, are not matched in another order.

    Raises:
        InputError: other stimuli, or a stimulus that is of another category in the other run.
    """
    ids, others = stimulus_ids(run, a), stimulus_ids(other, b)
    positions = list(map(str, range(len(ids))))
    known = positions not in (list(map(str, ids)), list(map(str, others)))
    if ids != others and known and {*ids} == {*others}:
        b = reorder_stimuli(b, ids)
    check_stimuli(other, b, ids, "stimulus")
    if ids != others and "category" in a.coords and "category" in b.coords:
        pairs = zip(ids, a.category.values.tolist(), b.category.values.tolist(), strict=True)
        for stimulus, ours, theirs in pairs:
            if ours != theirs:
                raise InputError(
                    f"{other}: expected the stimulus {stimulus!r} in category {ours!r} as in "
                    f"{run}, got {theirs!r}; are these the same stimuli?"
                )
    return b


def _check_same_order(run: Path, a: xr.Dataset, other: Path, b: xr.Dataset) -> None:
    """Raise unless stimuli and categories are equal; RDMs on disk are not reordered."""
    for name, what in (("stimulus", "stimuli"), ("category", "categories")):
        ours, theirs = (
            each[name].values.tolist() if name in each.coords else None for each in (a, b)
        )
        if ours != theirs:
            raise InputError(
                f"{other}: expected the {what} of {run} in the same order, since RDMs on disk are "
                "not reordered"
            )


def _of_layers(rdms: xr.Dataset | RdmStore, layers: Sequence[str]) -> np.ndarray | RdmStack:
    """The RDMs of some layers `(layer, instance, stimulus_pair)`."""
    if not isinstance(rdms, RdmStore):
        return rdms.exemplar.sel(layer=layers).values
    names = list(map(str, rdms.dataset.layer.values))
    return rdms.exemplar[[names.index(layer) for layer in layers]]


def _write(dataset: xr.Dataset, folder: Path) -> Path:
    path = folder / f"{COMPARISON}.json"
    write_dataset(folder / f"{COMPARISON}.nc", dataset)
    figure = folder / f"{COMPARISON}.png"
    save_figure(draw_groups(dataset), figure)
    columns = {
        str(name): [value if math.isfinite(value) else None for value in column.values.tolist()]
        for name, column in dataset.items()  # JSON lacks NaN and inf
    }
    layers = {f"{name}s": dataset[name].values.tolist() for name in dataset.coords}
    files.write_json(path, {**dataset.attrs, **layers, **columns})
    manifest = run_folder.make_manifest(None, {})
    write_comparison(folder / f"{COMPARISON}.html", dataset, figure, manifest)
    return path
