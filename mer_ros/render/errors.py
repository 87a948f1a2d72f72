"""The error of this room."""


class RenderError(Exception):
    """A picture can't be drawn or written; the message says what to do about it."""
