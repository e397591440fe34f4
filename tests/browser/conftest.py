"""Pages in headless Chromium, that of the system, through Playwright.

All tests in this folder are marked slow. They are skipped, with the reason, where Playwright is not
installed (`pip install '.[browser]'`) or no Chromium is on the search path.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium for all tests of this process."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is on the search path ({', '.join(BROWSERS)})")
    with playwright.sync_playwright() as started:
        # Chromium's sandbox does not start as root, which containers often run as
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def tiny_report(analysed) -> Path:
    """The report of three small networks on digits, made once for all tests; do not change it."""
    return analysed.path / "report.html"


@pytest.fixture
def open_page(browser) -> Any:
    """A function that opens a file in a tab of its own, `open_page(path, width=1280, ...)`.

    Further arguments are those of Playwright's `new_context`, such as `java_script_enabled=False`
    or `reduced_motion="reduce"`. The test fails at its end if the page logged an error, raised
    one, or asked for anything but itself: such requests are refused.
    """
    opened, faults = [], []

    def open_one(path: Path, width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        opened.append(context)
        address = path.absolute().as_uri()

        def allow_only_itself(route: Any) -> None:
            if route.request.url.partition("#")[0] == address:
                route.continue_()
            else:
                faults.append(f"requested {route.request.url[:200]}")
                route.abort()

        context.route("**/*", allow_only_itself)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"raised {error}"))
        page.on(
            "console",
            lambda said: faults.append(f"logged {said.text}") if said.type == "error" else None,
        )
        page.goto(address)
        return page

    yield open_one
    for context in opened:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def serious_violations() -> Callable[..., list[str]]:
    """A function that lists what axe-core finds, `serious_violations(page, "#selector")`.

    Only violations that axe-core calls serious or critical count.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def find(page: Any, within: str = "html") -> list[str]:
        found = axe.run(page, context=within).response["violations"]
        return [
            f"{one['id']}: {one['help']} ({node['html'][:160]})"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]

    return find


@pytest.fixture
def overflow() -> Callable[[Any], int]:
    """A function that returns by how many pixels a page is wider than its window."""
    return lambda page: page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
