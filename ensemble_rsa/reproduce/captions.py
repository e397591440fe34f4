"""Titles and captions of figures, from the templates in `report/templates/paper/`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.report.captions import render
from ensemble_rsa.report.rendering import render_text
from ensemble_rsa.report.values import dataset_values
from ensemble_rsa.reproduce.estimate import training_images
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.workspace import Workspace, networks


def caption(
    work: Workspace, experiment: Experiment, figure: str, result: xr.Dataset
) -> dict[str, str]:
    """Title and caption of a figure; the caption ends with scale, seeds and sample sizes."""
    values = dataset_values(result) | dict(experiment.pictures[figure].values(result))
    title, text = render(f"paper/{figure}", **values)
    return {"title": title, "caption": f"{text} {setting(work, experiment, result)}"}


def setting(work: Workspace, experiment: Experiment, result: xr.Dataset) -> str:
    """Scale, seeds, sample sizes, and the instances that did not converge."""
    if not experiment.ensembles:
        return render_text("paper/simulated")
    config = work.scale.ensembles[experiment.ensembles[0]]
    runs = {name: networks(work, name) for name in experiment.ensembles}
    return render_text(
        "paper/networks",
        scale=work.scale.name,
        n_instances=config.training.instances,
        width=config.model.width,
        epochs=config.training.epochs,
        n_train=training_images(config),
        preprocessing=config.data.preprocessing,
        precision=config.training.precision,
        n_stimuli=result.attrs.get("n_stimuli"),
        converged_at=config.training.converged_at,
        seeds=_seeds(result.attrs),
        flagged={
            name: (len(run.flagged), len(run.seeds)) for name, run in runs.items() if run.flagged
        },
        replaced={
            name: [instance.seed for instance in run.replaced]
            for name, run in runs.items()
            if run.replaced
        },
    )


def _seeds(attrs: Mapping[Any, Any]) -> dict[str, list[int]]:
    """Seeds of the instances compared; by network or contrast where they differ."""
    several = {
        name.removesuffix("_seeds"): np.atleast_1d(seeds).tolist()
        for name, seeds in attrs.items()
        if name.endswith("_seeds")
    }
    if len({*map(tuple, several.values())}) > 1:
        return several
    return {"": np.atleast_1d(attrs["seeds"]).tolist()}
