"""The pictures of a folder, and which result each of them shows.

All settings share `figures/NAME.png`. `figures/shown.json` has the stored result of each, so that a
report is never given the picture of another ensemble.
"""

import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.reproduce.cache import REMOVE
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.record import result_path
from ensemble_rsa.reproduce.workspace import Workspace
from ensemble_rsa.runs import run_folder

SHOWN = "shown.json"


def draw(work: Workspace, experiment: Experiment, name: str, result: xr.Dataset) -> None:
    """Draw a figure of an experiment, and note which result it shows."""
    folder = work.root / run_folder.FIGURES
    save_figure(experiment.pictures[name].draw(result), folder / f"{name}.png")
    noted = _shown(work) | {name: result_path(work, experiment).stem}
    files.write_json(folder / SHOWN, noted)


def draw_again_where_other(work: Workspace, experiment: Experiment, name: str) -> bool:
    """Draw a figure again if it is missing or shows another result; False without a result."""
    path, folder = result_path(work, experiment), work.root / run_folder.FIGURES
    if (folder / f"{name}.png").is_file() and _shown(work).get(name) == path.stem:
        return True
    if not path.is_file():
        return False
    draw(work, experiment, name, files.read_dataset(path, REMOVE))
    return True


def _shown(work: Workspace) -> dict[str, str]:
    path = work.root / run_folder.FIGURES / SHOWN
    return files.read_table(path, REMOVE) if path.is_file() else {}
