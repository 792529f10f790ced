"""Batch annotation of emotion in speech: the Python API, one function for each command."""

from importlib import import_module

from ser_batch.version import __version__

TYPE_CHECKING = False  # `typing` would delay the start of the command line
if TYPE_CHECKING:
    from ser_batch.api.annotation import annotate, annotate_to, merge, report
    from ser_batch.api.annotator import Annotator
    from ser_batch.api.archive import audit, calibrate, uncalibrate
    from ser_batch.api.corpora import evaluate, evaluate_all, features, train
    from ser_batch.api.exploration import explore
    from ser_batch.api.models import load_model
    from ser_batch.errors import SerBatchError

_MODULES = {
    **dict.fromkeys(("annotate", "annotate_to", "merge", "report"), "api.annotation"),
    "Annotator": "api.annotator",
    **dict.fromkeys(("audit", "calibrate", "uncalibrate"), "api.archive"),
    **dict.fromkeys(("evaluate", "evaluate_all", "features", "train"), "api.corpora"),
    "explore": "api.exploration",
    "load_model": "api.models",
    "SerBatchError": "errors",
}

__all__ = [
    "Annotator",
    "SerBatchError",
    "__version__",
    "annotate",
    "annotate_to",
    "audit",
    "calibrate",
    "evaluate",
    "evaluate_all",
    "explore",
    "features",
    "load_model",
    "merge",
    "report",
    "train",
    "uncalibrate",
]


def __getattr__(name: str) -> object:
    """Import a function of the API when it is used, so that the command line starts quickly."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Names of the package, those of the API included, for completion in notebooks."""
    return sorted({*globals(), *__all__})
