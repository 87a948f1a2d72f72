"""Puts the two streams in the order of their stamps before they reach the engine.

A result is held only while one that belongs before it is due (``FusionEngine.face_ready``,
``audio_ready``), and never longer than ``hold_s`` of the caller's clock. In live running the
engine's ``audio_delay_s`` covers the usual lateness and nothing is held; when a bag is read fast,
this is what makes the fused results independent of the reading speed.
"""

from __future__ import annotations

from collections import deque

from mer_ros.estimates import EstimateArray
from mer_ros.fusion.decision import NANOSECONDS
from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.settings import FusionSettings

Waiting = tuple[EstimateArray, float]


class Sequencer:
    """Merges face and audio arrays by stamp and hands them to the engine.

    Not thread-safe: call it from one thread, or under one lock.

    Attributes:
        hold_s: a result is held for at most this long; may change at any time.
    """

    def __init__(
        self, engine: FusionEngine, settings: FusionSettings, hold_s: float = 0.05
    ) -> None:
        """Hold a result for at most ``hold_s`` of the clock that ``now_s`` is read from."""
        self._engine = engine
        self._delay_ns = round(settings.audio_delay_s * NANOSECONDS)
        self.hold_s = hold_s
        self._faces: deque[Waiting] = deque()
        self._audios: deque[Waiting] = deque()

    def push_face(self, array: EstimateArray, now_s: float) -> list[EstimateArray]:
        """Take in a face array; return the fused arrays that can be published now.

        Raises:
            FusionError: an estimate in it is not what the message promises; it was not taken in.
        """
        self._engine.check(array)
        self._faces.append((array, now_s))
        return self.poll(now_s)

    def push_audio(self, array: EstimateArray, now_s: float) -> list[EstimateArray]:
        """Take in an audio array; return the fused arrays that can be published now.

        Raises:
            FusionError: an estimate in it is not what the message promises; it was not taken in.
        """
        self._engine.check(array)
        self._audios.append((array, now_s))
        return self.poll(now_s)

    def deadline(self) -> float | None:
        """Return when :meth:`poll` must be called at the latest; None when nothing is held."""
        arrivals = [queue[0][1] for queue in (self._faces, self._audios) if queue]
        return min(arrivals) + self.hold_s if arrivals else None

    def clear(self) -> None:
        """Drop what is held."""
        self._faces.clear()
        self._audios.clear()

    def poll(self, now_s: float) -> list[EstimateArray]:
        """Return the fused arrays that can be published at this time."""
        fused: list[EstimateArray] = []
        while True:
            if self._audio_is_next():
                array, arrival = self._audios[0]
                settled = bool(self._faces) or self._engine.audio_ready(array.stamp_ns)
                if not settled and now_s - arrival < self.hold_s:
                    return fused
                self._audios.popleft()
                fused += self._engine.add_audio(array)
            elif self._faces:
                array, arrival = self._faces[0]
                settled = bool(self._audios) or self._engine.face_ready(array.stamp_ns)
                if not settled and now_s - arrival < self.hold_s:
                    return fused
                self._faces.popleft()
                fused += self._engine.add_face(array)
            else:
                return fused

    def _audio_is_next(self) -> bool:
        if not self._audios:
            return False
        if not self._faces:
            return True
        return self._audios[0][0].stamp_ns + self._delay_ns <= self._faces[0][0].stamp_ns
