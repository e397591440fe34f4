"""Pages of results as a whole: what scripts add to them, and what they are without."""

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from ensemble_rsa.figures.save import save_figures
from ensemble_rsa.pipeline.compare import compare_runs
from ensemble_rsa.pipeline.evaluate import evaluate_run
from ensemble_rsa.report.captions import Caption
from ensemble_rsa.report.report import write_report
from ensemble_rsa.report.reproduction import write_reproduction
from ensemble_rsa.report.tables import result_table
from tests.conftest import changed_copy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def pages(tiny_report, ledger_row, tmp_path_factory) -> dict[str, Path]:
    """A page of each kind."""
    run, folder = tiny_report.parent, tmp_path_factory.mktemp("pages")
    other = changed_copy(run, folder / "other")
    compared = compare_runs(run, other, folder / "compared", paired=False)[1]
    brains = np.random.default_rng(0).random((3, 60 * 59 // 2))
    np.save(folder / "brains.npy", brains)
    evaluated = evaluate_run(run, folder / "brains.npy", n_resamples=50, out=folder / "ev")[1]
    results = xr.open_dataset(run / "results.nc").load()
    missing = ledger_row | {"ours": None, "verdict": "not run"}
    reproduced = write_reproduction(
        folder / "report.html", "small", [ledger_row, missing], [],
        {"fig4": (run / "figures" / "consistency.png", Caption("Consistency", "By layer."))},
        {"fig4": {"depth": result_table(results[["consistency", "consistency_mean"]])}},
        {"commit": "abc"}, "2026-01-02", "All hold.",
    )  # fmt: skip
    return {
        "report": tiny_report,
        "comparison": compared.with_suffix(".html"),
        "evaluation": evaluated,
        "reproduction": reproduced,
    }


@pytest.fixture(scope="session")
def results(tiny_report):
    with xr.open_dataset(tiny_report.parent / "results.nc") as stored:
        return stored.load()


KINDS = ["report", "comparison", "evaluation", "reproduction"]


def draw_all(page):
    """Scroll to each figure: its chart is drawn when it comes near."""
    for figure in page.locator("figure[data-name]").all():
        figure.scroll_into_view_if_needed()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_opens_without_a_request_and_axe_core_finds_nothing_serious(
    pages, open_page, overflow, serious_violations, kind
):
    page = open_page(pages[kind])
    assert page.title()
    assert page.locator("h1").count() == 1
    for name in ("main", "nav", "header"):
        assert page.locator(name).count() == 1
    anchors = page.locator("nav a").evaluate_all("all => all.map((one) => one.hash.slice(1))")
    assert len(anchors) > 3
    found = "(ids) => ids.filter((id) => document.getElementById(id)).length"
    assert page.evaluate(found, anchors) == len(anchors)
    draw_all(page)
    assert overflow(page) <= 0
    assert serious_violations(page) == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_wider_than_a_phone(pages, open_page, overflow, kind):
    page = open_page(pages[kind], width=360)
    draw_all(page)
    assert overflow(page) <= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_without_script(pages, open_page, kind):
    page = open_page(pages[kind], java_script_enabled=False)
    assert page.locator("blockquote").first.inner_text()
    assert "doi:10.1038/s41467-020-19632-w" in page.locator(".references").inner_text()
    assert page.locator("button").count() == 0
    assert all(each.is_visible() for each in page.locator("figure img").all())


def test_copy_gives_the_text(tiny_report, open_page):
    page = open_page(tiny_report, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the methods").click()
    page.get_by_text("Copied the methods").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator(".paragraphs").inner_text().strip()
    assert copied.startswith("We trained 3 instances of All-CNN-7 (our surrogate")


def column_of(page, name, column):
    rows = page.locator("table", has=page.get_by_text(name, exact=True)).locator("tbody tr")
    return [row.locator("th, td").nth(column).inner_text() for row in rows.all()]


def test_a_table_is_sorted_up_and_down_and_back(tiny_report, open_page):
    page = open_page(tiny_report)
    head = page.get_by_role("columnheader", name="CCI")
    place = head.evaluate("(cell) => cell.cellIndex")
    read = lambda: [float(text.split()[0]) for text in column_of(page, "CCI", place)]
    before = read()
    for direction, wanted in (
        ("ascending", sorted(before)), ("descending", sorted(before)[::-1]), (None, before),
    ):  # fmt: skip
        head.get_by_role("button").click()
        assert read() == wanted
        assert head.get_attribute("aria-sort") == direction
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert read() == sorted(before)


@pytest.fixture
def chart(tiny_report, open_page):
    """The chart of a figure by the name of its file, once it is drawn."""
    page = open_page(tiny_report)

    def find(name):
        figure = page.locator(f"figure[data-name={name}]")
        figure.scroll_into_view_if_needed()
        figure.locator(".chart svg[role=img]").first.wait_for()
        return figure

    find.page, find.folder = page, tiny_report.parent
    return find


def test_toggles_show_and_hide_kinds_and_intervals(chart):
    figure = chart("consistency")
    n = lambda selector: figure.locator(f".picture {selector}").count()
    assert (n(".mean"), n(".bar"), n(".broad"), n(".dot")) == (1, 7, 7, 21)
    figure.get_by_label("centroid-based").check()
    assert (n(".mean"), n(".bar"), n(".dot")) == (2, 14, 42)
    figure.get_by_label("95 % CI, instances").uncheck()
    figure.get_by_label("pairs of instances").uncheck()
    assert (n(".bar"), n(".broad"), n(".dot")) == (0, 14, 0)


def test_the_arrow_keys_read_values_and_enter_keeps_an_instance(chart, results):
    figure = chart("consistency")
    figure.get_by_label("pairs of instances").uncheck()
    figure.locator("svg[role=img]").focus()
    for place, layer in enumerate(results.layer.values.tolist()):
        chart.page.keyboard.press("ArrowRight")
        mean = float(results.consistency_mean.sel(kind="exemplar")[place])
        said = figure.locator("output").inner_text()
        assert said.startswith(f"{layer}, exemplar-based: mean r² {float(f'{mean:.4g}'):g}"), said
    plane = chart("second_level").locator("svg[role=img]").nth(1)
    plane.focus()
    chart.page.keyboard.press("ArrowRight")
    chart.page.keyboard.press("Enter")
    assert chart.page.locator("button[aria-pressed=true]").inner_text() == "0"


def test_pointing_at_the_matrix_reads_a_distance(chart, results):
    figure = chart("second_level")
    image = figure.locator("image").bounding_box()
    row, column, n = 4, 17, 21  # of 7 layers of 3 instances
    at = lambda place: (place + 0.5) * image["width"] / n
    chart.page.mouse.move(image["x"] + at(column), image["y"] + at(row))
    first, second = divmod(row, 3), divmod(column, 3)
    distance = float(results.second_level_distance.values[*first, *second])
    assert figure.locator("output").inner_text() == (
        f"conv{first[0] + 1} of instance {first[1]} and conv{second[0] + 1} of instance "
        f"{second[1]}: 1 − r = {float(f'{distance:.4g}'):g}"
    )
    marked = chart.page.locator(".rows.marked")
    assert marked.count() == 2
    chart.page.mouse.move(0, 0)
    assert marked.count() == 0


def test_one_instance_is_followed_through_all_figures(chart):
    figures = [chart(name) for name in ("second_level", "clustering", "training")]
    one = chart.page.get_by_role("group", name="Follow an instance").get_by_role("button").nth(1)
    one.click()
    lines = (".thin", ".thin", ".curve")
    for figure, line, n_panels in zip(figures, lines, (1, 1, 3), strict=True):
        assert figure.locator(f"{line}.marked").count() == n_panels
        assert figure.locator(line).count() == 3 * n_panels
    assert (one.inner_text(), one.get_attribute("aria-pressed")) == ("1", "true")
    one.click()
    assert chart.page.locator("[data-of].marked").count() == 0


def saved(page, figure, label):
    with page.expect_download() as waited:
        figure.get_by_role("button", name=label, exact=True).click()
    return waited.value.suggested_filename, Path(waited.value.path()).read_bytes()


def rows_of(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def test_a_figure_is_saved_as_png_and_svg(chart, tiny_report):
    figure = chart("second_level")
    name, content = saved(chart.page, figure, "PNG")
    with Image.open(io.BytesIO(content)) as picture:
        assert (name, picture.width) == ("second_level.png", 2160)
    name, content = saved(chart.page, figure, "SVG")
    drawn = (tiny_report.parent / "figures" / "second_level.svg").read_bytes()
    assert (name, content) == ("second_level.svg", drawn)
    assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"


def test_saved_values_are_those_of_the_results(chart, results):
    rows = rows_of(saved(chart.page, chart("consistency"), "CSV: pairs of instances")[1])
    for row in rows:
        pair = results.sel(kind=row["kind"], layer=row["layer"])
        chosen = (pair.pair_first == int(row["instance_a"])) & (
            pair.pair_second == int(row["instance_b"])
        )
        (value,) = pair.consistency.values[chosen.values]
        assert float(row["r2"]) == pytest.approx(value, rel=1e-5)
    assert len(rows) == results.consistency.size
    rows = rows_of(saved(chart.page, chart("second_level"), "CSV: matrix")[1])
    distances = results.second_level_distance.values.reshape(21, 21)[np.triu_indices(21, 1)]
    np.testing.assert_allclose([float(row["distance"]) for row in rows], distances, rtol=1e-5)
    rows = rows_of(saved(chart.page, chart.page.locator("#figure-1"), "CSV: layout")[1])
    drawn = [[float(row["x"]), float(row["y"])] for row in rows]
    np.testing.assert_allclose(drawn, results.embedding.values.reshape(-1, 2), rtol=1e-5)
    history = xr.open_dataset(chart.folder / "history.nc").load()
    rows = rows_of(saved(chart.page, chart("training"), "CSV: curves")[1])
    losses = [float(row["train_loss"]) for row in rows]
    np.testing.assert_allclose(losses, history.train_loss.values.ravel(), rtol=1e-5)
    assert {row["test_accuracy"] for row in rows if row["epoch"] == "1"} == {""}  # not tested


def test_the_numbers_of_a_reproduction_are_saved(pages, results, open_page):
    page = open_page(pages["reproduction"])
    rows = rows_of(saved(page, page.locator("#fig-4"), "CSV: results")[1])
    means = [float(row["value"]) for row in rows if row["variable"] == "consistency_mean"]
    np.testing.assert_allclose(means, results.consistency_mean.values.ravel(), rtol=1e-5)
    assert {row["instance_pair"] for row in rows} == {"", "0 / 1", "0 / 2", "1 / 2"}


def test_a_printed_page_has_the_figures_and_no_buttons(chart):
    figure = chart("consistency")
    assert not figure.locator("img").is_visible()
    chart.page.emulate_media(media="print")
    assert figure.locator("img").is_visible()
    assert not figure.locator(".chart").is_visible()
    added = chart.page.locator(".tools button, .instances button, .copy").all()
    assert len(added) > 10
    assert not any(each.is_visible() for each in added)
    assert chart.page.pdf().startswith(b"%PDF")


def live_consistency(page):
    figure = page.locator("figure[data-name=consistency]")
    figure.scroll_into_view_if_needed()
    figure.locator(".chart svg[role=img]").wait_for()
    return figure


def test_a_value_that_is_not_defined_has_no_dot(make_results, tmp_path, open_page):
    results = make_results(n_layers=2, n_instances=3)
    values = results.consistency.values.copy()
    assert values.shape[-1] == 3
    values[..., 1] = np.nan
    results = results.assign(consistency=(results.consistency.dims, values))
    figures = save_figures(results, None, tmp_path / "figures")
    page = open_page(write_report(tmp_path / "report.html", results, None, {}, {}, {}, figures))
    assert live_consistency(page).locator(".dot").count() == 2 * 2


def test_pairs_of_many_instances_are_thinned_and_it_is_said(make_results, tmp_path, open_page):
    results = make_results(n_layers=3, n_instances=60)
    figures = save_figures(results, None, tmp_path / "figures")
    page = open_page(write_report(tmp_path / "report.html", results, None, {}, {}, {}, figures))
    figure = live_consistency(page)
    assert figure.locator(".dot").count() == 3 * 590  # of 1770 pairs, every third
    assert figure.get_by_label("pairs of instances (one in 3 of each layer)").is_checked()


def test_charts_answer_to_taps(make_results, tmp_path, open_page):
    results = make_results(n_layers=2, n_instances=3)
    figures = save_figures(results, None, tmp_path / "figures")
    path = write_report(tmp_path / "report.html", results, None, {}, {}, {}, figures)
    page = open_page(path, has_touch=True)
    live_consistency(page)
    figure = page.locator("figure[data-name=second_level]")
    figure.scroll_into_view_if_needed()
    figure.locator("circle.point").first.tap()
    assert "of instance" in figure.locator("output").inner_text()
    assert page.locator("button[aria-pressed=true]").count() == 1


def test_names_are_text_wherever_they_stand(make_results, make_history, tmp_path, open_page):
    name = "</script><img src=x onerror=alert(1)>\u2028<!--"
    results = make_results(layers=[name, "b"], n_instances=3, categories=[name, "c"])
    results = results.assign_coords(instance=[name, "one", "two"]).drop_vars("seed")
    instances = np.array([name, "one", "two"], dtype=object)
    first, second = np.triu_indices(3, 1)
    results = results.assign_coords(
        pair_first=("instance_pair", instances[first]),
        pair_second=("instance_pair", instances[second]),
    )
    figures = save_figures(results, None, tmp_path / "figures")
    page = open_page(write_report(tmp_path / "report.html", results, None, {}, {}, {}, figures))
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    figure = page.locator("figure[data-name=consistency]")
    figure.scroll_into_view_if_needed()
    figure.locator(".chart svg[role=img]").wait_for()
    assert name in figure.locator("svg[role=img] text").all_text_contents()
    rows = rows_of(saved(page, figure, "CSV: pairs of instances")[1])
    assert {row["layer"] for row in rows} == {name, "b"}
    assert {row["instance_a"] for row in rows} == {name, "one"}
    page.get_by_role("group", name="Follow an instance").get_by_role("button").first.click()
    assert figure.locator(".dot.marked").count() == 4
    assert page.locator("main img").count() == len(figures)
