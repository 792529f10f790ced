"""Documents agree with the project: links, figures, commands and their output."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import yaml

import ser_batch
from tests import console
from tests.running import ROOT

DOCS = ROOT / "docs"
PAGES = [
    *ROOT.glob("*.md"),
    *DOCS.glob("*.md"),
    ROOT / "models" / "README.md",
    ROOT / "samples" / "README.md",
]
CODE = re.compile(r"^```.*?^```$|^ {4}[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(<?([^)>\s]+)>?\)")


def anchors(page):
    """Anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in LINK.findall(CODE.sub("", page.read_text())):
        parts = urlsplit(target)
        if parts.scheme:  # the web is not asked
            assert parts.scheme == "https" and "." in parts.netloc, target
            continue
        file = (page.parent / parts.path) if parts.path else page
        assert file.exists(), target
        if parts.fragment:
            assert parts.fragment in anchors(file), target


def test_paths_in_the_architecture_exist():
    page = (DOCS / "architecture.md").read_text()
    paths = set(re.findall(r"(?<![\w./-])(?:[a-z_]+/)+(?:\w+\.[a-z]+)?", page))
    assert len(paths) > 50
    places = (ROOT, ROOT / "ser_batch")
    assert [path for path in sorted(paths) if not any((place / path).exists() for place in places)] == []


def test_figures_are_those_of_the_cards():
    specification = importlib.util.spec_from_file_location("make_figures", DOCS / "make_figures.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    for name in script.PAGES:
        page = (DOCS / name).read_text()
        assert script.filled(page) == page, f"{name}: run `python docs/make_figures.py`"


def test_ci_runs_the_tests_as_the_readme_says():
    command = re.search(r"^ {4}(python3 -m venv .*pytest)$", (ROOT / "README.md").read_text(), re.MULTILINE)[
        1
    ]
    assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text()


def test_the_citation_is_valid_and_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == ser_batch.__version__
    assert citation["cff-version"] == "1.2.0"
    assert citation["message"] and citation["title"]
    for work in (citation, *citation["references"]):
        assert work["type"] in {"software", "article"}
        assert all(author.get("name") or author["family-names"] for author in work["authors"])


def test_the_changelog_knows_this_version():
    assert f"\n## {ser_batch.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture(scope="module")
def newcomer(samples, tmp_path_factory):
    """The folder of somebody who has followed the tutorial, and the tutorial as it went."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(samples, folder / "samples")
    return folder, console.rerun((DOCS / "tutorial.md").read_text(), folder)


@pytest.mark.slow
def test_the_tutorial_shows_what_happens(newcomer):
    shown = (DOCS / "tutorial.md").read_text()
    happened = newcomer[1]
    message = "run `python -m tests.console docs/tutorial.md`"
    assert console.timeless(happened).splitlines() == console.timeless(shown).splitlines(), message
    assert (newcomer[0] / "annotations" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["results.md", "call-centre.md", "python.md"])
def test_the_python_examples_run(name, newcomer):
    code = "".join(re.findall(r"^```python\n(.*?)^```$", (DOCS / name).read_text(), re.MULTILINE | re.DOTALL))
    assert code
    plain = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=newcomer[0], env=plain, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


class Fetched(HTMLParser):
    """What a browser would fetch for a page by itself."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in {"script", "img", "iframe", "audio", "source"} and given.get("src"):
            self.addresses.append(given["src"])
        elif tag == "link" and given.get("rel") not in {"canonical", "next", "prev"}:
            self.addresses.append(given["href"])


@pytest.mark.slow
def test_the_site_builds_and_needs_no_network(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text())
        assert fetched.addresses
        assert not [address for address in fetched.addresses if urlsplit(address).netloc], page
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text()), style
