"""Where things are on the page of an explorer, and reports of RDMs that are made up."""

import json
import re

import numpy as np
import xarray as xr
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.report.explorer import Explored
from ensemble_rsa.report.report import write_report
from tests.report.unpacking import unpacked

READY = "#explorer[data-ready]"


def data_of(path):
    text = path.read_text(encoding="utf-8")
    block = re.search(r'<script type="application/json" id="explorer-data">(.*?)</script>', text)
    assert block
    return json.loads(block[1])


def places(data, layer):
    """Where the page shows each stimulus of each panel, from 0 to 1, to the right and down."""
    shape = (len(data["layers"]), len(data["instances"]), len(data["stimuli"]), 2)
    values = unpacked(data["places"], shape)[layer] / data["levels"]
    return 0.04 + 0.92 * np.stack([values[..., 0], 1 - values[..., 1]], -1)


def hover(page, square, place):
    """Move the pointer to a place in an element, given as shares of its sides."""
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    page.mouse.move(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])


def tap(page, square, place):
    box = square.bounding_box()
    position = {"x": float(place[0] * box["width"]), "y": float(place[1] * box["height"])}
    square.tap(position=position)


def panels(page):
    return page.locator("#ex-panels .ex-square")


def kept_neighbours(page):
    rows = page.locator("#ex-kept .ex-row").all()
    return [
        [int(one.get_attribute("data-stimulus")) for one in row.locator("button").all()]
        for row in rows
    ]


def nearest(rdms, layer, stimulus, n=5):
    found = []
    for rdm in rdms.exemplar.values[layer]:
        row = squareform(rdm)[stimulus]
        row[stimulus] = np.inf
        found.append(np.argsort(row, kind="stable")[:n].tolist())
    return found


def made_up(names, n_instances=3, n=12):
    """RDMs of one layer, with these categories, ids and layers."""
    patterns = np.random.default_rng(2).normal(size=(n_instances, n, 8))
    return xr.Dataset(
        {"exemplar": (("layer", "instance", "stimulus_pair"),
                      np.array([[pdist(one) for one in patterns]], np.float32))},
        coords={"layer": [names[0]], "instance": np.arange(n_instances),
                "stimulus": [f"{names[0]}{i}" for i in range(n)],
                "category": ("stimulus", np.resize(names, n))},
        attrs={"distance": "euclidean"},
    )  # fmt: skip


def report_of(folder, rdms, earlier=None):
    results = rdms.drop_vars("exemplar").assign_coords(kind=[], bootstrap=[])
    explored = Explored(rdms, None, earlier)
    return write_report(folder / "report.html", results, None, {}, {}, {}, [], explored=explored)
