"""The explorer in a browser, of RDMs that are made up: odd names, few networks, epochs, touch."""

import time

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform

from tests.browser.explorer_pages import (
    READY,
    data_of,
    kept_neighbours,
    made_up,
    nearest,
    panels,
    places,
    report_of,
    tap,
)

pytestmark = pytest.mark.slow

BAD = ["</script><img src=x onerror=alert(1)>", "\u2028<!--<script>", "&lt;\u2029\"'"]


def test_names_stay_text(tmp_path, open_page):
    page = open_page(report_of(tmp_path, made_up(BAD)))
    page.wait_for_selector(READY)
    assert page.locator("img[src=x]").count() == 0
    assert BAD[0] in page.locator("#ex-categories").inner_text()
    assert page.locator("#ex-stimulus optgroup").first.get_attribute("label") in BAD


@pytest.mark.parametrize("n_instances", [1, 2])
def test_few_instances_without_images_are_dots(tmp_path, open_page, n_instances):
    page = open_page(report_of(tmp_path, made_up(["a", "b"], n_instances)))
    page.wait_for_selector(READY)
    assert panels(page).count() == n_instances
    assert page.locator("#ex-pictures").count() == 0
    assert page.locator("#ex-least").count() == (n_instances > 1)
    drawn = page.locator("#ex-kept .ex-about canvas").evaluate(
        "one => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(Boolean)"
    )
    assert drawn


def test_the_second_slider_goes_through_epochs(tmp_path, open_page):
    rdms = made_up(["a", "b"])
    then = rdms.assign(exemplar=rdms.exemplar[..., ::-1].drop_attrs())
    earlier = then.drop_vars("category").expand_dims(epoch=[3])
    page = open_page(report_of(tmp_path, rdms, earlier))
    page.wait_for_selector(READY)
    page.locator("#ex-stimulus").select_option("4")
    assert page.locator("#ex-epoch-name").inner_text() == "at the end"
    assert kept_neighbours(page) == nearest(rdms, 0, 4)
    page.locator("#ex-epoch").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#ex-epoch-name").inner_text() == "after epoch 3"
    assert kept_neighbours(page) == nearest(then, 0, 4)


def test_it_answers_to_taps(tmp_path, open_page):
    rdms = made_up(["a", "b"])
    path = report_of(tmp_path, rdms)
    page = open_page(path, width=360, height=740, has_touch=True)
    page.wait_for_selector(READY)
    place = places(data_of(path), 0)[0]
    kept = int(panels(page).first.get_attribute("data-kept"))
    apart = squareform(pdist(place))
    apart[kept] = 0
    alone = int(np.sort(apart, 1)[:, 1].argmax())
    tap(page, panels(page).first, place[alone])
    assert panels(page).first.get_attribute("data-kept") == str(alone)
    assert page.locator("#ex-tip").is_visible()
    tap(page, page.locator("#ex-matrix"), (0.96, 0.55))  # the last column of the seventh row
    names = lambda: page.locator("#ex-pair .ex-name span").all_inner_texts()
    assert names() == ["a1", "a11"]
    x, y = rdms.exemplar.values[0, :2]
    spots = np.stack([(x - x.min()) / np.ptp(x), (y - y.min()) / np.ptp(y)], 1)
    pair = int(np.sort(squareform(pdist(spots)), 1)[:, 1].argmax())
    scatter = page.locator("#ex-scatter")
    width = scatter.bounding_box()["width"]
    right, up = (width - 38) * spots[pair]
    tap(page, scatter, ((30 + right) / width, (width - 30 - up) / width))
    both = [f"a{index[pair]}" for index in np.triu_indices(12, 1)]
    assert sorted(names()) == sorted(both)


def test_distances_have_the_decimals_that_are_kept(tmp_path, open_page):
    rdms = made_up(["a", "b"])
    rdms["exemplar"] = rdms.exemplar * xr.DataArray([0.01, 1, 100], dims="instance")
    page = open_page(report_of(tmp_path, rdms))
    page.wait_for_selector(READY)
    page.locator("#ex-order").select_option("category")
    names = [int(one[1:]) for one in page.locator("#ex-pair .ex-name span").all_inner_texts()]
    shown = page.locator("#ex-pair .ex-value").all_inner_texts()
    for rdm, text in zip(rdms.exemplar.values[0], shown, strict=True):
        step, unit = np.ptp(rdm) / 255, 10.0 ** -len(text.partition(".")[2])
        assert step <= unit or unit == 1
        assert unit < 10 * step
        assert abs(float(text) - squareform(rdm)[tuple(names)]) <= (step + unit) / 2 + 1e-5


def test_enter_on_a_neighbour_keeps_the_focus_in_the_list(tmp_path, open_page):
    rdms = made_up(["a", "b"])
    page = open_page(report_of(tmp_path, rdms))
    page.wait_for_selector(READY)
    button = page.locator("#ex-kept button").nth(6)  # the second of the second network
    number = int(button.get_attribute("data-stimulus"))
    button.focus()
    page.keyboard.press("Enter")
    assert kept_neighbours(page) == nearest(rdms, 0, number)
    focused = page.evaluate("[...document.querySelectorAll('#ex-kept button')]"
                            ".indexOf(document.activeElement)")  # fmt: skip
    assert focused == 6


def test_a_printed_panel_says_what_it_shows(tmp_path, open_page):
    page = open_page(report_of(tmp_path, made_up(["a", "b"])))
    page.wait_for_selector(READY)
    caption = page.locator("#ex-panels figcaption").first
    assert not caption.locator(".ex-state").is_visible()
    page.emulate_media(media="print")
    assert caption.locator(".ex-state").inner_text() == "a"
    assert page.locator("#ex-categories").get_by_text("b").is_visible()
    assert not page.locator("#ex-stimulus").is_visible()


def test_hover_at_1000_stimuli_is_measured(tmp_path, open_page, record_property):
    path = report_of(tmp_path, made_up(list("abcdefghij"), n_instances=10, n=1000))
    page = open_page(path)
    began = time.perf_counter()
    page.reload()
    page.wait_for_selector(READY)
    opened = time.perf_counter() - began
    milliseconds = page.evaluate("""async () => {
        const panel = document.querySelector("#ex-panels .ex-square"), taken = [];
        panel.scrollIntoView();
        const box = panel.getBoundingClientRect(), frame = () => new Promise(requestAnimationFrame);
        for (let i = 0; i < 40; i++) {
            const place = {clientX: box.left + box.width * (.2 + .015 * i),
                           clientY: box.top + box.height * (.3 + .01 * i)};
            await frame();
            const began = performance.now();
            panel.dispatchEvent(new PointerEvent("pointermove", place));
            await frame();
            taken.push(performance.now() - began);
        }
        return taken;
    }""")
    record_property("hover_ms", [round(one, 1) for one in sorted(milliseconds)])
    record_property("open_s", round(opened, 2))
    assert panels(page).count() == 10
