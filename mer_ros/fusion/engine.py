"""The fusion engine: face arrays, audio arrays and sound envelopes in, fused arrays out.

The output is a function of the stamps and the content of the streams and of nothing else:
no clock is read, and a face of stamp t is always fused with the newest audio of stamp
<= t - ``audio_delay_s``, whenever either came in. As long as that audio has come in before the
face is added (``face_ready`` says so; :mod:`~mer_ros.fusion.sequencing` sees to it), arrival order
does not matter. Envelopes are optional; they tell two talking faces apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_ros.emotions import COUNT
from mer_ros.estimates import EstimateArray, Modality
from mer_ros.fusion.attribution import Attributor, VisibleFace
from mer_ros.fusion.combination import (
    AUDIO_SUBJECT,
    Statement,
    calibrated,
    check_array,
    check_faces,
    state,
)
from mer_ros.fusion.decision import NANOSECONDS
from mer_ros.fusion.envelope import check_envelope
from mer_ros.fusion.hearing import Hearing
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.reliability import decay
from mer_ros.fusion.settings import FusionSettings
from mer_ros.fusion.streams import Arrival, Stream
from mer_ros.fusion.subjects import Subjects

if TYPE_CHECKING:
    from mer_ros.audio.feature_record import AudioFeatures

LATE_LIMIT_S = 10.0
"""Faces further than this from audio that comes at the same time are of another clock, not slow."""

LATE_MEMORY_S = 20.0
"""For so long faces have to be on time until they are no longer waited for as late ones."""

SPARSE_PERIODS = 2
"""Faces go on while they have missed less than so many of their periods."""

FEWEST_NS = 10_000_000_000
"""Faces further apart than half of this do not go on, they come now and then."""


class FusionEngine:
    """Fuses the faces and the voice of one camera and one microphone.

    Attributes:
        note: what a user should know about the parameters in use; '' if nothing.
        late: how many results were left out, being older than one before them.
        unused_s: how far behind the faces the newest voice was, where that was too far to be
            fused with any; 0 where it was not.
    """

    def __init__(self, settings: FusionSettings, parameters: ParameterTable) -> None:
        """Start empty."""
        self._settings = settings
        self._table = parameters
        self.note = ''
        self.late = 0
        self.unused_s = 0.0
        self._hearing = Hearing(settings)
        self._faces_expected = True
        self.reset()

    @property
    def settings(self) -> FusionSettings:
        """What is set; a change holds from the next result on, and nothing is forgotten."""
        return self._settings

    @settings.setter
    def settings(self, settings: FusionSettings) -> None:
        self._settings = self._hearing.settings = self._attributor.settings = settings
        self._subjects.settings = settings

    def reset(self) -> None:
        """Forget everything but the settings and the parameters."""
        self.unused_s = 0.0
        self._face_stream = Stream()
        self._hearing.clear()
        self._forget_subjects()

    def _forget_subjects(self) -> None:
        self._subjects = Subjects(self._settings)
        self._attributor = Attributor(self._settings)
        self._alone_ns: int | None = None
        self._late_ns = self._late_seen_ns = 0

    def face_ready(self, stamp_ns: int) -> bool:
        """Say whether a face of this stamp can be added without an audio result being amiss.

        False only while an audio result that belongs before this face is due and the audio stream
        is alive, or may be about to begin; wait for it for a bounded time, then add the face all
        the same.
        """
        until_ns = self._heard_until(stamp_ns)
        return self._hearing.audio_ready(stamp_ns, until_ns, self._face_stream.first_ns)

    def envelopes_ready(self, stamp_ns: int) -> bool:
        """Say the same of the envelopes."""
        until_ns = self._heard_until(stamp_ns)
        return self._hearing.envelopes_ready(stamp_ns, until_ns, self._face_stream.first_ns)

    def expect(self, *, faces: bool = True, audio: bool = True, envelopes: bool = False) -> None:
        """Say what may come: what never does is not waited for."""
        self._faces_expected = faces
        self._hearing.audio_expected = audio
        self._hearing.envelopes_expected = envelopes

    @property
    def heard(self) -> bool:
        """Say whether there was any audio result yet."""
        return self._hearing.newest_ns is not None

    def audio_ready(self, stamp_ns: int) -> bool:
        """Say whether it is settled that a face goes with audio of this stamp.

        False where no face is alive: one may be on its way. Wait for it for a bounded time.
        """
        return not self._faces_expected or self._face_alive(stamp_ns)

    def belongs_before(self, heard_ns: int, face_ns: int) -> bool:
        """Say whether what was heard at a stamp is to be added before a face of another.

        A voice while no face is alive is fused alone, so all up to the first face comes before it.
        """
        return heard_ns <= self._heard_until(face_ns, heard_ns)

    def _heard_until(self, face_ns: int, heard_ns: int | None = None) -> int:
        """Return the stamp up to which what is heard belongs before a face."""
        alive = self._face_alive(face_ns if heard_ns is None else heard_ns)
        return face_ns - self._hearing.delay_ns if alive else face_ns

    def _face_alive(self, stamp_ns: int) -> bool:
        """Say whether the faces go on at a stamp; they do not where they are of another clock."""
        newest = self._face_stream.newest_ns
        ahead = _nanoseconds(LATE_LIMIT_S)
        return newest is not None and -ahead < stamp_ns - newest < self._timeout_ns()

    @property
    def late_s(self) -> float:
        """How much later than the voice of their stamps faces came that were missed, seconds."""
        return self._late_ns / NANOSECONDS

    def _timeout_ns(self) -> int:
        """Return how far behind the audio the faces may be: more once they have come late."""
        return self._patience_ns() + self._late_ns

    def _patience_ns(self) -> int:
        """Return ``face_timeout_s``, or as long as images that are few take."""
        few_ns = SPARSE_PERIODS * (self._face_stream.period_ns or 0)
        return max(_nanoseconds(self._settings.face_timeout_s), min(few_ns, FEWEST_NS))

    def add_face(self, array: EstimateArray) -> list[EstimateArray]:
        """Take in a face array; return the fused one, or nothing where it is told twice or late.

        Raises:
            FusionError: something in it is not what the message promises; nothing was changed.
        """
        check_faces(array)
        arrival = self._face_stream.arrive(array.stamp_ns)
        if self._told_before(arrival):
            return []
        if arrival is Arrival.JUMPED_BACK:
            self._hearing.clear()
            self._forget_subjects()
        if self._alone_ns is not None and array.stamp_ns < self._alone_ns:
            late = self._alone_ns - array.stamp_ns
            self._late_ns = max(self._late_ns, min(late, _nanoseconds(LATE_LIMIT_S)))
            self._late_seen_ns = array.stamp_ns
        elif self._late_ns:
            self._forget_lateness(array.stamp_ns)
        return [self._fuse(array, self._hearing.audio_for(array.stamp_ns), array.stamp_ns)]

    def _forget_lateness(self, stamp_ns: int) -> None:
        """Forget that faces came late once they have been on time for long: a stall was all."""
        behind_ns = (self._hearing.newest_ns or stamp_ns) - stamp_ns
        if behind_ns > self._patience_ns():
            self._late_seen_ns = stamp_ns
        elif stamp_ns - self._late_seen_ns > _nanoseconds(LATE_MEMORY_S):
            self._late_ns = 0

    def add_envelope(self, features: AudioFeatures) -> None:
        """Take in the envelope of a window of sound.

        Raises:
            FusionError: it is not what the message promises; nothing was changed.
        """
        check_envelope(features)
        self._hearing.add_envelope(features)

    def add_audio(self, array: EstimateArray) -> list[EstimateArray]:
        """Take in an audio array; return a fused array when there are no faces to go with it.

        Raises:
            FusionError: something in it is not what the message promises; nothing was changed.
        """
        check_array(array)
        arrival = self._hearing.add_audio(array)
        if self._told_before(arrival):
            return []
        if arrival is Arrival.JUMPED_BACK:
            face = self._face_stream.newest_ns
            if face is None or face - array.stamp_ns > _nanoseconds(self._settings.forget_s):
                self._face_stream.clear()
                self._forget_subjects()
        self.unused_s = 0.0
        if self._face_alive(array.stamp_ns):
            behind_ns = (self._face_stream.newest_ns or 0) - array.stamp_ns
            if behind_ns > self._hearing.timeout_ns:
                self.unused_s = behind_ns / NANOSECONDS
            return []
        self._alone_ns = array.stamp_ns
        return [self._fuse(None, array, array.stamp_ns)]

    def _told_before(self, arrival: Arrival) -> bool:
        self.late += arrival is Arrival.LATE
        return arrival in (Arrival.REPEATED, Arrival.LATE)

    def _fuse(
        self, face: EstimateArray | None, audio: EstimateArray | None, stamp_ns: int
    ) -> EstimateArray:
        parameters = self._parameters(face, audio)
        speech = float(audio.speech_probability) if audio is not None else 0.0
        faces = face.estimates if face is not None else ()
        seen = [VisibleFace(item.subject_id, float(item.speaking), item.roi) for item in faces]
        if face is not None:  # the voice may be of another clock, far ahead of the faces
            self._subjects.forget_old(stamp_ns)
        for envelope in self._hearing.take_envelopes(stamp_ns):
            self._attributor.hear(envelope)
        attribution = self._attributor.update(seen if face is not None else None, speech, stamp_ns)
        voice = self._voice(audio, stamp_ns, parameters)
        estimates = [
            self._subjects.face(item, voice, attribution, speech, stamp_ns, parameters)
            for item in faces
        ]
        owner = attribution.bound
        if voice is not None and owner not in {item.subject_id for item in faces}:
            name = owner if owner is not None else AUDIO_SUBJECT
            estimates.append(self._subjects.voice(name, voice, speech, stamp_ns, parameters))
        used = Modality.NONE
        for estimate in estimates:
            for item in estimate.evidence:
                used |= item.modality
        source = face if face is not None else audio
        return EstimateArray(
            stamp_ns=stamp_ns,
            frame_id=source.frame_id if source is not None else '',
            modalities=used,
            models=(face.models if face is not None else ())
            + (audio.models if audio is not None else ()),
            window_ns=audio.window_ns if audio is not None else 0,
            image_width=face.image_width if face is not None else 0,
            image_height=face.image_height if face is not None else 0,
            estimates=tuple(estimates),
            speech_probability=speech,
        )

    def _parameters(
        self, face: EstimateArray | None, audio: EstimateArray | None
    ) -> FusionParameters:
        parameters, note = self._table.find(
            face.models if face is not None else (), audio.models if audio is not None else ()
        )
        if face is not None and audio is not None:
            self.note = note
        return parameters

    def _voice(
        self, audio: EstimateArray | None, stamp_ns: int, parameters: FusionParameters
    ) -> Statement | None:
        if audio is None or not audio.estimates:
            return None
        age_s = (stamp_ns - audio.stamp_ns) / NANOSECONDS
        factor = decay(age_s, self._settings.audio_half_life_s)
        said = state(audio.estimates[0], audio.stamp_ns, factor)
        return calibrated(said, parameters.audio_temperature, np.zeros(COUNT))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS)
