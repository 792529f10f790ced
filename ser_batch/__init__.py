"""Batch annotation of emotion in speech: the Python API, one function for each command."""

from ser_batch.api.annotation import annotate, annotate_to, merge, report
from ser_batch.api.annotator import Annotator
from ser_batch.api.corpora import evaluate, features, train
from ser_batch.api.exploration import explore
from ser_batch.api.models import load_model
from ser_batch.errors import SerBatchError
from ser_batch.version import __version__

__all__ = [
    "Annotator",
    "SerBatchError",
    "__version__",
    "annotate",
    "annotate_to",
    "evaluate",
    "explore",
    "features",
    "load_model",
    "merge",
    "report",
    "train",
]
