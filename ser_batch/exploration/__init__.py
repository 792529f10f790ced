"""A labelled corpus to look at and listen to, before a model is trained on it."""
