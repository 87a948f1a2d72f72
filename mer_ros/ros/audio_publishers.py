"""Who publishes the sound: several at once are heard mixed up."""

from __future__ import annotations

import time

from rclpy.node import Node

from mer_ros.ros.audio_messages import Route

UNKNOWN = '_NODE_NAME_UNKNOWN_'
"""What rcl calls the node of a publisher that it knows nothing of."""

LINGER_S = 40.0
"""How long a publisher whose process was killed may stay on the graph."""

Gid = tuple[int, ...]
"""What the middleware calls a publisher."""


def publishers(node: Node, topic: str) -> frozenset[Gid]:
    """Return the publishers of a topic; relative names are resolved."""
    found = node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
    return frozenset(tuple(each.endpoint_gid) for each in found)


class Crowd:
    """Tells when several publish the sound, whose pieces are then shuffled.

    A publisher that was killed stays on the graph for some 20 s, first by the name of the one
    that is started in its place and then by none: by name it is not counted, and of one name only
    what was there for longer.
    """

    def __init__(self, node: Node) -> None:
        """Take the node that listens."""
        self._node = node
        self._since: dict[Gid, float] = {}

    def complaint(self, route: Route | None) -> str:
        """Return who publishes beside whom, and what to do; '' for one."""
        if route is None:
            return ''
        names = sorted({name for name in route.publishers if UNKNOWN not in name})
        topic = self._node.resolve_topic_name(route.topic)
        lasting = self._lasting(topic)
        if len(names) >= 2:
            return (
                f'{len(names)} publishers on {topic} ({", ".join(names)}) are heard mixed up: '
                'remap one of them, or set audio:=... to the topic of one'
            )
        if lasting >= 2:
            return (
                f'{lasting} publishers on {topic}, of one node name ({"".join(names)}), are heard '
                'mixed up: was the graph started twice? end one of them'
            )
        return ''

    def _lasting(self, topic: str) -> int:
        """Return how many publishers are there longer than a dead one would be."""
        now = time.monotonic()
        self._since = {gid: self._since.get(gid, now) for gid in publishers(self._node, topic)}
        return sum(now - since > LINGER_S for since in self._since.values())
