"""Audio: decoding, windows, noise reduction, features, augmentation, noise."""
