"""A corpus as a CSV: `file,label[,speaker]`, any further column being an attribute.

Files are relative to the CSV. A known label gets its canonical spelling (`clips.SYNONYMS`); any other
is kept, in lower case, as a label of the corpus's own. Without a speaker, a file is a speaker of its own.
"""

from pathlib import Path

from ser_batch.corpora.clips import Clip, Corpus, canonical, name_in, plain
from ser_batch.errors import SerBatchError
from ser_batch.inputs.lists import MANIFEST_COLUMNS, column, read_csv


def read(path: str) -> Corpus:
    """Read the clips that a CSV lists; files that are not there, or listed again, are skipped.

    Raises:
        SerBatchError: no such columns, a row without a file or a label, or one file with two labels.
    """
    folder = Path(path).absolute().parent
    rows = read_csv(path)
    _, header = next(rows, (0, []))
    file, label = column(header, MANIFEST_COLUMNS), column(header, ("label", "emotion"))
    speaker = column(header, ("speaker",))
    if file is None or label is None:
        raise SerBatchError(f"{path}: the first line must name the columns: file,label or file,label,speaker")
    others = {place: cell.strip() for place, cell in enumerate(header) if place not in (file, label, speaker)}

    clips: dict[str, Clip] = {}
    skipped: list[tuple[str, str]] = []
    speakers_known = True
    for line, cells in rows:
        if not cells[file].strip() or not cells[label].strip():
            raise SerBatchError(f"{path}, line {line}: a file and a label are needed")
        source = str(folder / cells[file])
        name = name_in(source, str(folder))
        voice = cells[speaker].strip() if speaker is not None else ""
        emotion = canonical(cells[label]) or plain(cells[label])
        attributes = {key: cells[place] for place, key in others.items()}
        known = clips.get(name)
        if known and known.label != emotion:
            raise SerBatchError(
                f"{path}, line {line}: {cells[file]} was listed as {known.label}, now as {emotion}"
            )
        if known:
            skipped.append((source, "listed twice"))
        elif not Path(source).is_file():
            skipped.append((source, "no such file"))
        else:
            clips[name] = Clip(source, name, emotion, voice or name, attributes)
            speakers_known = speakers_known and bool(voice)
    return Corpus(Path(path).stem, list(clips.values()), skipped, speakers_known)
