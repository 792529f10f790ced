"""Training: networks, batches, fitting, export, model cards."""
