"""The audit page in a real browser, used by keyboard."""

import base64
import csv
import io
import json
import re
import time

import pytest
import soundfile

from ser_batch.output.audit.page import COLUMNS, Item, write_audit
from ser_batch.output.audit.terminal import listen
from tests.made_up import SIX
from tests.running import ROOT, annotate, ser_batch


@pytest.fixture(scope="module")
def page_path(tmp_path_factory):
    """The page of the samples."""
    folder = tmp_path_factory.mktemp("audit") / "samples"
    done = annotate(ROOT / "samples", "-o", folder)
    assert done.returncode == 0, done.stderr
    done = ser_batch("audit", folder, "-n", "12", "--level", "segments")
    assert done.returncode == 0, done.stderr
    return folder / "audit.html"


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


@pytest.mark.slow
def test_the_page_holds_the_audio_and_not_the_predictions(page_path):
    data = data_of(page_path)
    assert len(data["items"]) == 12
    for item in data["items"]:
        assert set(item) == {"file", "start", "end", "probability", "audio"}
        audio, rate = soundfile.read(io.BytesIO(base64.b64decode(item["audio"].partition(",")[2])))
        assert len(audio) / rate == pytest.approx(float(item["end"]) - float(item["start"]), abs=0.15)
        assert 0 < float(item["probability"]) <= 1
    again = ser_batch(
        "audit", page_path.parent, "-n", "12", "--level", "segments", "-o", page_path.parent / "b.html"
    )
    assert again.returncode == 0
    assert (page_path.parent / "b.html").read_bytes() == page_path.read_bytes()


def test_the_sound_of_a_segment_is_that_part_of_the_file(tmp_path):
    import numpy as np

    from ser_batch.runs.auditing import Unit, _mp3

    tones = [np.sin(np.arange(22_050) * 2 * np.pi * hertz / 22_050) * 0.5 for hertz in (300, 600, 900, 1_200)]
    soundfile.write(tmp_path / "tones.wav", np.concatenate(tones), 22_050)
    for start, end, hertz in ((0.0, 1.0, 300), (1.0, 2.0, 600), (2.1, 2.9, 900), (3.2, 4.0, 1_200)):
        unit = Unit("", "", start, end, (), 1.0)
        audio, rate = soundfile.read(io.BytesIO(_mp3(str(tmp_path / "tones.wav"), unit)))
        middle = audio[len(audio) // 4 : -len(audio) // 4]
        spectrum = abs(np.fft.rfft(middle))
        assert spectrum.argmax() * rate / len(middle) == pytest.approx(hertz, abs=20)


def test_folders_without_a_finished_run(tmp_path):
    done = ser_batch("audit", tmp_path)
    assert done.returncode == 1
    assert "no run.json" in done.stderr


@pytest.fixture
def opened(browser):
    """Opens pages in one profile; none of them may complain, or load anything."""
    context = browser.new_context(color_scheme="light", accept_downloads=True)
    said, asked = [], []

    def opening(path):
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.resolve().as_uri())
        return page

    yield opening
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def saved(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save audit.csv").click()
    assert download.value.suggested_filename == "audit.csv"
    return list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))


@pytest.mark.slow
def test_an_audit_by_keys(opened, page_path):
    items = data_of(page_path)["items"]
    page = opened(page_path)
    body = page.inner_text("body")
    assert "Recording 1 of 12" in body
    assert items[0]["file"] not in body  # names may tell the answer
    page.keyboard.press("Space")
    for _ in range(200):
        if page.evaluate("!audio.paused && audio.readyState > 2"):
            break
        page.wait_for_timeout(20)
    assert page.evaluate("!audio.paused && !audio.error")
    for key in "120x":
        page.keyboard.press(key)
    assert "Recording 5 of 12" in page.inner_text("body")
    page.keyboard.press("Backspace")
    assert page.locator("#answers [aria-pressed=true]").inner_text().endswith("no speech")
    page.keyboard.press("6")
    page.fill("#listener", "Ann 12")  # digits in a name are no answers
    assert "Recording 5 of 12" in page.inner_text("body")
    page.close()

    page = opened(page_path)  # nothing is lost
    assert "Recording 5 of 12" in page.inner_text("body")
    page.keyboard.press("3")
    rows = saved(page)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["label"] for row in rows] == ["angry", "disgust", "none", "sad", "fear"]
    assert [(row["file"], row["start"], row["end"]) for row in rows] == [
        (item["file"], item["start"], item["end"]) for item in items[:5]
    ]
    assert {row["listener"] for row in rows} == {"Ann 12"}
    for _ in range(7):
        page.keyboard.press("5")
    assert page.get_by_text("All recordings are labelled").is_visible()
    assert len(saved(page)) == 12


@pytest.mark.slow
def test_thirty_recordings_take_no_longer_than_listening(opened, page_path, tmp_path):
    audio = data_of(page_path)["items"][0]["audio"]
    items = [Item(f"{k}.wav", "", "", 0.5, base64.b64decode(audio.partition(",")[2])) for k in range(30)]
    write_audit(tmp_path / "audit.html", "thirty", SIX, items, names=False)
    page = opened(tmp_path / "audit.html")
    began = time.monotonic()
    page.keyboard.press("Space")
    for _ in range(30):
        page.keyboard.press("4")
    seconds = time.monotonic() - began
    assert page.get_by_text("All recordings are labelled").is_visible()
    assert seconds < 30  # of the four minutes; listening takes 3 s and deciding 2 s a recording


@pytest.mark.slow
def test_hostile_names_and_titles(opened, tmp_path):
    name = "</script><script>window.harmed=1</script>\"'<img src=x onerror=window.harmed=1>.wav"
    audio = io.BytesIO()
    soundfile.write(audio, [0.0] * 16_000, 16_000, "MPEG_LAYER_III", format="MP3")
    write_audit(tmp_path / "audit.html", name, SIX, [Item(name, "", "", 1.0, audio.getvalue())], names=True)
    page = opened(tmp_path / "audit.html")
    assert page.inner_text("#name") == name
    page.keyboard.press("1")
    assert saved(page)[0]["file"] == name
    assert page.evaluate("window.harmed") is None


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser, page_path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = browser.new_page(color_scheme=scheme)
    page.goto(page_path.resolve().as_uri())
    for done in (False, True):
        if done:
            for _ in range(12):
                page.keyboard.press("1")
        for width in (1_280, 400):
            page.set_viewport_size({"width": width, "height": 900})
            found = axe.run(page).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_on_the_terminal(tmp_path, monkeypatch):
    player = tmp_path / "bin" / "ffplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\nfor last; do :; done\nwc -c < "$last" >> {tmp_path}/played\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{player.parent}:/usr/bin:/bin")
    items = [Item(f"{k}.wav", "", "", 0.25, b"." * (k + 1)) for k in range(3)]
    path, said = tmp_path / "audit.csv", []

    def keys(text):
        pressed = iter(text)

        def key():
            time.sleep(0.2)  # what is pressed at once ends the player before it begins
            return next(pressed)

        return key

    assert listen(items, SIX, path, "ann", keys(" 9" + "1q"), said.append) == 2
    assert listen(items, SIX, path, "bob", keys("20\x7fx" + "5"), said.append) == 0
    assert listen(items, SIX, path, "ann", keys("36"), said.append) == 0
    with path.open() as lines:
        found = [(row["listener"], row["file"], row["label"]) for row in csv.DictReader(lines)]
    assert found == [
        ("bob", "0.wav", "disgust"), ("bob", "1.wav", "no-speech"), ("bob", "2.wav", "neutral"),
        ("ann", "0.wav", "angry"), ("ann", "1.wav", "fear"), ("ann", "2.wav", "sad"),
    ]  # fmt: skip
    assert (tmp_path / "played").read_text().split() == list("1121232323")
