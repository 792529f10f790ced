"""Script that makes the teacher for distillation: outputs of Whisper's encoder for a feature table.

python models/make_teacher.py ENCODER.npz TABLE.npz TEACHER.npz
"""

import argparse
from pathlib import Path

from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.training.teacher import from_whisper


def main() -> None:
    """Read the arguments, make the teacher, store it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("encoder", type=Path, help="arrays of the encoder of Whisper tiny.en")
    parser.add_argument("table", type=Path, help="feature table of the corpus")
    parser.add_argument("teacher", type=Path, help="file to write")
    arguments = parser.parse_args()
    from_whisper(arguments.encoder, FeatureTable.load(arguments.table)).save(arguments.teacher)


if __name__ == "__main__":
    main()
