"""Audio and video files for tests that soundfile cannot write, made by PyAV (extra `av`)."""

import os

import numpy as np


def write_media(path, codec, samples, sample_rate, *, container=None, tracks=1, video=False, **options):
    """Write `samples`, float32 `[channels, n]`, as each of `tracks` audio tracks; beside 1 s of black, if `video`.

    `container` is FFmpeg's name of it, by default as the suffix of `path` says; `options` are for it.
    """
    import av

    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(samples)]
    options = {"fflags": "+bitexact", **options}  # no date and no random numbers
    with av.open(os.fspath(path), "w", format=container, options=options) as file:
        packets, picture = [], None
        if video:
            picture = file.add_stream("mpeg4", rate=25)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        streams = [file.add_stream(codec, rate=sample_rate, layout=layout) for _ in range(tracks)]
        for stream in streams:
            stream.bit_rate = 32_000 * len(samples)
        if picture:
            black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            for _ in range(25):
                black.pts = None
                packets += picture.encode(black)
            packets += picture.encode(None)
        for k, stream in enumerate(streams):
            for start in range(0, samples.shape[1], 1_000):
                part = np.asarray(samples[:, start : start + 1_000].T, np.float32) / (k + 1)
                frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="flt", layout=layout)
                frame.sample_rate, frame.pts = sample_rate, start
                packets += stream.encode(frame)
            packets += stream.encode(None)
        for packet in packets:
            file.mux(packet)
