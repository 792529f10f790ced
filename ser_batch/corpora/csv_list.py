"""A corpus as a table of files and labels: CSV or JSON lines, any further column being an attribute.

Files are relative to the folder of the table; with start and end, a stretch of a file is the clip. A known label gets
its usual name (`clips.SYNONYMS`); any other is kept, in lower case. Without a speaker, each file counts as a speaker of
its own.
"""

from pathlib import Path

from ser_batch.corpora.clips import SPEAKERS_UNKNOWN, Clip, Corpus, canonical, name_in, plain
from ser_batch.errors import SerBatchError
from ser_batch.inputs.lists import TIMES, located
from ser_batch.inputs.paths import absolute
from ser_batch.inputs.tables import read_table
from ser_batch.stretches import split, with_file


def read(path: str) -> Corpus:
    """Read the clips that a table lists; files that do not exist, or are listed again, are skipped.

    Raises:
        SerBatchError: no such columns, a row without a file or a label, or one file with two labels.
    """
    folder = Path(path).absolute().parent
    clips: dict[str, Clip] = {}
    skipped: list[tuple[str, str]] = []
    speakers_known = True
    for line, row in read_table(path, ("file", "label"), ("speaker", *TIMES)):
        cells = {name: "" if value is None else str(value).strip() for name, value in row.items()}
        if not cells.get("file") or not cells.get("label"):
            raise SerBatchError(f"{path}, line {line}: no file or no label: give both")
        source = absolute(located(path, line, row))
        file = split(source).path
        file_name = name_in(file, str(folder))
        name = with_file(source, file_name)
        emotion = canonical(cells["label"]) or plain(cells["label"])
        spoken_by = cells.get("speaker", "")
        attributes = {
            key: cell
            for key, cell in cells.items()
            if key not in ("file", "label", "speaker", "start", "end")
        }
        known = clips.get(name)
        if known and known.label != emotion:
            raise SerBatchError(
                f"{path}, line {line}: {cells['file']} is labelled {emotion}, but {known.label} above: keep one line"
            )
        if known:
            skipped.append((source, "listed twice"))
        elif not Path(file).is_file():
            skipped.append((file, "no such file"))
        else:
            clips[name] = Clip(source, name, emotion, spoken_by or file_name, attributes)
            speakers_known = speakers_known and bool(spoken_by)
    notes = [] if speakers_known else [f"speakers: not known, {SPEAKERS_UNKNOWN}; add a column speaker"]
    return Corpus(Path(path).stem, list(clips.values()), skipped, speakers_known, notes)
