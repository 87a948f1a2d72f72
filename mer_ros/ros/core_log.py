"""What the core says through :mod:`logging`, as lines of the node that runs it."""

from __future__ import annotations

import logging
from typing import Any


class NodeLog(logging.Handler):
    """Hands records on to a node's logger, so that they are in its log and on /rosout.

    Args:
        logger: of the node; its level decides what is shown.
    """

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record. rclpy wants a line of its own in the source for each severity."""
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)


def hand_on(logger: Any) -> None:
    """Let a node's logger show from now on what any module of this package logs."""
    core = logging.getLogger('mer_ros')
    core.setLevel(logging.INFO)
    core.addHandler(NodeLog(logger))
