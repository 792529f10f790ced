"""Constants of the front end: sample rate, window, STFT, mel bands. A model bundle works with these only."""

SAMPLE_RATE = 16_000
WINDOW_SECONDS = 3.0
N_FFT = 1024
HOP = 256
N_MELS = 128
FLOOR_DB = -80.0

WINDOW_SAMPLES = int(WINDOW_SECONDS * SAMPLE_RATE)
N_FRAMES = 1 + WINDOW_SAMPLES // HOP

FEATURES = ("mfcc", "logmel")  # inputs of a network; each can be computed from the other

FRONT_END = {
    "sample_rate": SAMPLE_RATE,
    "window_seconds": WINDOW_SECONDS,
    "n_fft": N_FFT,
    "hop": HOP,
    "n_mels": N_MELS,
    "mel": "slaney",
    "db": "power, relative to the window's loudest cell",
    "floor_db": FLOOR_DB,
    "n_mfcc": N_MELS,
}
