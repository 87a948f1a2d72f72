"""The error of the face floor."""


class FaceError(Exception):
    """An image or a setting cannot be used; the message says what to do."""
