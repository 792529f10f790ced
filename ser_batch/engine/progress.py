"""What a run tells about itself while it works."""

from typing import Protocol

from ser_batch.corpus.find import Source
from ser_batch.engine.result import Annotation, Failure


class Progress(Protocol):
    """Is told what happens; draws it, or does nothing."""

    def warn(self, message: str) -> None:
        """Something that the user should know before it begins."""

    def begin(self, files: int, size: int) -> None:
        """So many files of so many bytes in all are to be annotated."""

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """One of them is done."""

    def stopping(self) -> None:
        """A signal has come: what is in work is being finished. Told many times."""

    def end(self) -> None:
        """All of them are, or the run was interrupted."""


class Silent:
    """Shows nothing."""

    def warn(self, message: str) -> None:
        """Nothing."""

    def begin(self, files: int, size: int) -> None:
        """Nothing."""

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Nothing."""

    def stopping(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""
