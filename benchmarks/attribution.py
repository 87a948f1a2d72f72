"""Whose voice is it? Clips side by side with one of the two sound tracks, and still faces.

    python -m benchmarks.attribution --data ../shared/data --cache build/attribution

Every single-face clip goes through the face and the audio pipeline once (the results are kept in
the cache); scenes are then put together from the results, and the engine says who is heard:

* ``still``: the speaker beside a photo that a hand-held camera sees;
* ``talker``: the speaker beside the face of another clip that talks without being heard;
* ``off-screen``: a photo alone while a clip's sound is heard;
* ``alone``: the speaker alone;
* ``dubbed``: a clip's face alone while the sound of another clip is heard.

Each is measured with the sound's envelope and, as ``no envelope``, without. Counted are the frames
of speech, without the first second after each onset: bound right, bound wrong, left open.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations, product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.footage import Cache, Footage
from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.feature_record import AudioFeatures
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.estimates import Estimate, EstimateArray, Modality
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
PHOTO_RATE, PHOTO_S = 25.0, 20.0
SCENES = ('still', 'talker', 'off-screen', 'alone', 'dubbed')


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
    faces, sounds, features = [], [], []
    for item in VideoFileSource(path):
        stamp_ns = round(item.stamp_s * SECOND)
        if isinstance(item, AudioBlock):
            samples = (item.samples / 32768.0).astype(np.float32)
            audio.push(AudioChunk(stamp_ns, samples, item.rate))
            while (window := audio.pop()) is not None:
                result, described = audio.classify(window)
                sounds.append(result)
                features.append(described)
            continue
        image = item.image_bgr
        scale = min(1.0, HEIGHT / image.shape[0])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        faces.append(face.process(np.asarray(small, np.uint8), stamp_ns))
    return Footage(path.stem, tuple(faces), tuple(sounds), tuple(features))


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


def owners(
    faces: Sequence[EstimateArray],
    heard: Footage,
    *,
    envelope: bool = True,
    settings: FusionSettings | None = None,
) -> Iterator[tuple[int, str]]:
    """Yield stamp and subject of the voice for each frame of speech, a second after its onset."""
    settings = settings or FusionSettings()
    sequencer = Sequencer(FusionEngine(settings, ParameterTable.read()), 0.0)
    late = SECOND // 12
    events: list[tuple[int, int, EstimateArray | AudioFeatures]] = []
    events += [(array.stamp_ns, 0, array) for array in faces]
    events += [(array.stamp_ns + late, 1, array) for array in heard.audio]
    events += [(item.stamp_ns + late, 2, item) for item in heard.features if envelope]
    onset: int | None = None
    for when, _, item in sorted(events, key=lambda event: event[:2]):
        for fused in _pushed(sequencer, item, when / SECOND):
            if fused.speech_probability < SPEECH or not fused.image_width:
                onset = None if fused.speech_probability < SPEECH else onset
                continue
            onset = fused.stamp_ns if onset is None else onset
            if (fused.stamp_ns - onset) / SECOND >= ONSET_S:
                yield fused.stamp_ns, _owner(fused)


def attribute(
    faces: Sequence[EstimateArray],
    heard: Footage,
    speaker: str | None,
    *,
    envelope: bool = True,
) -> Counter[str]:
    """Return how many frames of speech were bound right, wrong, or left open."""
    counts: Counter[str] = Counter()
    for _, owner in owners(faces, heard, envelope=envelope):
        if owner == AUDIO_SUBJECT:
            counts['open' if speaker else 'right'] += 1
        else:
            counts['right' if owner == speaker else 'wrong'] += 1
    return counts


def _pushed(
    sequencer: Sequencer, item: EstimateArray | AudioFeatures, now_s: float
) -> list[EstimateArray]:
    if isinstance(item, AudioFeatures):
        return sequencer.push_envelope(item, now_s)
    push = sequencer.push_face if item.modalities & Modality.FACE else sequencer.push_audio
    return push(item, now_s)


def _owner(fused: EstimateArray) -> str:
    for item in fused.estimates:
        if any(part.modality is Modality.AUDIO for part in item.evidence):
            return item.subject_id
    return AUDIO_SUBJECT


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
    """Return the footage of the clips and of the photos, from the cache where it is there.

    Raises:
        SystemExit: there are no clips.
    """
    # Several people, and cuts, in that of Hamilton: who talks is not known.
    films = [path for path in sorted((data / 'clips').glob('*.mp4')) if 'hamilton' not in path.name]
    if not films:
        raise SystemExit(f'{data}/clips holds no .mp4 of one face: --data is the shared data')
    stored = Cache(cache, detector)
    clips, photos = [], []
    for path in films:
        clips.append(stored.kept(path, partial(watch, path, detector)))
        print(path.stem, len(clips[-1].faces), file=sys.stderr, flush=True)
    for seed, path in enumerate(sorted((data / 'photos').glob('*.jpg'))[:6]):
        make = partial(hold_still, path, detector, PHOTO_S, seed)
        photos.append(stored.kept(path, make, seconds=PHOTO_S, seed=seed))
    return clips, [photo for photo in photos if main_face(photo)]


def cues(footage: Footage) -> NDArray[np.float64]:
    """Return P(talking) of the main face over time."""
    return np.array([item.speaking for item in main_face(footage).values()])


def scenes(
    clips: Sequence[Footage], photos: Sequence[Footage]
) -> Iterator[tuple[str, Footage, list[EstimateArray], str | None]]:
    """Yield kind, footage that is heard, face arrays, and who of them speaks."""
    for clip, photo in product(clips, photos):
        yield 'still', clip, list(scene([('speaker', clip), ('other', photo)], clip)), 'speaker'
        yield 'off-screen', clip, list(scene([('other', photo)], clip)), None
    for clip, other in permutations(clips, 2):
        yield 'talker', clip, list(scene([('speaker', clip), ('other', other)], clip)), 'speaker'
        yield 'dubbed', clip, list(scene([('other', other)], clip)), None
    for clip in clips:
        yield 'alone', clip, list(scene([('speaker', clip)], clip)), 'speaker'


def main() -> int:
    """Print a line a kind of scene, and for two talking faces a line a speaker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--cache', type=Path, required=True)
    parser.add_argument('--detector', default='haar')
    arguments = parser.parse_args()
    clips, photos = gather(arguments.data, arguments.cache, arguments.detector)
    for footage in [*clips, *photos]:
        levels = np.percentile(cues(footage), [5, 25, 50, 75, 95]).round(2).tolist()
        speech = [round(array.speech_probability, 2) for array in footage.audio]
        print(footage.name, 'P(talking) 5/25/50/75/95 %', levels, 'speech', speech)
    totals: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    speakers: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, heard, faces, speaker in scenes(clips, photos):
        for envelope in (True, False):
            counts = attribute(faces, heard, speaker, envelope=envelope)
            totals[kind, envelope] += counts
            if kind == 'talker' and envelope:
                speakers[heard.name] += counts
    for kind, envelope in product(SCENES, (True, False)):
        name = kind if envelope else f'{kind}, no envelope'
        print(name, json.dumps(shares(totals[kind, envelope])))
    for name, counts in speakers.items():
        print('talker', name, json.dumps(shares(counts)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
