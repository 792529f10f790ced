"""Decoding of audio files: libsndfile, FFmpeg, MP3, Ogg, headers, truncated files."""
