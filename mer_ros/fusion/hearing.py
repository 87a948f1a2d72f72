"""What was heard: audio results and sound envelopes, kept by stamp until faces need them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mer_ros.estimates import EstimateArray
from mer_ros.fusion.decision import NANOSECONDS
from mer_ros.fusion.settings import FusionSettings
from mer_ros.fusion.streams import Arrival, Stream

if TYPE_CHECKING:
    from mer_ros.audio.feature_record import AudioFeatures

KEPT = 256
"""Results kept, so that the sound may run ahead of the faces (a bag read fast)."""

LOST_PERIODS = 3
"""A stream that missed so many of its periods is not waited for any more."""

USUAL_PERIOD_NS = 500_000_000
"""Period of the audio until two results have told it."""

START_NS = 2_000_000_000
"""For so long after the first face the first audio may still be on its way."""

STAMP_TOLERANCE_NS = 1_000_000


class Hearing:
    """The two streams of one microphone.

    A face of stamp t goes with what was heard until t - ``audio_delay_s``.

    Attributes:
        settings: may be replaced at any time.
        audio_expected, envelopes_expected: whether they are waited for before the first has come.
    """

    def __init__(self, settings: FusionSettings) -> None:
        """Start with nothing heard."""
        self.settings = settings
        self.audio_expected = True
        self.envelopes_expected = False
        self._audio_stream = Stream()
        self._envelope_stream = Stream()
        self._audio: deque[EstimateArray] = deque(maxlen=KEPT)
        self._envelopes: deque[AudioFeatures] = deque(maxlen=KEPT)

    @property
    def delay_ns(self) -> int:
        """How much older than a face the newest sound is that it goes with."""
        return round(self.settings.audio_delay_s * NANOSECONDS)

    @property
    def timeout_ns(self) -> int:
        """How much older than a face sound may be that it goes with."""
        return round(self.settings.audio_timeout_s * NANOSECONDS)

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest audio result."""
        return self._audio_stream.newest_ns

    def clear(self) -> None:
        """Forget everything."""
        self._audio_stream.clear()
        self._envelope_stream.clear()
        self._audio.clear()
        self._envelopes.clear()

    def add_audio(self, array: EstimateArray) -> Arrival:
        """Keep an audio result, unless told twice or late; a new start clears those before."""
        arrival = self._audio_stream.arrive(array.stamp_ns)
        if arrival is Arrival.JUMPED_BACK:
            self._audio.clear()
        if arrival in (Arrival.NEW, Arrival.JUMPED_BACK):
            self._audio.append(array)
        return arrival

    def add_envelope(self, features: AudioFeatures) -> None:
        """Keep an envelope, unless it is told twice or late; a new start clears those before."""
        arrival = self._envelope_stream.arrive(features.stamp_ns)
        if arrival is Arrival.JUMPED_BACK:
            self._envelopes.clear()
        if arrival in (Arrival.NEW, Arrival.JUMPED_BACK):
            self._envelopes.append(features)

    def audio_for(self, stamp_ns: int) -> EstimateArray | None:
        """Return the audio result that a face of this stamp is fused with."""
        for array in reversed(self._audio):
            if array.stamp_ns <= stamp_ns - self.delay_ns:
                return array if array.stamp_ns >= stamp_ns - self.timeout_ns else None
        return None

    def take_envelopes(self, stamp_ns: int) -> list[AudioFeatures]:
        """Return the envelopes that belong before a face of this stamp; each is told once."""
        taken = []
        while self._envelopes and self._envelopes[0].stamp_ns <= stamp_ns - self.delay_ns:
            taken.append(self._envelopes.popleft())
        return taken

    def audio_ready(self, stamp_ns: int, until_ns: int, first_face_ns: int | None) -> bool:
        """Say whether no audio result is due that a face should come after.

        Args:
            stamp_ns: of the face.
            until_ns: what was heard until then belongs before it.
            first_face_ns: stamp of the first face, None before it.
        """
        if self._audio_stream.newest_ns is None:
            return not self.audio_expected or _begun(stamp_ns, first_face_ns)
        return self._settled(self._audio_stream, until_ns)

    def envelopes_ready(self, stamp_ns: int, until_ns: int, first_face_ns: int | None) -> bool:
        """Say the same of the envelopes."""
        if self._envelope_stream.newest_ns is None:
            return not self.envelopes_expected or _begun(stamp_ns, first_face_ns)
        return self._settled(self._envelope_stream, until_ns)

    def _settled(self, stream: Stream, until_ns: int) -> bool:
        newest_ns = stream.newest_ns or 0
        period_ns = stream.period_ns or USUAL_PERIOD_NS
        behind_ns = until_ns - newest_ns
        return behind_ns < period_ns - STAMP_TOLERANCE_NS or behind_ns > LOST_PERIODS * period_ns


def _begun(stamp_ns: int, first_face_ns: int | None) -> bool:
    return first_face_ns is not None and stamp_ns - first_face_ns > START_NS
