"""The error class of the nodes, and those of the floors below that a node has to expect."""

from __future__ import annotations

from mer_ros.audio.chunk import AudioError
from mer_ros.face.errors import FaceError
from mer_ros.fusion.errors import FusionError
from mer_ros.media.sources import MediaError
from mer_ros.models.errors import ModelError
from mer_ros.render.errors import RenderError


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


EXPECTED = (NodeError, AudioError, FaceError, FusionError, MediaError, ModelError, RenderError)
"""Errors whose message is for the user; any other is a fault of the program."""


def kind_of(error: Exception) -> str:
    """Return the name that an expected error is counted under."""
    if isinstance(error, NodeError):
        return error.kind
    return type(error).__name__.removesuffix('Error').lower()
