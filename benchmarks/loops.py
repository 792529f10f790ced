"""Reference programs for the benchmark `neighbours`: what other tools do with a folder of audio, file by file.

    python -m benchmarks.loops notebook FOLDER 1 2      # every second file, from the first

Each function loads what it needs and returns what is done with a file.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RATE = 16_000
FRAMES = 188

Loop = Callable[[str], Any]


def notebook() -> Loop:
    """The notebook's loop: load, reduce noise, MFCCs padded or cut to 3 s, predict with the bundle's own network."""
    import keras
    import librosa
    import noisereduce
    import numpy as np

    import ser_batch.training.networks.build  # noqa: F401 - registers the layers

    model = keras.models.load_model(ROOT / "models" / "crema-d" / "model.keras", compile=False)

    def predict(path: str) -> Any:
        samples, _ = librosa.load(path, sr=RATE)
        samples = noisereduce.reduce_noise(y=samples, sr=RATE, stationary=True)
        mfcc = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=128, n_fft=1024, hop_length=256)
        mfcc = librosa.util.fix_length(mfcc, size=FRAMES, axis=1)
        return np.argmax(model.predict(mfcc.T[None], verbose=0))

    return predict


def librosa_features() -> Loop:
    """Decoding and MFCCs by librosa."""
    import librosa

    def extract(path: str) -> Any:
        samples, _ = librosa.load(path, sr=RATE)
        return librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=128, n_fft=1024, hop_length=256)

    return extract


def noise_reduction() -> Loop:
    """Decoding and noise reduction by noisereduce, the stationary gate."""
    import noisereduce
    import soundfile

    def clean(path: str) -> Any:
        samples, rate = soundfile.read(path, dtype="float32")
        return noisereduce.reduce_noise(y=samples, sr=rate, stationary=True)

    return clean


def opensmile() -> Loop:
    """The 88 eGeMAPS functionals of each file by openSMILE, which decodes, too."""
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    return smile.process_file


def worker() -> Loop:
    """ser-batch's own worker, with its gate, without the processes around it: for `profile`."""
    from ser_batch.engine.job import Options
    from ser_batch.engine.worker import Worker
    from ser_batch.model.bundle import load_bundle
    from ser_batch.runs.settings import resolve_settings

    options = Options(denoise="gate")
    return Worker(resolve_settings(options, load_bundle(options.model))).annotate


def main() -> None:
    """Do it with every `step`-th file of a folder, from the one at `start` on."""
    name, folder, start, step = sys.argv[1:]
    loop = globals()[name]()
    for path in sorted(Path(folder).rglob("*.*"))[int(start) :: int(step)]:
        loop(str(path))


if __name__ == "__main__":
    main()
