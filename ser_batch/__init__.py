"""Batch annotation of emotion in speech: each command as a function. Importing this loads nothing heavy."""

from ser_batch.api.annotation import annotate, annotate_to, merge, report
from ser_batch.api.annotator import Annotator
from ser_batch.api.corpora import evaluate, features, train
from ser_batch.api.exploration import explore
from ser_batch.api.models import load_model
from ser_batch.errors import SerBatchError

__version__ = "0.1.0"

__all__ = [
    "Annotator",
    "SerBatchError",
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
