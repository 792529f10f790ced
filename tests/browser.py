"""Fixtures: Debian's Chromium without a screen, driven by Playwright, and pages in it."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as tools:
        options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        running = tools.chromium.launch(executable_path=CHROMIUM, args=options)
        yield running
        running.close()


@pytest.fixture
def look(browser):
    """Opens pages; in the end none of them may have complained, or asked for anything but files."""
    said, asked, pages = [], [], []

    def opened(path, scheme="light", width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(10_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.resolve().as_uri())
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert [text for text in said if "ERR_FILE_NOT_FOUND" not in text] == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def wait_for(page, condition):
    """What a condition gives once it is true; Playwright's own way needs `eval`, which the page forbids."""
    for _ in range(500):
        if value := page.evaluate(condition):
            return value
        page.wait_for_timeout(20)
    raise AssertionError(f"waited in vain: {condition}")
