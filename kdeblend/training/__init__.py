"""Training: configuration, callbacks, checkpoints, and the run folder they fill."""
