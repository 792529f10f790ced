"""Audio file decoders: libsndfile, FFmpeg, and the checks of MP3, Ogg and truncated files."""
