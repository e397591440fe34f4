"""The explorer of a report in a browser, held against NumPy and SciPy on the RDMs of the run."""

import re

import numpy as np
import pytest
from scipy.cluster.hierarchy import average, leaves_list
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa import stimulus_consistency
from ensemble_rsa.interop.rsatoolbox import load_rdms
from tests.browser.explorer_pages import (
    READY,
    data_of,
    hover,
    kept_neighbours,
    nearest,
    panels,
    places,
)
from tests.report.unpacking import unpacked

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rdms(tiny_report):
    return load_rdms(tiny_report.parent / "rdms.h5").transpose("layer", "instance", ...)


@pytest.fixture
def page(tiny_report, open_page):
    page = open_page(tiny_report)
    page.wait_for_selector(READY)
    return page


@pytest.fixture(scope="module")
def data(tiny_report):
    return data_of(tiny_report)


def to_layer(page, layer):
    page.locator("#ex-layer").fill(str(layer))
    page.wait_for_selector('#explorer[data-moving="no"]')


def test_pointing_at_a_stimulus_marks_it_in_all_panels_and_describes_it(page, data):
    last = len(data["layers"]) - 1
    place = places(data, last)[1]
    alone = int(np.sort(squareform(pdist(place)), 1)[:, 1].argmax())
    hover(page, panels(page).nth(1), place[alone])
    marked = [one.get_attribute("data-pointed") for one in panels(page).all()]
    assert marked == [str(alone)] * len(data["instances"])
    stress = unpacked(data["pointwise"], (last + 1, -1, len(data["stimuli"])))[last, 1, alone]
    shown = page.locator("#ex-tip").inner_text()
    assert data["stimuli"][alone] in shown
    assert f"pointwise stress {stress * data['pointwise_step']:.2f}" in shown
    page.mouse.move(1, 1)
    assert panels(page).first.get_attribute("data-pointed") == ""
    assert page.locator("#ex-tip").is_hidden()


def test_a_click_lists_the_nearest_neighbours_of_the_rdms(page, data, rdms):
    last = len(data["layers"]) - 1
    place = places(data, last)[0]
    alone = int(np.sort(squareform(pdist(place)), 1)[:, 1].argmax())
    hover(page, panels(page).first, place[alone])
    page.mouse.down()
    page.mouse.up()
    assert kept_neighbours(page) == nearest(rdms, last, alone)
    assert data["stimuli"][alone] in page.locator("#ex-kept .ex-about").inner_text()
    to_layer(page, 0)
    assert kept_neighbours(page) == nearest(rdms, 0, alone)
    page.locator("#ex-stimulus").select_option("7")
    assert kept_neighbours(page) == nearest(rdms, 0, 7)


def test_the_slider_moves_points_to_the_layer(page, data):
    picture = lambda: panels(page).first.locator("canvas").first.evaluate("one => one.toDataURL()")
    before = picture()
    page.locator("#ex-layer").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('#explorer[data-moving="no"]')
    assert page.locator("#ex-layer-name").inner_text() == data["layers"][-2]
    assert page.locator("#ex-layer").get_attribute("aria-valuetext") == data["layers"][-2]
    assert picture() != before
    stress = data["stress"][-2][0]
    assert f"stress {stress:.2f}" in page.locator("#ex-panels figcaption").first.inner_text()
    to_layer(page, len(data["layers"]) - 1)
    page.wait_for_timeout(600)
    assert picture() == before


def test_reduced_motion_moves_points_at_once(tiny_report, open_page):
    page = open_page(tiny_report, reduced_motion="reduce")
    page.wait_for_selector(READY)
    moving = "slider => { slider.value = 0; slider.oninput({target: slider}); "
    moving += 'return document.getElementById("explorer").dataset.moving; }'
    assert page.locator("#ex-layer").evaluate(moving) == "no"


def test_everything_can_be_done_from_the_keyboard(page, data, rdms):
    place = places(data, len(data["layers"]) - 1)[0]
    page.locator("#ex-stimulus").select_option(str(int(place[:, 0].argmin())))
    panels(page).first.focus()
    assert page.evaluate("document.activeElement.className") == "ex-square"
    page.keyboard.press("ArrowRight")
    pointed = int(panels(page).first.get_attribute("data-pointed"))
    moved = place[pointed] - place[place[:, 0].argmin()]
    assert moved[0] >= abs(moved[1]) > 0
    assert data["stimuli"][pointed] in page.locator("#ex-said").inner_text()
    page.keyboard.press("Enter")
    assert panels(page).nth(2).get_attribute("data-kept") == str(pointed)
    page.keyboard.press("PageUp")
    assert page.locator("#ex-layer-name").inner_text() == data["layers"][-2]
    assert kept_neighbours(page) == nearest(rdms, len(data["layers"]) - 2, pointed)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith(
        "Instance 1"
    )


def test_networks_are_chosen_and_categories_highlighted(page, data):
    page.get_by_label(data["instances"][1], exact=True).uncheck()
    assert panels(page).nth(1).is_hidden()
    assert panels(page).nth(0).is_visible()
    assert len(kept_neighbours(page)) == 2
    button = page.locator("#ex-categories button").nth(3)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    picture = lambda: panels(page).first.locator("canvas").first.evaluate("one => one.toDataURL()")
    dots = picture()
    page.get_by_label("Images instead of dots").check()
    assert picture() != dots
    page.get_by_label("Images instead of dots").uncheck()
    assert picture() == dots


def test_a_cell_of_the_matrix_gives_the_distances_of_its_pair(page, data, rdms):
    n = len(data["stimuli"])
    page.locator("#ex-a-layer").select_option("0")
    matrix = page.locator("#ex-matrix")
    width = matrix.bounding_box()["width"]
    middle = lambda i: (7 + (i + 0.5) * (width - 7) / n) / width
    hover(page, matrix, (middle(41), middle(3)))
    shown = page.locator("#ex-pair")
    assert data["stimuli"][3] in shown.inner_text()
    assert data["stimuli"][41] in shown.inner_text()
    values = [float(one.inner_text()) for one in page.locator("#ex-pair .ex-value").all()]
    exact = np.array([squareform(rdm)[3, 41] for rdm in rdms.exemplar.values[0]])
    steps = np.ptp(rdms.exemplar.values[0], axis=-1) / 255
    assert (np.abs(values - exact) <= steps / 2 + 0.0051).all()
    matrix.focus()
    page.keyboard.press("ArrowDown")
    assert data["stimuli"][4] in shown.inner_text()
    assert data["stimuli"][4] in page.locator("#ex-said").inner_text()


def test_the_matrix_is_sorted_by_clustering(page, data, rdms):
    page.locator("#ex-a-layer").select_option("1")
    page.locator("#ex-a-network").select_option("2")
    page.locator("#ex-order").select_option("cluster")
    first, _, third = leaves_list(average(rdms.exemplar.values[1, 2]))[:3]
    matrix = page.locator("#ex-matrix")
    matrix.focus()
    page.keyboard.press("ArrowRight")  # from the pair of the first two
    names = page.locator("#ex-pair .ex-name").all_inner_texts()
    assert data["stimuli"][first] in names[0]
    assert data["stimuli"][third] in names[1]


def test_two_rdms_are_shown_against_each_other(page, data, rdms):
    page.locator("#ex-a-layer").select_option("0")
    page.locator("#ex-a-network").select_option(label=data["instances"][2])
    page.locator("#ex-b-network").select_option(label="Mean of instances")
    x, y = rdms.exemplar.values[0, 2], rdms.exemplar.values[-1].mean(0)
    r = np.corrcoef(x, y)[0, 1]
    text = page.locator("#ex-scatter-text").inner_text()
    found = re.search(r"r = (-?[\d.]+), r² = ([\d.]+)", text)
    assert found
    np.testing.assert_allclose([float(found[1]), float(found[2])], [r, r * r], atol=3e-3)
    scatter = page.locator("#ex-scatter")
    width = scatter.bounding_box()["width"]
    inner = width - 38
    pair = int(x.argmax())
    left = 30 + inner
    top = 8 + inner * (1 - (y[pair] - y.min()) / np.ptp(y))
    hover(page, scatter, (left / width, float(top) / width))
    i, j = (index[pair] for index in np.triu_indices(len(data["stimuli"]), 1))
    for one in (i, j):
        assert data["stimuli"][one] in page.locator("#ex-pair").inner_text()


def test_the_gallery_is_in_the_order_of_stimulus_consistency(page, data, rdms):
    for layer in (len(data["layers"]) - 1, 0):
        to_layer(page, layer)
        values = stimulus_consistency(rdms.exemplar.values[layer])
        order = np.argsort(values)
        for name, expected in (("least", order), ("most", order[::-1])):
            buttons = page.locator(f"#ex-{name} button")
            shown = [int(one.get_attribute("data-stimulus")) for one in buttons.all()]
            np.testing.assert_allclose(values[shown], values[expected[:12]], atol=2e-5)
            texts = [float(text) for text in buttons.all_inner_texts()]
            np.testing.assert_allclose(texts, values[shown], atol=6e-4)
    page.locator("#ex-least button").nth(2).click()
    assert panels(page).first.get_attribute("data-kept") == str(order[2])


def test_it_fits_on_a_phone(tiny_report, open_page, overflow):
    page = open_page(tiny_report, width=360, height=740, has_touch=True)
    page.wait_for_selector(READY)
    assert overflow(page) <= 0
    assert all(100 < panel.bounding_box()["width"] < 360 for panel in panels(page).all())
    button = page.locator("#ex-most button").first
    number = button.get_attribute("data-stimulus")
    button.tap()
    assert panels(page).first.get_attribute("data-kept") == number


def test_without_script_a_sentence_stands_in_its_place(tiny_report, open_page):
    page = open_page(tiny_report, java_script_enabled=False)
    assert page.locator("#explorer").is_hidden()
    assert page.get_by_text("since it needs JavaScript").is_visible()
    assert page.locator("figure img").first.is_visible()


def test_axe_core_finds_nothing_serious_in_it(page, serious_violations):
    assert serious_violations(page, "#explorer") == []
