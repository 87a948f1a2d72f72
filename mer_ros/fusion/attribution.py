"""Whose voice is it: P(each visible face is the one heard), causally, by its mouth.

Each face keeps a score, the log odds of "this one is heard" against "somebody out of sight is".
While there is speech, a mouth that talks raises it and a still one lowers it, by an amount per
second (successive frames are not independent, so it is time that counts and not frames). In
silence a moving mouth lowers it a little: that mouth moves without being heard. Scores fade
towards 0 as the conversation goes on. Where the sound's envelope is known, how well the mouth
follows it is added to the score (:mod:`~mer_ros.fusion.envelope`): that tells two faces apart that
both talk.

The voice is bound to a face when its posterior is clear, and stays bound until it is no longer
likely (two thresholds). A face that comes up where the bound one was just lost takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mer_ros.fusion.decision import NANOSECONDS
from mer_ros.fusion.envelope import MouthTrace, SoundTrack, belongs
from mer_ros.fusion.settings import FusionSettings

if TYPE_CHECKING:
    from mer_ros.audio.feature_record import AudioFeatures

GAIN_PER_S = 4.0
"""Log odds gained per second of speech at one unit of the mouth's own log odds."""

SILENT_GAIN_PER_S = 0.5
"""The same for a mouth that moves in silence."""

CUE_LIMIT = 2.5
"""The mouth's log odds are cut off here: no single cue is believed further."""

TRACE_LIMIT = 9.0
"""The same for the course of the mouth, of which only the ups and downs count."""

SCORE_LIMIT = 5.0
"""Scores are cut off here, so that another speaker can take over within about a second."""

FADE_S = 20.0
"""Time constant of forgetting."""

LONGEST_STEP_S = 0.25
"""A frame counts for at most so much time, whatever the gap before it."""

SAME_PLACE = 0.3
"""Overlap (IoU) from which a new face stands where a lost one was."""

CUELESS_S = 1.0
"""A face that has been in view for this long without a cue of its mouth gives none (any more)."""

LIKELY_SPEECH = 0.5
"""Speech probability from which there is a voice to bind."""

ENVELOPE_TIMEOUT_S = 2.0
"""What the envelope told is forgotten when no more of it has come for this long."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class VisibleFace:
    """What attribution needs of a face: its id, P(talking) by vision alone, and its place."""

    subject_id: str
    speaking: float
    roi: Box


@dataclass(frozen=True)
class Attribution:
    """The answer for one time.

    Attributes:
        heard: P(this face is the one heard) by subject id; what is missing to 1 is out of sight.
        bound: the face the voice is bound to, or None; it may be out of view for a moment.
    """

    heard: dict[str, float] = field(default_factory=dict)
    bound: str | None = None


@dataclass(frozen=True)
class _Track:
    score: float
    has_cue: bool
    roi: Box
    first_ns: int
    seen_ns: int
    mouth: MouthTrace
    envelope: float = 0.0
    cueless_s: float = 0.0


class Attributor:
    """Follows the scores of the visible faces.

    Attributes:
        settings: may be replaced at any time.
    """

    def __init__(self, settings: FusionSettings) -> None:
        """Start with nobody in view."""
        self.settings = settings
        self._tracks: dict[str, _Track] = {}
        self._bound: str | None = None
        self._stamp_ns: int | None = None
        self._sound = SoundTrack()

    def hear(self, features: AudioFeatures) -> None:
        """Take in the envelope of the sound before the next faces."""
        self._sound.add(features)
        self._tracks = {
            name: replace(track, envelope=belongs(track.mouth, self._sound))
            for name, track in self._tracks.items()
        }

    def update(
        self, faces: Sequence[VisibleFace] | None, speech_probability: float, stamp_ns: int
    ) -> Attribution:
        """Take in the faces of one image and what is known of the sound by then.

        Args:
            faces: in view; None when there is no image, but only a voice of this stamp.
            speech_probability: 0..1.
            stamp_ns: of the image, or of the voice.
        """
        step = 0.0
        if faces:
            # Late faces may be older than a voice without faces before them: only faces step on.
            if self._stamp_ns is not None:
                passed = (stamp_ns - self._stamp_ns) / NANOSECONDS
                step = min(max(passed, 0.0), LONGEST_STEP_S)
            self._stamp_ns = stamp_ns
        if faces is not None:  # the voice may be of another clock, far ahead of the faces
            self._forget(stamp_ns)
        visible = {face.subject_id for face in faces or ()}
        for face in sorted(faces or (), key=lambda face: face.subject_id):
            track = self._tracks.get(face.subject_id) or self._inherit(face, visible, stamp_ns)
            self._tracks[face.subject_id] = _advance(
                track, face, speech_probability, step, stamp_ns
            )
        heard = self._posterior(sorted(visible), stamp_ns)
        self._bind(heard, speech_probability, visible, stamp_ns)
        return Attribution(heard, self._bound)

    def _inherit(self, face: VisibleFace, visible: set[str], stamp_ns: int) -> _Track:
        limit = self.settings.follow_s * NANOSECONDS
        for name in sorted(self._tracks):
            lost = self._tracks[name]
            if (
                name not in visible
                and stamp_ns - lost.seen_ns <= limit
                and _overlap(lost.roi, face.roi) >= SAME_PLACE
            ):
                del self._tracks[name]
                if self._bound == name:
                    self._bound = face.subject_id
                return lost
        return _Track(0.0, False, face.roi, stamp_ns, stamp_ns, MouthTrace())

    def _forget(self, stamp_ns: int) -> None:
        limit = self.settings.forget_s * NANOSECONDS
        self._tracks = {
            name: track for name, track in self._tracks.items() if stamp_ns - track.seen_ns <= limit
        }

    def _posterior(self, visible: list[str], stamp_ns: int) -> dict[str, float]:
        prior = self.settings.lone_face_prior
        if len(visible) == 1 and not self._tracks[visible[0]].has_cue:
            track = self._tracks[visible[0]]
            cueless = track.seen_ns - track.first_ns >= CUELESS_S * NANOSECONDS
            return {visible[0]: prior if cueless else 0.0}
        end_ns = self._sound.end_ns
        known = end_ns is not None and stamp_ns - end_ns < ENVELOPE_TIMEOUT_S * NANOSECONDS
        tracks = {name: self._tracks[name] for name in visible}
        odds = {
            name: math.exp(track.score + known * track.envelope) if track.has_cue else 0.0
            for name, track in tracks.items()
        }
        total = 1.0 + sum(odds.values())
        return {name: value / total for name, value in odds.items()}

    def _bind(
        self, heard: dict[str, float], speech: float, visible: set[str], stamp_ns: int
    ) -> None:
        settings = self.settings
        if self._bound is not None:
            if self._bound in visible:
                if heard[self._bound] < settings.release_threshold:
                    self._bound = None
            else:
                track = self._tracks.get(self._bound)
                limit = settings.follow_s * NANOSECONDS
                if track is None or stamp_ns - track.seen_ns > limit:
                    self._bound = None
        best = max(sorted(heard), key=lambda name: heard[name], default=None)
        if (
            best is not None
            and heard[best] > 0.0
            and heard[best] >= settings.bind_threshold
            and speech >= LIKELY_SPEECH
        ):
            self._bound = best


def _advance(track: _Track, face: VisibleFace, speech: float, step: float, stamp_ns: int) -> _Track:
    # In steps, as the score: after a pause of the images the first has no cue yet.
    cueless_s = 0.0 if face.speaking > 0.0 else track.cueless_s + step
    if track.has_cue and cueless_s >= CUELESS_S:
        # It has stopped to tell anything: what it told no longer holds.
        return _Track(0.0, False, face.roi, track.first_ns, stamp_ns, MouthTrace())
    score = track.score * math.exp(-step / FADE_S)
    if face.speaking > 0.0:
        cue = _logit(face.speaking, CUE_LIMIT)
        track.mouth.add(stamp_ns, _logit(face.speaking, TRACE_LIMIT))
        score += speech * GAIN_PER_S * cue * step
        score -= (1.0 - speech) * SILENT_GAIN_PER_S * max(cue, 0.0) * step
    score = min(max(score, -SCORE_LIMIT), SCORE_LIMIT)
    return replace(
        track,
        score=score,
        has_cue=track.has_cue or face.speaking > 0.0,
        cueless_s=cueless_s,
        roi=face.roi,
        seen_ns=stamp_ns,
    )


def _logit(probability: float, limit: float) -> float:
    bounded = min(max(probability, 1e-6), 1.0 - 1e-6)
    return min(max(math.log(bounded / (1.0 - bounded)), -limit), limit)


def _overlap(first: Box, second: Box) -> float:
    left, top = max(first[0], second[0]), max(first[1], second[1])
    right = min(first[0] + first[2], second[0] + second[2])
    bottom = min(first[1] + first[3], second[1] + second[3])
    shared = max(right - left, 0) * max(bottom - top, 0)
    union = first[2] * first[3] + second[2] * second[3] - shared
    return shared / union if union > 0 else 0.0
