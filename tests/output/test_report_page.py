"""The report in a real browser (Debian's Chromium, headless). `-s` shows the measurements."""

import json
import os
import re
import shutil

import pytest

from ser_batch.output.report.page import write_report
from tests.browser import wait_for
from tests.made_up import SIX, many, write_tables
from tests.running import annotate, rows, ser_batch

pytestmark = pytest.mark.slow

TWELVE = ["admiration", "amusement", "anger", "annoyance", "calm", "fear"]
TWELVE += ["happiness", "joy", "sadness", "sadnesses", "surprise", "trust"]
HOSTILE = [
    "x</script><script>window.harmed=1</script>/y.wav",
    "\"><img src=x onerror='window.harmed=1'>.wav",
    "a&b #1?x=%41.wav",
    "{{script}} ${window.harmed=1}.wav",
    "gpj.\u202egnp.wav",
    "=1+1.wav",
    "\\udcff.wav",
    os.fsdecode(b"caf\xe9 \xff.wav"),
]


@pytest.fixture(scope="module")
def real(samples, tmp_path_factory):
    """The report of the samples."""
    folder = tmp_path_factory.mktemp("report") / "samples"
    done = annotate(samples, "-o", folder, "--report")
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stderr
    return folder / "report.html"


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "archive"
    broken = [(f"broken/{k}.m4a", "decode", "NoDecoder", "pip install 'ser-batch[av]'") for k in range(50)]
    return write_report(write_tables(folder, many(10_000), failures=broken))


def names(page):
    return page.locator("#rows .path").evaluate_all("nodes => nodes.map(node => node.textContent)")


def is_playing(page):
    wait_for(page, "!audio.paused && audio.readyState > 2 && !audio.error")


def test_the_overview(look, real):
    page = look(real)
    files, segments = (rows(real.parent / name) for name in ("files.csv", "segments.csv"))
    assert page.title() == "samples – emotion in speech"
    assert f"{len(files)} files · {len(segments)} segments" in page.inner_text("#totals")
    angry = sum(row["label"] == "angry" for row in files)
    assert page.locator("#shares tr", has_text="angry").locator("td").first.inner_text() == str(angry)
    least = min(files, key=lambda row: float(row["confidence"]))
    assert page.locator("#uncertain button").first.inner_text().replace("\n", "").find(least["file"]) >= 0
    assert names(page) == [row["file"] for row in files]
    assert "crema-d" in page.inner_text("#run")


def test_pointing_at_a_segment_shows_its_probabilities(look, real):
    page = look(real)
    segments = [row for row in rows(real.parent / "segments.csv") if row["file"] == "radio/story.opus"]
    line = page.get_by_role("slider", name="Segments of radio/story.opus")
    box = line.bounding_box()
    duration = float(segments[-1]["end"])
    line.hover(position={"x": box["width"] * 31.5 / duration, "y": 5})
    pointed = next(row for row in segments if float(row["start"]) == 30)
    tip = page.get_by_role("tooltip")
    assert "0:30.0 – 0:33.0" in tip.inner_text()
    for label in SIX:
        share = tip.locator("tr", has_text=label).locator(".number").inner_text()
        assert share == f"{round(float(pointed[f'p_{label}']) * 100)}\u00a0%"
    page.mouse.move(5, 5)
    assert tip.is_hidden()


def test_a_click_on_a_segment_plays_it(look, real):
    page = look(real)
    line = page.get_by_role("slider", name="Segments of radio/story.opus")
    line.click(position={"x": line.bounding_box()["width"] / 2, "y": 5})
    is_playing(page)
    assert 38 <= page.evaluate("audio.currentTime") <= 43
    assert line.locator(".playhead").is_visible()
    assert page.locator("#playing").inner_text() == "radio/story.opus"
    page.get_by_role("button", name="Play phone/booking.wav").click()
    is_playing(page)
    assert page.evaluate("audio.currentTime") < 3
    assert page.get_by_role("link", name="open the file").get_attribute("href").endswith("phone/booking.wav")
    page.get_by_role("button", name="Close the player").click()
    assert page.evaluate("audio.paused")
    assert page.locator("#player").is_hidden()
    assert page.evaluate("document.activeElement.role") == "slider"


def test_a_recording_that_is_gone(look, tmp_path):
    page = look(write_report(write_tables(tmp_path, many(1), root=str(tmp_path / "gone"))))
    for _ in range(2):
        page.locator(".timeline").click()
        page.get_by_text("The browser cannot play this file").wait_for()


def test_a_report_that_does_not_know_where_the_recordings_are(look, tmp_path):
    page = look(write_report(write_tables(tmp_path, many(1))))
    assert "cannot be played from here" in page.inner_text("#left-out")
    page.locator(".timeline").click()
    page.get_by_text("not known to this page").wait_for()


def test_recordings_that_have_moved(look, samples, tmp_path):
    for name, options in (("relative", []), ("absolute", ["--absolute"])):
        shutil.copytree(samples / "diary", tmp_path / name / "diary")
        out = tmp_path / f"of {name}"
        assert annotate(tmp_path / name, "-o", out, "-q", *options).returncode == 0
        (tmp_path / name).rename(tmp_path / f"moved & {name}")
        done = ser_batch("report", out, "--audio", tmp_path / f"moved & {name}")
        assert done.returncode == 0, done.stderr
        page = look(out / "report.html")
        assert page.locator("#left-out").is_hidden()
        page.locator(".timeline").nth(1).click()  # Chromium plays no AIFF, which is the first
        is_playing(page)


def test_links_to_recordings_on_a_web_server(look, tmp_path):
    folder = write_tables(tmp_path, many(1), root="/somewhere")
    done = ser_batch("report", folder, "--audio", "https://example.org/archive")
    assert done.returncode == 0, done.stderr
    page = look(folder / "report.html")
    page.locator(".timeline").click()
    link = page.get_by_role("link", name="open the file").get_attribute("href")
    assert link == "https://example.org/archive/speaker%20000/utterance%20000000.wav"


def test_embedded_recordings_play_in_a_page_that_is_alone(look, samples, tmp_path):
    audio = tmp_path / "in"
    audio.mkdir()
    shutil.copy(samples / "phone" / "booking.wav", audio / os.fsdecode(b"caf\xe9.wav"))
    shutil.copy(samples / "radio" / "story.opus", audio)
    shutil.copy(samples / "diary" / "pause.wav", audio)
    assert annotate(audio, "-o", tmp_path / "out", "-q").returncode == 0
    files = sorted(rows(tmp_path / "out" / "files.csv"), key=lambda row: float(row["confidence"]))
    page_path = tmp_path / "sent" / "page.html"
    page_path.parent.mkdir()
    done = ser_batch("report", tmp_path / "out", "-o", page_path, "--embed", 2)
    assert (done.returncode, done.stderr) == (0, "")
    shutil.rmtree(audio)
    page = look(page_path)
    for row in files[:2]:
        page.get_by_role("button", name=f"Play {row['file']}").click()
        is_playing(page)
        assert abs(page.evaluate("audio.duration") - min(60, float(row["duration"]))) < 0.1
    page.get_by_role("button", name=f"Play {files[2]['file']}").click()
    page.get_by_text("The browser cannot play this file").wait_for()


def test_with_the_keyboard_alone(look, real):
    page = look(real)
    focused = "document.activeElement.getAttribute('aria-label')"
    page.locator("#search").focus()
    while page.evaluate("document.activeElement.role") != "slider":
        page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Segments of diary/evening.aiff"
    assert "0:00.0 – 0:02.0" in page.get_by_role("tooltip").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "Segments of diary/pause.wav"
    heard = page.evaluate("document.activeElement.getAttribute('aria-valuetext')")
    assert re.match(r"0:01\.5 to 0:04\.5: [a-z]+ \d+\u00a0%, [a-z]+ \d+\u00a0%, ", heard)
    assert "0:01.5 – 0:04.5" in page.get_by_role("tooltip").inner_text()
    page.keyboard.press("Enter")
    is_playing(page)
    assert page.evaluate("audio.currentTime") >= 1.5
    page.keyboard.press("Escape")
    assert page.get_by_role("tooltip").is_hidden()
    page.keyboard.press("PageDown")
    assert page.evaluate(focused) == "Segments of radio/weather.ogg"
    page.keyboard.press("Tab")  # the list is one stop
    assert page.evaluate("document.activeElement.id") == "open"


def test_search_filter_and_sort(look, ten_thousand):
    page = look(ten_thousand)
    table = {row["file"]: row for row in rows(ten_thousand.parent / "files.csv")}
    assert page.inner_text("#count") == "all 10,050"
    page.fill("#search", "PEAKER 042 4242")
    assert names(page) == ["speaker 042/utterance 004242.wav"]
    assert page.inner_text("#count") == "1 of 10,050"
    page.fill("#search", "nowhere")
    assert page.get_by_text("No file matches.").is_visible()
    page.get_by_role("button", name="Reset").click()
    wait_for(page, "list.length === 10050")

    page.get_by_role("button", name="failed").click()
    assert page.inner_text("#count") == "50 of 10,050"
    assert page.locator("#rows .failure").first.inner_text() == "decode: pip install 'ser-batch[av]'"
    page.get_by_role("button", name="failed").click()
    page.get_by_role("button", name="silent").click()
    silent = [name for name, row in table.items() if row["status"] == "silent"]
    assert page.inner_text("#count") == f"{len(silent)} of 10,050"
    page.get_by_role("button", name="silent").click()

    page.get_by_role("group", name="Show only").get_by_role("button", name="sad").click()
    page.fill("#from", "70")
    page.fill("#to", "80")
    page.get_by_role("button", name="Confidence").click()
    wanted = {
        name: float(row["confidence"])
        for name, row in table.items()
        if row["label"] == "sad" and 0.7 <= float(row["confidence"]) <= 0.8
    }
    assert page.inner_text("#count") == f"{len(wanted)} of 10,050"
    assert names(page) == sorted(wanted, key=wanted.get)[: len(names(page))]
    page.get_by_role("button", name="Confidence").click()
    assert page.get_by_role("columnheader", name="Confidence").get_attribute("aria-sort") == "descending"
    assert names(page)[0] == max(wanted, key=wanted.get)


def test_the_least_certain_are_one_click_away(look, ten_thousand):
    page = look(ten_thousand)
    page.fill("#search", "nowhere")
    page.locator("#uncertain button").nth(3).click()
    name = page.locator("#uncertain .path").nth(3).get_attribute("title")
    wait_for(page, f"document.activeElement.getAttribute('aria-label') === 'Segments of {name}'")
    box = page.locator(":focus").bounding_box()
    assert 0 < box["y"] < 900


def test_ten_thousand_files_are_drawn_on_demand(look, ten_thousand):
    page = look(ten_thousand)
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    first_paint = wait_for(page, paint)
    frames = page.evaluate("""async () => {
        const times = [];
        for (let i = 0, last = performance.now(); i < 200; i++) {
            scrollBy(0, 120);
            await new Promise(requestAnimationFrame);
            times.push(performance.now() - last);
            last = performance.now();
        }
        return times.sort((a, b) => a - b);
    }""")
    again = page.evaluate(
        "(() => { const t = performance.now(); filterAndSort(); return performance.now() - t; })()"
    )
    size = ten_thousand.stat().st_size / 1e6
    print(f"\n{size:.1f} MB; first paint {first_paint:.0f} ms; a frame while scrolling: "
          f"median {frames[100]:.0f} ms, 95 % {frames[190]:.0f} ms; a filter {again:.0f} ms")  # fmt: skip
    assert page.locator("#rows .row").count() < 60
    page.locator("#rows .timeline").nth(20).focus()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.get_by_text("broken/49.m4a").wait_for()
    page.keyboard.press("ArrowDown")  # from the row that has the focus, though it is far away
    wait_for(page, "scrollY < 150000")
    page.wait_for_timeout(200)
    assert page.get_by_role("tooltip").is_visible()  # though the page was scrolled
    assert page.locator(":focus").bounding_box()["y"] < 900


def test_hostile_names(look, samples, tmp_path):
    audio = tmp_path / "in & out #1"
    for name in HOSTILE:
        (audio / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(samples / "phone" / "booking.wav", audio / name)
    assert annotate(audio, "-o", tmp_path / "<out>", "--report", "-q").returncode == 0
    page = look(tmp_path / "<out>" / "report.html")
    assert page.locator("h1").inner_text() == "<out>"
    assert page.locator("#rows .row").count() == len(HOSTILE)
    assert "gpj.U+202Egnp.wav" in names(page)
    for line in page.locator(".timeline").all():
        line.click()
        is_playing(page)
    assert page.evaluate("window.harmed") is None


def test_nothing_but_its_own_script_runs(browser, real):
    page = browser.new_page()
    page.goto(real.as_uri())
    blocked = page.evaluate("""async () => {
        const blocked = [];
        addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='harmed=1'><p style='color:red'>");
        const script = document.createElement("script");
        script.textContent = "harmed = 1";
        document.body.append(script);
        await fetch("https://example.org/").catch(() => {});
        await new Promise((done) => setTimeout(done, 200));
        return blocked.sort();
    }""")
    expected = ["connect-src", "img-src", "script-src-attr", "script-src-elem", "style-src-attr"]
    assert blocked in (expected, [name for name in expected if name != "script-src-attr"])
    assert page.evaluate("window.harmed") is None
    page.close()


def test_light_and_dark(look, real):
    colours = [
        look(real, scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(21, 24, 27)"]


@pytest.mark.parametrize("labels", [SIX[:2], SIX, TWELVE], ids=len)
def test_no_label_is_told_by_colour_alone(look, tmp_path, labels):
    folder = write_tables(tmp_path, many(40, labels), labels)
    badges = look(write_report(folder)).locator("#shares .badge")
    letters = badges.all_inner_texts()
    assert len(set(letters)) == len(labels) + 1
    assert all(1 <= len(letter) <= 3 for letter in letters)
    looks = badges.evaluate_all("nodes => nodes.map(node => node.style.background + node.style.boxShadow)")
    assert len(set(looks)) == len(labels) + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("labels", [SIX, TWELVE], ids=len)
def test_accessibility(look, tmp_path, scheme, labels):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    broken = [("broken.m4a", "decode", "NoDecoder", "pip install 'ser-batch[av]'")]
    folder = write_tables(tmp_path, many(20, labels), labels, broken, root=str(tmp_path))
    page = look(write_report(folder), scheme)
    page.locator("summary").click()
    page.locator(".timeline").nth(2).click()  # the player, and the figures
    page.get_by_text("The browser cannot play this file").wait_for()
    assert page.get_by_role("tooltip").is_visible()
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        found = axe.run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_a_small_window_needs_no_scrolling_sideways(look, ten_thousand):
    page = look(ten_thousand, width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_part_of_a_large_archive(look, tmp_path, monkeypatch):
    from ser_batch.output.report import gather

    monkeypatch.setattr(gather, "FILES", 50)
    monkeypatch.setattr(gather, "SEGMENTS", 100)
    page = look(write_report(write_tables(tmp_path, many(2_000), root=str(tmp_path))))
    said = page.inner_text("#left-out")
    assert "The list has 71 of 2,000 files: the least certain" in said
    assert "the others are drawn as one block" in said
    assert "2,000 files" in page.inner_text("#totals")


def test_a_calibrated_archive(look, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    folder = write_tables(tmp_path, many(20), root=str(tmp_path))
    run = json.loads((folder / "run.json").read_text())
    estimates = {label: {"predicted": 0.2, "estimated": [0.16, 0.1, 0.25]} for label in SIX}
    run["calibration"] = {
        "level": "files",
        "listened": 60,
        "before": {"accuracy": [0.48, 0.36, 0.6]},
        "after": {"accuracy": [0.66, 0.55, 0.76]},
        "shares": estimates | {"other": {"predicted": 0, "estimated": [0.04, 0.01, 0.1]}},
    }
    (folder / "run.json").write_text(json.dumps(run))
    page = look(write_report(folder))
    assert (
        "calibrated with 60 labelled files: about 66\u00a0% (55 to 76\u00a0%) of the files are correct"
        in (page.inner_text("#run"))
    )
    sad = page.locator("#shares tr", has_text="sad")
    assert sad.locator("td").last.inner_text() == "16\u00a0% (10 to 25\u00a0%)"
    assert "4\u00a0% (1 to 10\u00a0%)" in page.locator("#shares tr", has_text="none of these").inner_text()
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert [each["id"] for each in axe.run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_adapted_archive(look, tmp_path):
    folder = write_tables(tmp_path, many(20), root=str(tmp_path))
    run = json.loads((folder / "run.json").read_text())
    run["adaptation"] = {"expected": {"angry": 0.4, "sad": 0.6}, "by": "1", "groups": [{}, {}]}
    (folder / "run.json").write_text(json.dumps(run))
    page = look(write_report(folder))
    assert "adapted to expected shares (angry 40\u00a0%, sad 60\u00a0%), 2 groups" in page.inner_text("#run")
