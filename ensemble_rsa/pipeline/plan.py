"""A plan from an analysed run: how wide intervals will be with more networks or stimuli."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.analysis.bootstrap.jackknife import FEWEST
from ensemble_rsa.analysis.planning import INSTANCES, Components, plan, variance, width
from ensemble_rsa.arrays import check_count
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.planning import draw_plan
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.runs import run_folder

PLAN = "plan"
MOST = 10_000  # networks that are looked for


def plan_run(
    run: str | Path,
    instances: Sequence[int] = INSTANCES,
    stimuli: Sequence[int] | None = None,
    difference: float = 0.05,
    confidence: float = 0.95,
    out: str | Path | None = None,
) -> tuple[xr.Dataset, Path]:
    """Plan from the RDMs of an analysed run, layer by layer.

    Args:
        run: folder of the run.
        instances: as in `plan`.
        stimuli: as in `plan`.
        difference: as in `plan`.
        confidence: as in `plan`.
        out: where the results are written; None for `plan` in the run's folder.

    Returns:
        What `plan` returns, with a dimension `layer` and the attribute `layer`, the one whose
        interval is the widest now; and the JSON file that was written, beside `plan.nc` and the
        figure of that layer. It has the attributes, the sentence of `plan_sentence`, and a list for
        each variable.

    Raises:
        InputError: a run without `rdms.h5`, or as `plan`.
    """
    run = files.as_path("run", run)
    folder = files.as_path("out", out) if out is not None else run / PLAN
    files.check_can_write("out", folder)
    path = run / run_folder.RDMS
    if not path.is_file():
        raise InputError(
            f"run: {run} holds no {run_folder.RDMS}; run `ensemble-rsa analyze {run}` first"
        )
    rdms = load_rdms(path).exemplar
    if set(rdms.dims) != {"layer", "instance", "stimulus_pair"}:
        raise InputError(f"{path}: expected one RDM for each layer and instance")
    if (n := rdms.sizes["instance"]) < FEWEST:
        raise InputError(f"{run}: expected at least {FEWEST} instances for a plan, got {n}")
    found = plan(
        rdms.transpose("layer", "instance", "stimulus_pair"),
        instances=instances, stimuli=stimuli, difference=difference, confidence=confidence,
    )  # fmt: skip
    now = _width(found, found.attrs["pilot_instances"], found.attrs["pilot_stimuli"])
    found = found.assign_attrs(layer=str(found.layer.values[int(np.argmax(now))]))
    files.write_dataset(folder / f"{PLAN}.nc", found)
    save_figure(draw_plan(found.sel(layer=found.attrs["layer"])), folder / f"{PLAN}.png")
    record: dict[str, Any] = {
        **found.attrs,
        "sentence": plan_sentence(found.sel(layer=found.attrs["layer"])),
        "layers": found.layer.values.tolist(),
        "instances": found.n_instances.values.tolist(),
        "stimuli": found.n_stimuli.values.tolist(),
        **{str(name): values.values.tolist() for name, values in found.items()},
    }
    files.write_json(folder / f"{PLAN}.json", record)
    return found, folder / f"{PLAN}.json"


def plan_sentence(found: xr.Dataset) -> str:
    """Return what more networks and more stimuli would do to the interval of one layer.

    `found` is what `plan` returned, of one layer. The interval is that over other networks and
    other stimuli.
    """
    n, m = (int(found.attrs[f"pilot_{kind}"]) for kind in ("instances", "stimuli"))
    level = f"{100 * found.attrs['confidence']:g}"
    now, many_stimuli = float(_width(found, n, m)), float(_width(found, n, math.inf))
    where = f" in {found.layer.item()}" if "layer" in found.coords else ""
    start = (
        f"With {n} networks and {m} stimuli, the {level} % interval of mean r² over other networks "
        f"and stimuli is expected to be {now:.3f} wide{where}"
    )
    if now < 5e-4:
        return f"{start}."
    needed = networks_for(found, now / 2)
    if needed is None:
        limit = float(_width(found, MOST, m))
        of_networks = f"no number of networks halves it (at best {limit:.3f})"
    else:
        of_networks = f"{needed - n} more networks halve it"
    if many_stimuli > now / 2:
        of_stimuli = f"more stimuli cannot bring it below {many_stimuli:.3f}"
    else:
        of_stimuli = "more stimuli can halve it too"
    return f"{start}; {of_networks}; {of_stimuli}."


def networks_for(found: xr.Dataset, wanted: float) -> int | None:
    """The smallest number of networks with an interval of at most this width; None if none has.

    The stimuli are as many as in the pilot, and `found` is of one layer.
    """
    check_count("pilot_instances", found.attrs["pilot_instances"], FEWEST)
    low, high = int(found.attrs["pilot_instances"]), MOST
    m = found.attrs["pilot_stimuli"]
    if float(_width(found, high, m)) > wanted:
        return None
    while high - low > 1:  # the width falls with the number of networks
        middle = (low + high) // 2
        low, high = (low, middle) if float(_width(found, middle, m)) <= wanted else (middle, high)
    return high


def _width(found: xr.Dataset, n: int | float, m: int | float) -> np.ndarray:
    """The width of the interval over networks and stimuli, of every layer."""
    names = Components.__dataclass_fields__
    components = Components(**{name: found[name].values for name in names})
    error = np.sqrt(variance(components, np.full((1, 1), float(n)), np.full((1, 1), m)))
    mean = found.consistency.values[..., None, None]
    return width(mean, error, np.full((1, 1), float(n)), found.attrs["confidence"])[..., 0, 0]
