"""The command that opens a page of results."""

import webbrowser

import pytest

from tests.conftest import call


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked to open."""
    found = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    return found


@pytest.mark.parametrize("name", ["report.html", "comparison.html", "evaluation.html"])
def test_a_folder_shows_its_page_as_a_local_file(tmp_path, opened, name):
    page = tmp_path / "a folder" / name
    page.parent.mkdir()
    page.touch()
    for given in (page.parent, page):
        called = call("view", given, path=tmp_path)
        assert (called.status, called.out, called.err) == (0, f"{page}\n", "")
    assert opened == [page.as_uri()] * 2
    assert opened[0].startswith("file:///")


def test_a_run_with_a_comparison_shows_its_own_report(tmp_path, opened):
    for name in ("comparison.html", "report.html"):
        (tmp_path / name).touch()
    assert call("view", tmp_path, path=tmp_path).out == f"{tmp_path / 'report.html'}\n"


def test_the_path_is_printed_where_no_browser_can_be_opened(tmp_path, monkeypatch):
    (tmp_path / "report.html").touch()
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    called = call("view", tmp_path, path=tmp_path)
    assert (called.status, called.out) == (0, f"{tmp_path / 'report.html'}\n")
    assert called.err == "no browser can be opened here; open this file in one:\n"


def test_nothing_is_opened_if_only_the_path_is_wanted(tmp_path, opened):
    (tmp_path / "report.html").touch()
    called = call("view", tmp_path, "--print", path=tmp_path)
    assert (called.out, opened) == (f"{tmp_path / 'report.html'}\n", [])


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"config.json": "{}"}, "continue its training with `ensemble-rsa train --resume --out "),
        ({"config.json": "{}", "training.json": "{}"}, "run `ensemble-rsa analyze "),
        ({"config.json": '{"imported": null}'}, "run `ensemble-rsa analyze "),
        ({"config.json": "{}", "results.nc": ""}, "run `ensemble-rsa report "),
        ({}, "`ensemble-rsa analyze`, `compare`, `evaluate` and `reproduce` write one"),
    ],
)
def test_without_a_page_the_command_that_makes_it_is_named(tmp_path, opened, files, command):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    called = call("view", tmp_path, path=tmp_path)
    assert (called.status, called.out, opened) == (2, "", [])
    assert called.err.startswith(f"ensemble-rsa: run: {tmp_path} holds no page; {command}")


def test_what_is_no_page_is_refused(tmp_path, opened):
    (tmp_path / "results.nc").touch()
    called = call("view", tmp_path / "results.nc", path=tmp_path)
    assert called.err == (
        "ensemble-rsa: run: expected a folder of results, or a page (.html), got "
        f"{tmp_path / 'results.nc'}\n"
    )
    assert "no such file or folder" in call("view", tmp_path / "gone", path=tmp_path).err
    assert opened == []
