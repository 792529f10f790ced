"""Rows with every difficulty for formats, for the tests of this room."""

from ser_batch.output.formats import maker
from ser_batch.output.schema import Emotion, FileRow, Schema, SegmentRow

LABELS = ["angry", "sad"]

SAD = Emotion("sad", 0.75, (0.25, 0.75), 0.5)
ANGRY = Emotion("angry", 1.0, (1.0, 0.0), 1.0)
UNSURE = Emotion(None, 0.55, (0.45, 0.55), 0.9)
SILENCE = Emotion(None, None, None, 0.0)
MUSIC = Emotion(None, None, None, 0.05, no_speech=True)
ROWS = [
    (FileRow("a b/c,d.wav", 4.25, 2, SAD, speech=((0.0, 1.5), (2.064, 4.25))), [
        SegmentRow("a b/c,d.wav", 0.0, 3.0, SAD),
        SegmentRow("a b/c,d.wav", 1.5, 4.25, ANGRY),
    ]),
    (FileRow('e"\n.mp3', 0.000023, 1, SILENCE), [SegmentRow('e"\n.mp3', 0.0, 0.000023, SILENCE)]),
    (FileRow("not utf-8 \udcff.wav", 0.5, 1, ANGRY), [SegmentRow("not utf-8 \udcff.wav", 0.0, 0.5, ANGRY)]),
    (FileRow("unsure & silent/<é>.flac", 4_000.5, 3, UNSURE), [
        SegmentRow("unsure & silent/<é>.flac", 0.0, 3.0, UNSURE),
        SegmentRow("unsure & silent/<é>.flac", 1.5, 4.5, SILENCE),
        SegmentRow("unsure & silent/<é>.flac", 3.0, 4_000.5, SAD),
    ]),
    (FileRow("without speech.wav", 4.5, 2, MUSIC, speech=((1.024, 1.088),)), [
        SegmentRow("without speech.wav", 0.0, 3.0, MUSIC),
        SegmentRow("without speech.wav", 1.5, 4.5, MUSIC),
    ]),
]  # fmt: skip


def write(name, folder, rows=ROWS, labels=LABELS, top_k=1):
    """What a format makes of rows: the content of each file in the folder, by its path."""
    writer = maker(name)(folder, Schema(labels, top_k))
    for file, segments in rows:
        writer.write(file, segments)
    writer.close()
    return contents(folder)


def contents(folder):
    """Bytes by path, of a folder that formats were written to."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".written"
    }
