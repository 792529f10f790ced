import signal
from pathlib import Path

import numpy as np
import pytest

pytest_plugins = [
    "tests.browser",
    "tests.toy_corpus",
    "tests.worker_fixtures",
]  # fixtures that several rooms use

ROOT = Path(__file__).resolve().parent.parent

# begun in the background, a shell's children ignore Ctrl-C, and so would the commands that the tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The demo audio that is in the repository."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Real corpora, which are not in the repository: tests on them are skipped elsewhere."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            "needs CREMA-D and RAVDESS excerpts in ../shared/data, which are not part of the repository"
        )
    return folder


@pytest.fixture(scope="session")
def originals() -> Path:
    """The original recordings of CREMA-D, which are not in the repository: tests on them are skipped elsewhere."""
    folder = ROOT / "runs" / "crema-d" / "AudioWAV"
    if not folder.is_dir():
        pytest.skip("needs CREMA-D's AudioWAV in runs/crema-d, which is not part of the repository")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_261_122)
