"""What a node says of itself once a second on /diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

TOPIC = '/diagnostics'
PERIOD_S = 1.0
HARDWARE_ID = 'mer_ros'


class Level(IntEnum):
    """As in DiagnosticStatus.msg."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, with what to do about it.

    logged: whether whoever found it has logged it.
    """

    level: Level
    message: str
    logged: bool = False


def status(
    name: str, findings: Iterable[Finding], fine: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """Return a status: the worst level and each message once, or ``fine`` when there is none.

    Args:
        name: of the status.
        findings: what is wrong.
        fine: the message when nothing is.
        values: numbers and names to show; floats are shortened.
    """
    ordered = sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.level))
    level = ordered[0].level if ordered else Level.OK
    return DiagnosticStatus(
        level=bytes([level]),
        name=name,
        message='; '.join(dict.fromkeys(finding.message for finding in ordered)) or fine,
        hardware_id=HARDWARE_ID,
        values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()],
    )


_WORST_FIRST = (Level.ERROR, Level.STALE, Level.WARN, Level.OK)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f'{value:.4g}'
    return ', '.join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


class DiagnosticsPublisher:
    """Publishes one status of a node on /diagnostics."""

    def __init__(self, node: Node) -> None:
        """Make the publisher."""
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, 10)
        self._name = node.get_fully_qualified_name().lstrip('/')

    def publish(
        self, findings: Iterable[Finding], fine: str, values: Mapping[str, object]
    ) -> DiagnosticStatus:
        """Publish and return the status, stamped on the node's clock."""
        report = status(self._name, findings, fine, values)
        array = DiagnosticArray(status=[report])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)
        return report
