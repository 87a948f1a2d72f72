"""The errors of this room."""

from __future__ import annotations


class FusionError(Exception):
    """An input or a setting that cannot be fused; the message says what to do about it."""


class UnknownBackendError(FusionError):
    """A table of clips has nothing of the face backend that was asked for."""
