"""Puts the streams in the order of their stamps before they reach the engine.

A result is held only while one that belongs before it is due (``FusionEngine.face_ready``,
``audio_ready``), and never longer than ``hold_s`` of the caller's clock
(:mod:`~mer_ros.fusion.patience`). A voice that was waited for in vain is not waited for again
until something is heard. In live running the
engine's ``audio_delay_s`` covers the usual lateness and nothing is held; when a bag is read fast,
this is what makes the fused results independent of the reading speed.

A bag that begins anew begins a **lap**. What is left of a lap in any stream comes before all of the
next one, whichever arrives first, and the engine starts each lap from nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mer_ros.estimates import EstimateArray
from mer_ros.fusion.combination import check_array, check_faces
from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.envelope import check_envelope
from mer_ros.fusion.hearing import KEPT
from mer_ros.fusion.streams import Laps

if TYPE_CHECKING:
    from mer_ros.audio.feature_record import AudioFeatures

Waiting = tuple[EstimateArray, float, int]
"""What waits, when it came, and its lap."""

FACE, AUDIO, ENVELOPE = 'face', 'audio', 'envelope'


class Sequencer:
    """Merges face arrays, audio arrays and envelopes by stamp and hands them to the engine.

    Not thread-safe: call it from one thread, or under one lock.

    Attributes:
        hold_s: a result is held for at most this long; may change at any time.
    """

    def __init__(self, engine: FusionEngine, hold_s: float = 0.05) -> None:
        """Hold a result for at most ``hold_s`` of the clock that ``now_s`` is read from."""
        self._engine = engine
        self.hold_s = hold_s
        self._faces: deque[Waiting] = deque()
        self._audios: deque[Waiting] = deque()
        # An envelope gives no result of its own: it waits for nothing but the faces before it.
        self._envelopes: deque[tuple[AudioFeatures, float, int]] = deque(maxlen=KEPT)
        self._laps = Laps()
        self._held_since_s: float | None = None
        self._in_vain = False

    def push_face(self, array: EstimateArray, now_s: float) -> list[EstimateArray]:
        """Take in a face array; return the fused arrays that can be published now.

        Raises:
            FusionError: an estimate in it is not what the message promises; it was not taken in.
        """
        check_faces(array)
        self._faces.append((array, now_s, self._laps.arrive(FACE, array.stamp_ns)))
        return self.poll(now_s)

    def push_audio(self, array: EstimateArray, now_s: float) -> list[EstimateArray]:
        """Take in an audio array; return the fused arrays that can be published now.

        Raises:
            FusionError: an estimate in it is not what the message promises; it was not taken in.
        """
        check_array(array)
        self._in_vain = False
        self._audios.append((array, now_s, self._laps.arrive(AUDIO, array.stamp_ns)))
        return self.poll(now_s)

    def push_envelope(self, features: AudioFeatures, now_s: float) -> list[EstimateArray]:
        """Take in the envelope of a window of sound; return what can be published now.

        Raises:
            FusionError: it is not what the message promises; it was not taken in.
        """
        check_envelope(features)
        self._in_vain = False
        self._join_faces(now_s)
        lap = self._laps.arrive(ENVELOPE, features.stamp_ns)
        self._envelopes.append((features, now_s, lap))
        return self.poll(now_s)

    def clock_jumped(self, now_ns: int) -> None:
        """Take note that the clock went back to a time: stamps that go back begin a new lap."""
        self._laps.clock_jumped(now_ns)

    def deadline(self) -> float | None:
        """Return when :meth:`poll` must be called at the latest; None when nothing is held."""
        return None if self._held_since_s is None else self._held_since_s + self.hold_s

    def poll(self, now_s: float) -> list[EstimateArray]:
        """Return the fused arrays that can be published at this time."""
        fused: list[EstimateArray] = []
        self._held_since_s = None
        while True:
            faces, audios = self._current(self._faces), self._current(self._audios)
            if self._current(self._envelopes) and self._before_faces(self._envelopes[0][0]):
                self._engine.add_envelope(self._envelopes.popleft()[0])
            elif audios and self._before_faces(self._audios[0][0]):
                array, arrival, _ = self._audios[0]
                settled = bool(self._faces) or self._engine.audio_ready(array.stamp_ns)
                if not settled and self._held(arrival, now_s):
                    return fused
                self._audios.popleft()
                fused += self._engine.add_audio(array)
            elif faces:
                array, arrival, _ = self._faces[0]
                if not self._settled(array.stamp_ns) and not self._in_vain:
                    if self._held(arrival, now_s):
                        return fused
                    self._in_vain = self._engine.heard
                self._faces.popleft()
                fused += self._engine.add_face(array)
            elif not self._next_lap(now_s):
                return fused

    def _held(self, arrival_s: float, now_s: float) -> bool:
        """Say whether what came at a time is still to be held; then that is what is waited for."""
        held = now_s < arrival_s + self.hold_s
        if held:
            self._held_since_s = arrival_s
        return held

    def _join_faces(self, now_s: float) -> None:
        """Take envelopes that have begun anew alone for those of the present lap.

        They give no results, so the lap that they began would never come.
        """
        if not self._envelopes or self._current(self._envelopes):
            return
        ahead = [
            queue for queue in (self._faces, self._audios) if queue and not self._current(queue)
        ]
        if ahead or now_s < self._envelopes[0][1] + self.hold_s:
            return
        present = self._laps.present
        self._envelopes = deque(
            ((features, arrival_s, present) for features, arrival_s, _ in self._envelopes),
            maxlen=KEPT,
        )
        self._laps.stay(ENVELOPE)

    def _current(self, queue: Sequence[tuple[object, float, int]]) -> bool:
        """Say whether something of the present lap waits."""
        return bool(queue) and queue[0][2] <= self._laps.present

    def _next_lap(self, now_s: float) -> bool:
        """Go on to the next lap if it has begun and nothing of the present one can come."""
        arrivals = [queue[0][1] for queue in (self._faces, self._audios) if queue]
        if not arrivals:
            return False
        if not self._laps.left((FACE, AUDIO)) and self._held(min(arrivals), now_s):
            return False
        self._laps.present += 1
        self._engine.reset()
        return True

    def _settled(self, stamp_ns: int) -> bool:
        """Say whether all that belongs before a face is in; a later one that waits says so."""
        return (bool(self._audios) or self._engine.face_ready(stamp_ns)) and (
            bool(self._envelopes) or self._engine.envelopes_ready(stamp_ns)
        )

    def _before_faces(self, item: EstimateArray | AudioFeatures) -> bool:
        if not self._current(self._faces):
            return True
        return self._engine.belongs_before(item.stamp_ns, self._faces[0][0].stamp_ns)
