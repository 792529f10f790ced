"""The page of a corpus in a real browser."""

import numpy as np
import pytest
import soundfile

import ser_batch
from tests.browser import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def explored(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored") / "<in> & 'out'"
    for emotion, source in (("happy", "meeting/introduction.flac"), ("sad", "phone/booking.wav")):
        (folder / emotion).mkdir(parents=True)
        audio, rate = soundfile.read(samples / source)
        soundfile.write(folder / emotion / "1.wav", audio[: 4 * rate], rate)
        soundfile.write(folder / emotion / "<b>silent<b>.wav", np.zeros(rate), rate)
    return ser_batch.explore(folder, folder.parent / "page", jobs=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_and_sound_is_there(look, explored, scheme):
    page = look(explored, scheme)
    assert page.locator("h1").inner_text() == "<in> & 'out'"
    page.locator("img").evaluate_all("nodes => nodes.forEach((node) => node.loading = 'eager')")
    pictures = page.locator("img").count()
    wait_for(page, f"[...document.images].filter((image) => image.naturalWidth > 300).length === {pictures}")
    wait_for(page, "[...document.querySelectorAll('audio')].every((each) => each.duration > 1)")
    assert page.locator("audio").count() == 2 * 2 + 6
    assert page.get_by_text("happy/<b>silent<b>").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_corpus_is_accessible(look, explored, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = look(explored, scheme)
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        found = axe.run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
