"""Benchmark of weight precision: one trained network exported in each way, on its held-out clips.

ser-batch train crema_d.npz -o MODEL --test-fold 2 …     # leaves MODEL/model.keras
python -m benchmarks weights MODEL crema_d.npz
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.shared import on_cores, scratch, table
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.evaluation.evaluate import held_out_clips
from ser_batch.evaluation.metrics import confusion_matrix, uar
from ser_batch.model.bundle import KERAS_FILE, load_bundle
from ser_batch.model.runtime import Network
from ser_batch.training.export import TOLERANCE, export


def main() -> None:
    """Export, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("table", type=Path)
    chosen = parser.parse_args()
    bundle = load_bundle(chosen.model)
    clips = held_out_clips(bundle, FeatureTable.load(chosen.table))
    actual = np.array([bundle.labels.index(label) for label in clips.labels])
    rows = []
    with scratch() as folder, on_cores(1):
        for weights in TOLERANCE:
            exported = folder / f"{weights}.tflite"
            export(bundle.path / KERAS_FILE, exported, weights)
            network, answers, times = Network(exported), [], []
            for bands in clips.log_mel():
                begun = time.process_time()
                answers.append(network(bands).argmax())
                times.append(time.process_time() - begun)
            right = uar(confusion_matrix(actual, np.array(answers), len(bundle.labels)))
            size = exported.stat().st_size / 1e6
            rows.append([weights, f"{right:.3f}", f"{1_000 * np.median(times):.2f}", f"{size:.1f}"])
    print(table(["weights", "UAR", "ms a window", "MB"], rows))
