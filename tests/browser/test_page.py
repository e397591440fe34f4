"""What holds for the report as a whole, whatever its sections are."""

import pytest

pytestmark = pytest.mark.slow


def test_the_report_opens_without_a_request(tiny_report, open_page):
    page = open_page(tiny_report)
    assert page.title()
    assert page.locator("h1").count() == 1


def test_the_report_can_be_read_without_script(tiny_report, open_page):
    page = open_page(tiny_report, java_script_enabled=False)
    assert page.locator("blockquote").inner_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(tiny_report, open_page, overflow, width):
    assert overflow(open_page(tiny_report, width=width)) <= 0


def test_axe_core_finds_nothing_serious(tiny_report, open_page, serious_violations):
    assert serious_violations(open_page(tiny_report)) == []
