"""The error of the models floor."""


class ModelError(Exception):
    """A model is unknown, missing, damaged or cannot be run; the message says what to do."""
