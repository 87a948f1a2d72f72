"""The errors of the models floor."""


class ModelError(Exception):
    """A model is unknown, missing, damaged or cannot be run; the message says what to do."""


class UnknownNameError(ModelError):
    """No model or backend has that name; the message lists those there are."""
