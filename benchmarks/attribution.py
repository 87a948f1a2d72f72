"""Whose voice is it? Clips side by side with one of the two sound tracks, and still faces.

    PYTHONPATH=. python3 benchmarks/attribution.py --data ../shared/data --cache /tmp/attribution

Every single-face clip goes through the face and the audio pipeline once (the results are kept in
the cache); scenes are then put together from the results, and the engine says who is heard:

* ``still``: the speaker beside a photo that a hand-held camera sees;
* ``talker``: the speaker beside the face of another clip that talks without being heard;
* ``off-screen``: a photo alone while a clip's sound is heard;
* ``alone``: the speaker alone.

Counted are the frames of speech, without the first second after each onset: bound right, bound
wrong, left open. Last, what the sound's envelope would tell of two talking faces: how often the
speaker's P(talking) follows it better over some seconds than the other's, abstaining never.
"""

from __future__ import annotations

import argparse
import json
import math
import pickle
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.estimates import Estimate, EstimateArray
from mer_ros.face.pipeline import FacePipeline
from mer_ros.fusion.engine import AUDIO_SUBJECT, FusionEngine
from mer_ros.fusion.parameters import ParameterTable
from mer_ros.fusion.sequencing import Sequencer
from mer_ros.fusion.settings import FusionSettings
from mer_ros.media.sources import AudioBlock
from mer_ros.media.video_file import VideoFileSource
from mer_ros.models import registry

SECOND = 1_000_000_000
HEIGHT = 480
ONSET_S = 1.0
SPEECH = 0.5
PHOTO_RATE = 25.0
SMOOTH_S = 0.6
"""As face/motion.py smooths."""
MOUTH_LAG_S = 0.1
"""A mouth's motion is told this much late."""


@dataclass(frozen=True)
class Footage:
    """What the pipelines said of one clip or photo."""

    name: str
    faces: tuple[EstimateArray, ...]
    audio: tuple[EstimateArray, ...]


def watch(path: Path, detector: str) -> Footage:
    """Run a clip through both pipelines."""
    face = FacePipeline(
        registry.create('face_detector', detector), registry.create('face_classifier', 'lite')
    )
    classifier = registry.create('audio_classifier', 'lite')
    activity = registry.create('speech_activity', 'silero')
    for each in (face, classifier, activity):
        each.load()
    audio = AudioPipeline(classifier, activity)
    faces, sounds = [], []
    for item in VideoFileSource(path):
        stamp_ns = round(item.stamp_s * SECOND)
        if isinstance(item, AudioBlock):
            samples = (item.samples / 32768.0).astype(np.float32)
            audio.push(AudioChunk(stamp_ns, samples, item.rate))
            while (window := audio.pop()) is not None:
                sounds.append(audio.classify(window)[0])
            continue
        image = item.image_bgr
        scale = min(1.0, HEIGHT / image.shape[0])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        faces.append(face.process(np.asarray(small, np.uint8), stamp_ns))
    return Footage(path.stem, tuple(faces), tuple(sounds))


def hold_still(path: Path, detector: str, seconds: float, seed: int) -> Footage:
    """Run a photo through the face pipeline as a hand-held camera sees it."""
    face = FacePipeline(
        registry.create('face_detector', detector), registry.create('face_classifier', 'lite')
    )
    face.load()
    photo = cv2.imread(str(path))
    rng = np.random.default_rng(seed)
    phase, speed = rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.1, 0.8, 4)
    high, wide = photo.shape[:2]
    size = min(480 / high, 640 / wide)
    found = []
    for frame in range(round(seconds * PHOTO_RATE)):
        wave = np.sin(2 * np.pi * speed * frame / PHOTO_RATE + phase)
        zoom = size * (1 + 0.05 * wave[0])
        place = cv2.getRotationMatrix2D((wide / 2, high / 2), 4 * wave[1], zoom)
        place[:, 2] += [320 - wide / 2 + 20 * wave[2], 240 - high / 2 + 12 * wave[3]]
        image = cv2.warpAffine(photo, place, (640, 480), borderMode=cv2.BORDER_REPLICATE)
        noisy = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        found.append(face.process(noisy, round(frame / PHOTO_RATE * SECOND)))
    return Footage(path.stem, tuple(found), ())


def main_face(footage: Footage) -> dict[int, Estimate]:
    """Return the face that is seen most, by stamp."""
    names = Counter(item.subject_id for array in footage.faces for item in array.estimates)
    if not names:
        return {}
    name = names.most_common(1)[0][0]
    return {
        array.stamp_ns: item
        for array in footage.faces
        for item in array.estimates
        if item.subject_id == name
    }


def scene(people: Sequence[tuple[str, Footage]], heard: Footage) -> Iterator[EstimateArray]:
    """Yield the face arrays of people side by side, at the first one's stamps."""
    tracks = [(name, main_face(footage)) for name, footage in people]
    stamps = [array.stamp_ns for array in people[0][1].faces]
    end = heard.audio[-1].stamp_ns if heard.audio else 0
    for stamp in stamps:
        if stamp > end:
            return
        found = []
        for index, (name, track) in enumerate(tracks):
            near = min(track, key=lambda other: abs(other - stamp), default=None)
            if near is None or abs(near - stamp) > SECOND // 10:
                continue
            item = track[near]
            x, y, w, h = item.roi
            found.append(replace(item, subject_id=name, roi=(x + 700 * index, y, w, h)))
        yield EstimateArray(
            stamp, 'camera', people[0][1].faces[0].modalities, ('face:haar+lite@1.0',),
            estimates=tuple(found), image_width=1400, image_height=480,
        )  # fmt: skip


def attribute(
    faces: Sequence[EstimateArray], heard: Footage, settings: FusionSettings, speaker: str | None
) -> Counter[str]:
    """Return how many frames of speech were bound right, wrong, or left open."""
    engine = FusionEngine(settings, ParameterTable.read())
    sequencer = Sequencer(engine, settings, 0.0)
    events = [(array.stamp_ns, 0, array) for array in faces]
    events += [(array.stamp_ns + SECOND // 12, 1, array) for array in heard.audio]
    counts: Counter[str] = Counter()
    onset: int | None = None
    for when, kind, array in sorted(events, key=lambda event: event[:2]):
        push = sequencer.push_audio if kind else sequencer.push_face
        for fused in push(array, when / SECOND):
            if fused.speech_probability < SPEECH or not fused.image_width:
                onset = None if fused.speech_probability < SPEECH else onset
                continue
            onset = fused.stamp_ns if onset is None else onset
            if (fused.stamp_ns - onset) / SECOND < ONSET_S:
                continue
            owners = [
                item.subject_id
                for item in fused.estimates
                if any(part.modality == 2 for part in item.evidence)
            ]
            owner = owners[0] if owners else AUDIO_SUBJECT
            if owner == AUDIO_SUBJECT:
                counts['open' if speaker else 'right'] += 1
            else:
                counts['right' if owner == speaker else 'wrong'] += 1
    return counts


def shares(counts: Counter[str]) -> dict[str, float]:
    """Return shares of the frames, and of the bound ones that are right."""
    total = max(sum(counts.values()), 1)
    bound = max(counts['right'] + counts['wrong'], 1)
    return {
        'frames': sum(counts.values()),
        **{name: round(counts[name] / total, 3) for name in ('right', 'wrong', 'open')},
        'right_of_bound': round(counts['right'] / bound, 3),
    }


def gather(data: Path, cache: Path, detector: str) -> tuple[list[Footage], list[Footage]]:
    """Return the footage of the clips and of the photos, from the cache where it is there."""
    cache.mkdir(parents=True, exist_ok=True)
    clips, photos = [], []
    for path in sorted((data / 'clips').glob('*.mp4')):
        if 'hamilton' in path.name:  # several people, and cuts: who talks is not known
            continue
        clips.append(
            _cached(cache / f'{detector}_{path.stem}.pickle', lambda p=path: watch(p, detector))
        )
        print(path.stem, len(clips[-1].faces), file=sys.stderr, flush=True)
    for seed, path in enumerate(sorted((data / 'photos').glob('*.jpg'))[:6]):
        kept = cache / f'{detector}_{path.stem}.pickle'
        photos.append(_cached(kept, lambda p=path, s=seed: hold_still(p, detector, 20.0, s)))
    return clips, [photo for photo in photos if main_face(photo)]


def _cached(path: Path, make):
    if path.exists():
        return pickle.loads(path.read_bytes())
    made = make()
    path.write_bytes(pickle.dumps(made))
    return made


def cues(footage: Footage) -> NDArray[np.float64]:
    """Return P(talking) of the main face over time."""
    return np.array([item.speaking for item in main_face(footage).values()])


def loudness(path: Path) -> NDArray[np.float64]:
    """Return the log RMS of a clip's sound, 100 a second, smoothed as P(talking) is."""
    blocks = [
        item.samples[:, 0]
        for item in VideoFileSource(path, video=False)
        if isinstance(item, AudioBlock)
    ]
    sound = np.concatenate(blocks).astype(np.float64) / 32768.0
    levels = np.sqrt(np.square(sound[: sound.size // 160 * 160]).reshape(-1, 160).mean(axis=1))
    gain = 1.0 - math.exp(-0.01 / SMOOTH_S)
    smooth, value = np.empty_like(levels), float(levels[0])
    for index, level in enumerate(levels):
        value += gain * (level - value)
        smooth[index] = value
    return np.log(smooth + 1e-3)


def follows(footage: Footage, envelope: NDArray[np.float64], end: float, span: float) -> float:
    """Return the correlation of a face's log odds of talking with the sound before."""
    track = {
        stamp: item.speaking for stamp, item in main_face(footage).items() if item.speaking > 0
    }
    values = np.clip(np.array(list(track.values())), 1e-6, 1 - 1e-6)
    times = np.arange(end - span, end, 0.04)
    odds = np.interp(times, np.array(list(track)) / SECOND, np.log(values / (1 - values)))
    rows = np.clip(((times - MOUTH_LAG_S) * 100).astype(int), 0, envelope.size - 1)
    return float(np.corrcoef(odds, envelope[rows])[0, 1])


def by_envelope(data: Path, clips: Sequence[Footage], span: float) -> dict[str, float]:
    """Return how often the speaker follows the sound better than the other talking face."""
    right = total = 0
    for clip in clips:
        envelope = loudness(data / 'clips' / f'{clip.name}.mp4')
        for other in clips:
            last = min(envelope.size / 100, clip.faces[-1].stamp_ns / SECOND,
                       other.faces[-1].stamp_ns / SECOND)  # fmt: skip
            for end in np.arange(span + 0.5, last, 0.5) if other is not clip else ():
                own = follows(clip, envelope, end, span)
                right += own > follows(other, envelope, end, span)
                total += 1
    return {'moments': total, 'right': round(right / max(total, 1), 3)}


def main() -> int:
    """Print a line a kind of scene."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--cache', type=Path, required=True)
    parser.add_argument('--detector', default='haar')
    arguments = parser.parse_args()
    clips, photos = gather(arguments.data, arguments.cache, arguments.detector)
    settings = FusionSettings()
    for footage in [*clips, *photos]:
        levels = np.percentile(cues(footage), [5, 25, 50, 75, 95]).round(2).tolist()
        speech = [round(array.speech_probability, 2) for array in footage.audio]
        print(footage.name, 'P(talking) 5/25/50/75/95 %', levels, 'speech', speech)
    totals: dict[str, Counter[str]] = {
        name: Counter() for name in ('still', 'talker', 'off-screen', 'alone')
    }
    for clip, photo in product(clips, photos):
        faces = list(scene([('speaker', clip), ('other', photo)], clip))
        totals['still'] += attribute(faces, clip, settings, 'speaker')
        totals['off-screen'] += attribute(
            list(scene([('other', photo)], clip)), clip, settings, None
        )
    for clip, other in permutations(clips, 2):
        faces = list(scene([('speaker', clip), ('other', other)], clip))
        totals['talker'] += attribute(faces, clip, settings, 'speaker')
    for clip in clips:
        faces = list(scene([('speaker', clip)], clip))
        totals['alone'] += attribute(faces, clip, settings, 'speaker')
    for name, counts in totals.items():
        print(name, json.dumps(shares(counts)))
    for span in (2.0, 3.0, 4.0):
        print(f'envelope over {span:g} s', json.dumps(by_envelope(arguments.data, clips, span)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
