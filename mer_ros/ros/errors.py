"""The error class of the nodes."""

from __future__ import annotations


class NodeError(Exception):
    """Something a node cannot use or do; the message says in one line what to do about it.

    Attributes:
        kind: short name of the kind of fault, counted in diagnostics (``truncated_image``).
    """

    def __init__(self, message: str, kind: str = 'fault') -> None:
        """Keep the message and the kind it is counted under."""
        super().__init__(message)
        self.kind = kind


class ImageError(NodeError):
    """An image message that cannot be turned into pixels."""


class AudioMessageError(NodeError):
    """An audio message that cannot be turned into samples."""


class ParameterError(NodeError):
    """A parameter value that is refused."""
