"""Who publishes on a topic: what comes from several at once is taken for one."""

from __future__ import annotations

import math
import time
from typing import Any

from rclpy.node import Node

UNKNOWN = '_NODE_NAME_UNKNOWN_'
"""What rcl calls the node of a publisher that it knows nothing of."""

LINGER_S = 40.0
"""How long a publisher whose process was killed may stay on the graph."""

SETTLE_S = 5.0
"""How long nodes of different names have to be there together: one may be about to end."""

LOOK_S = 2.0
"""How often the graph is looked at, at most."""

Gid = tuple[int, ...]
"""What the middleware calls a publisher."""


def publishers(node: Node, topic: str) -> frozenset[Gid]:
    """Return the publishers of a topic; relative names are resolved."""
    found = node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
    return frozenset(tuple(each.endpoint_gid) for each in found)


class Crowd:
    """Tells when several publish what should come from one.

    A publisher that was killed stays on the graph for some 20 s, first by the name of the one
    that is started in its place and then by none: by name it is not counted, and of one name only
    what was there for longer.
    """

    def __init__(self, node: Node, what: str, harm: str, mend: str) -> None:
        """Take the words.

        Args:
            node: that looks at the graph.
            what: they publish: ``images``.
            harm: what comes of several: ``are heard mixed up``.
            mend: what to do about nodes of different names.
        """
        self._node = node
        self._what = what
        self._harm = harm
        self._mend = mend
        self._since: dict[Gid, float] = {}
        self._looked = -math.inf
        self._said: tuple[str, str] = ('', '')

    def complaint(self, topic: str) -> str:
        """Return who publishes beside whom on a topic and what to do; '' for one.

        Args:
            topic: its resolved name.
        """
        now = time.monotonic()
        if topic != self._said[0] or now - self._looked >= LOOK_S:
            self._looked = now
            self._said = (topic, self._look(topic, now))
        return self._said[1]

    def _look(self, topic: str, now: float) -> str:
        found = {
            tuple(each.endpoint_gid): _name(each)
            for each in self._node.get_publishers_info_by_topic(topic)
        }
        self._since = {gid: self._since.get(gid, now) for gid in found}
        age = {gid: now - since for gid, since in self._since.items()}
        settled = {name for gid, name in found.items() if age[gid] >= SETTLE_S}
        names = sorted(name for name in settled if UNKNOWN not in name)
        if len(names) >= 2:
            return (
                f'{len(names)} publishers of {self._what} on {topic} ({", ".join(names)}) '
                f'{self._harm}: {self._mend}'
            )
        lasting = sum(seconds >= LINGER_S for seconds in age.values())
        if lasting >= 2:
            node = names[0] if names else 'unknown'
            return (
                f'{lasting} publishers of {self._what} on {topic}, of one node name ({node}), '
                f'{self._harm}: was it started twice? end one of them'
            )
        return ''


def _name(publisher: Any) -> str:
    return f'{publisher.node_namespace.rstrip("/")}/{publisher.node_name}'
