"""Brings results to the fusion engine in the order of their stamps, and waits for those due."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mer_ros.estimates import EstimateArray
from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.parameters import ParameterTable
from mer_ros.fusion.patience import Patience
from mer_ros.fusion.sequencing import Sequencer
from mer_ros.fusion.settings import FusionSettings
from mer_ros.ros.conversions import from_message, from_time
from mer_ros.ros.feature_messages import features_from_message

if TYPE_CHECKING:
    from mer_ros.ros.node import EmotionNode

FACE, AUDIO, FEATURES = 'face', 'audio', 'features'
TOPICS = {
    FACE: 'emotion/face',
    AUDIO: 'emotion/audio',
    FEATURES: 'emotion/audio/features',
}

REPLAY_HOLD = 10
"""A replayed result is held this many times longer, by the clock of ``Patience``: being in order
matters more than being quick, and a bag read fast leaves the transport little time to keep it."""

LIVE_S = 10.0
"""Results with older stamps are replayed, whatever the clock."""

LOOK_S = 0.5
"""How often the graph is asked who publishes."""

GONE_S = 2.0
"""A stream that nobody has published for so long is not waited for; discovery takes some time."""


class Feed:
    """The engine and what orders its input; to be used from one thread.

    Attributes:
        engine: what fuses.
        newest: the newest result of each stream.
    """

    def __init__(self, node: EmotionNode, settings: FusionSettings, table: ParameterTable) -> None:
        """Start with nothing seen or heard.

        Args:
            node: gives ``max_hold``, the clock, the faults and the graph.
            settings: of the engine.
            table: the parameters of pairs of backends.
        """
        self._node = node
        self.engine = FusionEngine(settings, table)
        self.newest: dict[str, EstimateArray] = {}
        self._sequencer = Sequencer(self.engine)
        self._patience = Patience()
        self._looked_s = -LOOK_S
        self._published_s = dict.fromkeys(TOPICS, time.monotonic())

    def take(self, stream: str, message: Any) -> list[EstimateArray]:
        """Take in a message of a stream; return what can be published now.

        Raises:
            FusionError: it is not what the message promises; it was not taken in.
        """
        self._look()
        stamp_ns = from_time(message.header.stamp)
        replayed = self._replayed(stamp_ns)
        hold_s = self._node.values.number('max_hold')
        self._sequencer.hold_s = hold_s * (REPLAY_HOLD if replayed else 1)
        now_s = self._patience.tick(stream, stamp_ns, time.monotonic(), replayed)
        if stream == FEATURES:
            return self._sequencer.push_envelope(features_from_message(message), now_s)
        array = from_message(message)
        push = self._sequencer.push_face if stream == FACE else self._sequencer.push_audio
        late = self.engine.late
        fused = push(array, now_s)
        if self.engine.late > late:
            self._node.faults.note(
                'late',
                'a result is up to a second older than one before it and is left out: let one '
                'node publish on each of emotion/face and emotion/audio, and one clock stamp '
                'the images',
            )
        self.newest[stream] = array
        return fused

    def clock_jumped(self, now_ns: int) -> None:
        """Take note that the node's clock went back."""
        self._sequencer.clock_jumped(now_ns)

    def tend(self) -> tuple[list[EstimateArray], float | None]:
        """Return what was held long enough, and the seconds after which to look again."""
        now_s = time.monotonic()
        fused = self._sequencer.poll(self._patience.read(now_s))
        deadline_s = self._sequencer.deadline()
        if deadline_s is None:
            return fused, None
        return fused, max(self._patience.until_s(deadline_s, now_s), 0.001)

    def _replayed(self, stamp_ns: int) -> bool:
        age_s = (self._node.now_ns() - stamp_ns) * 1e-9
        return self._node.get_clock().ros_time_is_active or abs(age_s) > LIVE_S

    def _look(self) -> None:
        """Ask who publishes: what nobody does is not waited for."""
        now_s = time.monotonic()
        if now_s < self._looked_s + LOOK_S:
            return
        self._looked_s = now_s
        for stream, topic in TOPICS.items():
            if self._node.count_publishers(self._node.resolve_topic_name(topic)):
                self._published_s[stream] = now_s
        there = {stream: now_s - at < GONE_S for stream, at in self._published_s.items()}
        self.engine.expect(faces=there[FACE], audio=there[AUDIO], envelopes=there[FEATURES])
