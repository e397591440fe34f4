"""Tables of the numbers that figures draw, and the blocks that hold data in a page."""

import json
import re
import zlib
from base64 import b64decode
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.figures.save import save_figures
from ensemble_rsa.report import explorer
from ensemble_rsa.report.contents import Contents
from ensemble_rsa.report.figure_tables import figure_tables
from ensemble_rsa.report.inline import json_block, packed_block
from ensemble_rsa.report.report import write_report
from ensemble_rsa.report.tables import MOST_ROWS, Names, result_table


def columns(table):
    """The columns of a table as a page has them, names in full."""
    return {
        column["name"]: column.get("values") or [column["levels"][code] for code in column["codes"]]
        for column in json.loads(json.dumps(table.as_data(), default=lambda array: array.tolist()))[
            "columns"
        ]
    }


def test_pairs_are_named_by_their_instances(make_results):
    results = make_results(n_layers=2, n_instances=3).assign_coords(instance=[4, 7, 9])
    named = results.instance.values
    results = results.assign_coords(
        pair_first=("instance_pair", named[[0, 0, 1]]),
        pair_second=("instance_pair", named[[1, 2, 2]]),
    )
    found = columns(figure_tables("consistency", results, None)["pairs"])
    np.testing.assert_allclose(found["r2"], results.consistency.values.ravel(), rtol=5e-6)
    assert found["instance_a"][:3] == [4, 4, 7]
    assert found["instance_b"][:3] == [7, 9, 9]
    assert found["kind"][5:7] == ["exemplar", "centroid"]
    assert found["layer"][2:4] == ["conv1", "conv2"]


def test_a_layout_has_the_category_of_each_stimulus(make_results):
    results = make_results(n_layers=2, n_instances=3, n_stimuli=6, n_categories=2)
    found = columns(figure_tables("geometry", results, None)["geometry"])
    assert found["category"][4:8] == ["category 01"] * 2 + ["category 00"] * 2
    assert found["instance"][11:13] == [0, 1]
    np.testing.assert_allclose(found["y"], results.embedding.values[..., 1].ravel(), rtol=5e-6)


def test_tables_are_left_out_where_they_are_too_long(make_results):
    results = make_results(n_layers=32, n_instances=10, n_stimuli=10)
    assert MOST_ROWS < 320 * 319 // 2
    assert [*figure_tables("second_level", results, None)] == ["layout"]
    assert figure_tables("unknown", results, None) == {}


def test_every_number_of_results_has_its_place():
    results = xr.Dataset(
        {"a": 1.5, "b": (("layer", "pair"), [[1.0, 2.0]]), "c": ("layer", ["text"])},
        {"layer": ["x"], "first": ("pair", [0, 0]), "second": ("pair", [1, 2])},
    )
    table = result_table(results)
    assert columns(table) == {
        "variable": ["a", "b", "b"],
        "layer": ["", "x", "x"],
        "pair": ["", "0 / 1", "0 / 2"],
        "value": [1.5, 1.0, 2.0],
    }
    assert result_table(xr.Dataset()).n_rows == 0
    assert isinstance(table.columns["pair"], Names)


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "&amp;", "\u2028\u2029", "'\"\\"])
def test_no_text_ends_its_block(text):
    block = json_block('a"b', {text: [text, np.float32(0.5), np.nan, np.inf, np.arange(2)]})
    opening, inside = block.removesuffix("</script>").split(">", 1)
    assert opening == '<script type="application/json" id="a&#34;b"'
    assert not re.search("[<>&\u2028\u2029]", inside)
    assert json.loads(inside) == {text: [text, 0.5, None, None, [0, 1]]}


def test_bytes_come_back_from_their_block():
    content = bytes(range(256)) * 9
    block = packed_block("x", content, title='"')
    inside = re.fullmatch(
        '<script type="text/plain" id="x" data-title="&#34;">(.*)</script>', block
    )
    assert zlib.decompress(b64decode(inside[1])) == content


def test_headings_have_ids_of_their_own():
    contents = Contents()
    found = [contents.heading(text, level) for text, level in (("A b", 2), ("A, b", 2), ("<", 3))]
    assert found == [
        '<h2 id="a-b">A b</h2>', '<h2 id="a-b-2">A, b</h2>', '<h3 id="section">&lt;</h3>',
    ]  # fmt: skip
    assert [entry.text for entry in contents.entries] == ["A b", "A, b"]


@pytest.fixture
def explored(monkeypatch):
    """An explorer of the size of the paper, whose layouts and distances do not compress."""
    rng = np.random.default_rng(0)

    def layouts(rdms):
        size = (*rdms.shape[:2], 1000)
        layout, stress = rng.random((*size, 2)), rng.random(size)
        return SimpleNamespace(embedding=layout, stress=stress[..., 0], pointwise_stress=stress)

    def neighbours(rdms):
        return rng.integers(0, 1000, (*rdms.shape[:2], 1000, 5))

    monkeypatch.setattr(explorer, "layouts", layouts)
    monkeypatch.setattr(explorer, "_neighbours", neighbours)
    monkeypatch.setattr(explorer, "rows_compared", lambda rdms, n: rng.random((len(rdms), n)))
    dims = ("layer", "instance", "stimulus_pair")
    rdms = xr.Dataset(
        {"exemplar": (dims, rng.random((9, 10, 499_500), np.float32))},
        coords={
            "layer": [f"conv{i}" for i in range(9)],
            "instance": range(10),
            "stimulus": [f"cifar10_test_{i:05d}" for i in range(1000)],
            "category": ("stimulus", np.resize(list("abcdefghij"), 1000)),
        },
    )
    coarse = rng.integers(0, 256, (1000, 8, 8, 3), np.uint8)  # about as smooth as photographs
    return explorer.Explored(rdms, coarse.repeat(4, 1).repeat(4, 2))


@pytest.mark.slow
def test_a_page_at_the_size_of_the_paper_stays_below_4_mb(
    make_results, make_history, tmp_path, explored
):
    results, history = make_results(9, 10, 10, 1000), make_history(10, 350)
    figures = save_figures(results, history, tmp_path / "figures")
    path = write_report(tmp_path / "report.html", results, history, {}, {}, {}, figures)
    assert 1_000_000 < path.stat().st_size < 2_000_000
    write_report(path, results, history, {}, {}, {}, figures, explored=explored)
    assert 3_000_000 < path.stat().st_size < 4_000_000
