"""The error of the training scripts."""


class TrainingError(ValueError):
    """What was asked for cannot be done; the message says in one line why and what to do."""
