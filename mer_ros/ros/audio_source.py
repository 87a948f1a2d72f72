"""Finds the sound on the graph and keeps listening to it, whatever its type."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.timeline import Pace
from mer_ros.ros import qos
from mer_ros.ros.audio_messages import (
    INFO,
    INFO_TOPIC,
    OTHER,
    TOPICS,
    Format,
    Route,
    find_info,
    find_route,
    import_type,
    off_pace,
    to_chunk,
)
from mer_ros.ros.diagnostics import Finding, Level
from mer_ros.ros.errors import AudioMessageError
from mer_ros.ros.inputs import Input
from mer_ros.ros.node import EmotionNode
from mer_ros.ros.publishers import Crowd, Gid, publishers

LOOK_S = 0.25
"""How often the graph is looked at for publishers."""

INFO_WAIT_S = 1.0
"""How long the first sound waits for its audio_info."""

MAX_PENDING = 2000

MIXED_MEND = 'remap one of them, or set audio:=... to the topic of one'


class AudioSource:
    """Subscribes to the best audio topic that has a publisher and hands out its chunks."""

    def __init__(self, node: EmotionNode, take: Callable[[AudioChunk], None]) -> None:
        """Begin to look for publishers.

        Args:
            node: that subscribes; its parameters give the format where audio_info does not.
            take: called with each chunk, on the executor's thread.
        """
        self._node = node
        self._take = take
        self._route: Route | None = None
        self._input: Input | None = None
        self._info_input: Input | None = None
        self._info: Format | None = None
        self._carried: Format | None = None
        self._pace = Pace()
        self._info_from: frozenset[Gid] = frozenset()
        self._info_of: frozenset[Gid] = frozenset()
        self._orphaned = False
        self._pending: deque[tuple[Any, int]] = deque(maxlen=MAX_PENDING)
        self._waiting_since: float | None = None
        self._settled = False
        self._graph_problem = ''
        self._format_problem = ''
        self._crowd = Crowd(node, 'sound', 'are heard mixed up', MIXED_MEND)
        self._started = time.monotonic()
        self._timer = node.create_timer(LOOK_S, self._look, clock=node.steady)
        self._look()

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_timer(self._timer)
        self._close_input()
        if self._info_input is not None:
            self._info_input.close()
            self._info_input = None

    def _look(self) -> None:
        """Follow the publishers on the graph."""
        problem = ''
        try:
            self._drop_old_info()
            route = find_route(self._node)
            if route is not None and route != self._route:
                self._follow(route)
            self._listen_for_info()
        except AudioMessageError as error:
            problem = str(error)
        if problem and problem != self._graph_problem:
            self._node.get_logger().error(problem)
        self._graph_problem = problem
        self._settle()

    def _follow(self, route: Route) -> None:
        message_type = import_type(route.type_name)
        self._close_input()
        self._route = route
        self._settled = self._info is not None
        self._input = Input(
            self._node,
            message_type,
            route.topic,
            qos.audio(route.reliable),
            self._arrived,
            what='audio',
        )
        how = 'reliable' if route.reliable else 'best effort'
        self._node.get_logger().info(f'listening to {self._input.topic} ({route.type_name}, {how})')

    def _close_input(self) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None
        self._pending.clear()
        self._waiting_since = None
        self._carried = None
        self._pace.reset()

    def _drop_old_info(self) -> None:
        """Let a publisher of ``audio_info`` go that is gone, and then what it said with its sound.

        While a publisher of the sound is there that was when it said so, it holds: it may have
        been said once, by hand.
        """
        before, self._info_from = self._info_from, publishers(self._node, INFO_TOPIC)
        lost = not self._info_from or not before <= self._info_from
        if self._info_input is not None and lost:
            # What is left may be latched where the other was not: it is subscribed to anew.
            self._info_input.close()
            self._info_input = None
            self._orphaned = self._info is not None
        if self._orphaned and not self._info_of & self._sounds():
            self._orphaned, self._info = False, None
            self._format_problem = ''
            self._settled = False
            self._waiting_since = None
            self._node.get_logger().info('audio_info is of a publisher that is gone: forgotten')

    def _sounds(self) -> frozenset[Gid]:
        return publishers(self._node, self._route.topic) if self._route is not None else frozenset()

    def _listen_for_info(self) -> None:
        if self._info_input is not None or self._route is None or self._route.type_name == OTHER:
            return
        latched = find_info(self._node)
        if latched is not None:
            self._info_input = Input(
                self._node,
                import_type(INFO),
                INFO_TOPIC,
                qos.audio_info(latched),
                self._informed,
                what='audio_info',
            )

    def _informed(self, message: Any) -> None:
        info = Format.of(message)
        self._orphaned, self._info_of = False, self._sounds()
        if info == self._info:
            return
        self._info = info
        self._pace.reset()
        self._settled = True
        self._format_problem = info.refusal()
        if self._format_problem:
            self._node.get_logger().error(self._format_problem)
        else:
            self._node.get_logger().info(f'audio_info: {info.words()}')
        self._flush()

    def _arrived(self, message: Any) -> None:
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        self._pending.append((message, self._node.now_ns()))
        self._settle()
        self._flush()

    def _settle(self) -> None:
        """Go by the parameters when no audio_info comes in time."""
        if self._settled or self._route is None or self._waiting_since is None:
            return
        if self._route.type_name == OTHER:
            self._settled = True
        elif time.monotonic() - self._waiting_since >= INFO_WAIT_S:
            self._settled = True
            self._node.get_logger().warning(
                f'no audio_info: sound is taken as {self._format().words()}; publish audio_info, '
                'or set sample_rate and channels'
            )
            self._flush()

    def _format(self) -> Format:
        if self._carried is not None:
            return self._carried
        values = self._node.values
        return self._info or Format(values.integer('sample_rate'), values.integer('channels'))

    def _format_from(self) -> str:
        if self._carried is not None:
            return 'message'
        return 'audio_info' if self._info is not None else 'parameters'

    def _flush(self) -> None:
        while self._settled and self._pending and self._route is not None:
            message, now_ns = self._pending.popleft()
            try:
                chunk = to_chunk(message, self._route.type_name, self._format(), now_ns)
                if self._route.type_name == OTHER:
                    self._carries(Format.carried(message))
                self._watch_pace(chunk)
                self._take(chunk)
            except Exception as error:  # noqa: BLE001 - it would end the process; this is logged
                self._node.failed(error, logged=str(error) == self._format_problem)

    def _carries(self, carried: Format) -> None:
        if carried != self._carried:
            self._carried = carried
            self._pace.reset()

    def _watch_pace(self, chunk: AudioChunk) -> None:
        """Times of arrival say how sound came and not how it was taken."""
        if chunk.stamped:
            self._pace.add(chunk.stamp_ns, len(chunk.samples), chunk.sample_rate)
        else:
            self._pace.reset()

    def _off_pace(self) -> str:
        if self._carried is not None:
            mend = 'set rate and channels in the info of its messages as the source has them'
        elif self._info is not None:
            mend = 'publish audio_info with the sample_rate and channels that the sound has'
        else:
            mend = 'set sample_rate and channels, or publish audio_info'
        return off_pace(self._pace.ratio(), self._format(), mend)

    def findings(self) -> Iterable[Finding]:
        """Return why there is no sound, or none that can be right."""
        timeout_s = self._node.values.number('input_timeout')
        problem = self._graph_problem or self._format_problem
        if problem:
            yield Finding(Level.ERROR, problem)
        elif self._input is not None:
            several = self._crowd.complaint(self._input.topic)
            why = self._input.why_silent(timeout_s)
            # Of several sounds the pace is none.
            for each in (several, why or ('' if several else self._off_pace())):
                if each:
                    yield Finding(Level.WARN, each)
        elif (silence := time.monotonic() - self._started) >= timeout_s:
            names = dict.fromkeys(self._node.resolve_topic_name(topic) for topic, _ in TOPICS)
            yield Finding(
                Level.WARN,
                f'no audio for {silence:.1f} s; publishers on {" and ".join(names)}: 0',
            )

    def figures(self) -> Mapping[str, object]:
        """Return counts, rates and names."""
        source = self._input
        return {
            'topic': source.topic if source is not None else '',
            'type': self._route.type_name if self._route is not None else '',
            'format': self._format().words(),
            'format_from': self._format_from(),
            'received': source.rate.count if source is not None else 0,
            'received_hz': source.rate.hz() if source is not None else 0.0,
            'lost_by_transport': source.lost if source is not None else 0,
        }
