"""A plan from an analysed run: how wide intervals will be with more networks or stimuli."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.analysis.bootstrap.jackknife import FEWEST
from ensemble_rsa.analysis.inference.planning import COMPONENT, evaluation_width
from ensemble_rsa.analysis.planning import INSTANCES, Components, plan, variance, width
from ensemble_rsa.arrays import check_count
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.planning import draw_plan
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.pipeline.reference import name_of_results, rdms_of, reference_for
from ensemble_rsa.pipeline.result_folders import folder_for
from ensemble_rsa.rdm.compare import ComparisonName
from ensemble_rsa.report.evaluation import DEFAULT_COMPARISON

PLAN, FILE = "plan", "reference_file"
MOST = 10_000  # times as many as in the pilot
# Of the coordinates of a plan, in its JSON file.
AXES = {
    "layer": "layers", "n_instances": "instances", "n_subjects": "subjects",
    "n_stimuli": "stimuli", "component": "components",
}  # fmt: skip
WORDS = {"instances": "networks", "subjects": "subjects", "stimuli": "stimuli"}


def plan_run(
    run: str | Path,
    reference: str | Path | None = None,
    instances: Sequence[int] = INSTANCES,
    stimuli: Sequence[int] | None = None,
    subjects: Sequence[int] | None = None,
    difference: float = 0.05,
    confidence: float = 0.95,
    comparison: ComparisonName | None = None,
    out: str | Path | None = None,
    **reading: Any,
) -> tuple[xr.Dataset, Path]:
    """Plan from the RDMs of an analysed run, layer by layer.

    Args:
        run: folder of the run.
        reference: a file of reference RDMs as in `evaluate_run`, for a plan of an evaluation.
        instances: as in `plan`.
        stimuli: as in `plan`.
        subjects: as in `plan`.
        difference: as in `plan`.
        confidence: as in `plan`.
        comparison: as in `plan`.
        out: where the results are written; None for `plan`, or
            `plan-REFERENCE` (named like evaluations, with a number where another file has that
            name), in the run's folder.
        **reading: how the reference is read, for `load_reference`.

    Returns:
        What `plan` returns, with a dimension `layer` and the attribute `layer`, the one whose
        interval is the widest now; and the JSON file that was written, beside `plan.nc` and the
        figure of that layer. It has the attributes, the sentence of `plan_sentence`, and a list for
        each variable.

    Raises:
        InputError: a run without `rdms.h5`, or as `plan`.
    """
    run = files.as_path("run", run)
    path = None if reference is None else files.as_path("reference", reference)
    named = path and name_of_results(path, comparison or DEFAULT_COMPARISON, reading)
    default = run / (f"{PLAN}-{named}" if named else PLAN)
    source = "" if path is None else str(path.resolve())
    folder = folder_for(out, default, f"{PLAN}.json", FILE, source)
    labelled = rdms_of(run)
    rdms, brains = labelled.exemplar, None
    if path is not None:
        brains = reference_for(labelled, path, **reading).exemplar.values
    if (n := rdms.sizes["instance"]) < FEWEST:
        raise InputError(f"{run}: expected at least {FEWEST} instances for a plan, got {n}")
    found = plan(
        rdms, brains, instances=instances, stimuli=stimuli, subjects=subjects,
        difference=difference, confidence=confidence, comparison=comparison,
    )  # fmt: skip
    now = width_at(found, **pilot_of(found))
    found = found.assign_attrs(layer=str(found.layer.values[int(np.argmax(now))]))
    files.write_dataset(folder / f"{PLAN}.nc", found)
    save_figure(draw_plan(found.sel(layer=found.attrs["layer"])), folder / f"{PLAN}.png")
    record: dict[str, Any] = {
        **found.attrs,
        FILE: source,
        "sentence": plan_sentence(found.sel(layer=found.attrs["layer"])),
        **{AXES.get(str(name), str(name)): found[name].values.tolist() for name in found.coords},
        **{str(name): values.values.tolist() for name, values in found.items()},
    }
    files.write_json(folder / f"{PLAN}.json", record)
    return found, folder / f"{PLAN}.json"


def plan_sentence(found: xr.Dataset) -> str:
    """Return what more of everything that is random would do to the interval of one layer.

    `found` is what `plan` returned, of one layer. The interval is that over other networks and
    other stimuli, and over other subjects where there are any.
    """
    pilot = pilot_of(found)
    now = float(width_at(found, **pilot))
    level = f"{100 * found.attrs['confidence']:g}"
    where = f" in {found.layer.item()}" if "layer" in found.coords else ""
    words = [f"{pilot[name]:,} {WORDS[name]}" for name in pilot]
    if "subjects" in pilot:
        of = "the similarity to a subject over other networks, subjects and stimuli"
    else:
        of = "mean r² over other networks and stimuli"
    start = (
        f"With {', '.join(words[:-1])} and {words[-1]}, the {level} % interval of {of} is "
        f"expected to be {now:.3f} wide{where}"
    )
    if now < 5e-4:
        return f"{start}."
    parts = []
    for name in pilot:
        widths = {n: float(width_at(found, **{**pilot, name: n})) for n in _more_than(pilot[name])}
        best = min(widths.values())
        if best >= now:
            parts.append(f"more {WORDS[name]} do not narrow it")
        elif best > now / 2:
            none = f"no number of {WORDS[name]} halves it (at best {best:.3f})"
            more = f"more {WORDS[name]} cannot bring it below {best:.3f}"
            parts.append(none if name == "instances" else more)
        elif name == "instances":
            reached = next(n for n, width in widths.items() if width <= now / 2)
            needed = networks_for(found, now / 2, reached)
            parts.append(f"{needed - pilot[name]} more networks halve it")
        else:
            parts.append(f"more {WORDS[name]} can halve it too")
    return f"{start}; {'; '.join(parts)}."


def networks_for(found: xr.Dataset, wanted: float, reached: int) -> int:
    """The smallest number of networks with an interval of at most this width.

    All else is as in the pilot; `found` is of one layer, and `reached` networks have that width.
    """
    pilot = pilot_of(found)
    low, high = check_count("pilot_instances", pilot["instances"], FEWEST), reached
    while high - low > 1:
        middle = (low + high) // 2
        enough = float(width_at(found, **{**pilot, "instances": middle})) <= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def _more_than(n: int) -> list[int]:
    """Numbers above n, each a tenth larger than the one before, up to `MOST` times as many."""
    factors = 1.1 ** np.arange(1, np.log(MOST) / np.log(1.1) + 1)
    return sorted({int(np.ceil(n * factor)) for factor in factors})


def pilot_of(found: xr.Dataset) -> dict[str, int]:
    """The numbers of instances, subjects (of an evaluation) and stimuli in the pilot."""
    names = [name for name in WORDS if f"pilot_{name}" in found.attrs]
    return {name: int(found.attrs[f"pilot_{name}"]) for name in names}


def width_at(found: xr.Dataset, **numbers: int | float) -> np.ndarray:
    """The width of the interval of every layer, over all that is random, at other numbers."""
    confidence = found.attrs["confidence"]
    if COMPONENT in found:
        return evaluation_width(found[COMPONENT].values, numbers, confidence)
    n, m = (np.full((1, 1), float(numbers[name])) for name in ("instances", "stimuli"))
    names = Components.__dataclass_fields__
    components = Components(**{name: found[name].values for name in names})
    error = np.sqrt(variance(components, n, m))
    mean = found.consistency.values[..., None, None]
    return np.asarray(width(mean, error, n, confidence)[..., 0, 0])
