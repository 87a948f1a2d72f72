"""Is P(talking) of face/motion.py right? Talking clips against photos that only move.

    python -m benchmarks.mouth_motion --data ../shared/data

Talking: the seconds of the single-face clips in which the sound is loud, as they are, at 10 Hz and
200 pixels high. Not talking: photos before a moving, noisy camera, with blinks, with heads that
turn (a cylinder's), small, at 10 Hz. Each is seen by haar or by YuNet, in turn. Prints mean
P(talking) and the share above 0.5 of each, then the logistic weights fitted to all and, fitted
without each source in turn, accuracy and AUC on it.
Listeners in conversation are not among the data: what they do with their mouths is not measured.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from mer_ros.face import motion
from mer_ros.face.alignment import crop
from mer_ros.face.detection import Detector
from mer_ros.face.haar import HaarDetector
from mer_ros.face.tracking import Tracker
from mer_ros.face.yunet import YuNetDetector

Image = NDArray[np.uint8]
Frames = Iterator[tuple[float, Image]]
_PHOTO_S = 6.0
_SETTLED_S = 1.0
_CLIP_S = 8.0


@dataclass(frozen=True)
class Setting:
    """How a photo is shown: frames a second, noise, radians of turning, panning, size."""

    rate: float = 25.0
    noise: float = 3.0
    turning: float = 0.0
    panning: float = 1.0
    scale: float = 1.0


SETTINGS = {
    'panned': Setting(),
    'noisy': Setting(noise=8.0),
    'turned': Setting(turning=0.3, panning=0.3),
    'slow': Setting(rate=10.0, turning=0.15),
    'small': Setting(noise=5.0, turning=0.15, scale=0.4),
}


def clip_frames(path: Path, rate: float, height: int) -> Frames:
    """Give a clip's frames at most at a rate, at most that high."""
    last = -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time > _CLIP_S:
                return
            if frame.time - last < 1 / rate - 0.005:
                continue
            last = frame.time
            image = frame.to_ndarray(format='bgr24')
            scale = min(1.0, height / image.shape[0])
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            yield frame.time, np.asarray(small, np.uint8)


def loudness(path: Path) -> NDArray[np.float64]:
    """Return the RMS of a clip's sound over 0.2 s, 100 a second."""
    resampler = av.AudioResampler('flt', 'mono', 16000)
    with av.open(str(path)) as container:
        blocks = [
            out.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for out in resampler.resample(frame)
        ]
    power = np.convolve(np.square(np.concatenate(blocks)), np.full(3200, 1 / 3200), 'same')
    return np.asarray(np.sqrt(power)[::160], np.float64)


def photo_frames(photo: Image, box: NDArray[np.float32], eyes: NDArray[np.float32],
                 setting: Setting, seed: int) -> Frames:  # fmt: skip
    """Give a photo as a hand-held camera would see it: 640x480, panned, blinking, turning."""
    rng = np.random.default_rng(seed)
    phase, speed = rng.uniform(0, 2 * np.pi, 9), rng.uniform(0.1, 0.8, 9)
    high, wide = photo.shape[:2]
    size = min(480 / high, 640 / wide) * rng.uniform(0.6, 1.0) * setting.scale
    for index in range(round(_PHOTO_S * setting.rate)):
        t = index / setting.rate
        wave = np.sin(2 * np.pi * speed * t + phase)
        shown = blink(photo, box, eyes) if t % 2.7 < 0.15 else photo
        if setting.turning:
            shown = turn(shown, box, setting.turning * wave[0], 0.6 * setting.turning * wave[1])
        zoom = size * (1 + 0.12 * setting.panning * wave[2])
        place = cv2.getRotationMatrix2D((wide / 2, high / 2), 8 * setting.panning * wave[3], zoom)
        place[:, 2] += [320 - wide / 2, 240 - high / 2]
        place[:, 2] += setting.panning * wave[4:6] * [45, 30]
        image = cv2.warpAffine(shown, place, (640, 480), borderMode=cv2.BORDER_REPLICATE)
        noisy = image * (1 + 0.05 * wave[6]) + rng.normal(0, setting.noise, image.shape)
        packed = cv2.imencode('.jpg', np.clip(noisy, 0, 255).astype(np.uint8))[1]
        yield t, np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def blink(photo: Image, box: NDArray[np.float32], eyes: NDArray[np.float32]) -> Image:
    """Return the photo with lids over the eyes."""
    closed = photo.copy()
    radius = 0.13 * float(box[2])
    for x, y in eyes.astype(int):
        lid = photo[max(0, int(y - 1.3 * radius)), x]
        cv2.ellipse(closed, (x, y), (int(radius), int(0.6 * radius)), 0, 0, 360,
                    tuple(int(v) for v in lid), -1)  # fmt: skip
    return closed


def turn(photo: Image, box: NDArray[np.float32], yaw: float, pitch: float) -> Image:
    """Return the photo with its face turned as the surface of a cylinder is, in radians."""
    rows, columns = np.mgrid[0 : photo.shape[0], 0 : photo.shape[1]].astype(np.float32)
    x, y, wide, high = (float(value) for value in box)

    def source(at: NDArray[np.float32], centre: float, radius: float, angle: float
               ) -> NDArray[np.float32]:  # fmt: skip
        place = (at - centre) / radius
        rotated = radius * np.sin(np.arcsin(np.clip(place, -1, 1)) - angle)
        fade = np.clip((1 - np.abs(place)) / 0.4, 0, 1)
        return np.asarray(at + fade * (centre + rotated - at), np.float32)

    across = source(columns, x + wide / 2, 0.75 * wide, yaw)
    along = source(rows, y + high / 2, 0.85 * high, pitch)
    turned = cv2.remap(photo, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def levels(frames: Frames, detector: Detector) -> NDArray[np.float64]:
    """Return (time, mouth, face, turning) of the first face, smoothed, once settled."""
    tracker, rows = Tracker(), []
    mouth = motion.MouthMotion()
    for time, image in frames:
        stamp = round(time * 1e9)
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        for track in tracker.update(detector.detect(image), stamp):
            if track.track_id == 'face_1':
                mouth.update(crop(gray, track.detection, motion.MOTION_SIZE), stamp)
                if mouth.levels is not None and time > _SETTLED_S:
                    rows.append((time, *mouth.levels))
    return np.array(rows).reshape(-1, 4)


def fitted(logs: NDArray[np.float64], truth: NDArray[np.bool_], weight: NDArray[np.float64]
           ) -> NDArray[np.float64]:  # fmt: skip
    """Return the weights (mouth, face, turning, bias) of a logistic regression."""
    design, sign = np.column_stack([logs, np.ones(len(logs))]), np.where(truth, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> float:
        misses = np.logaddexp(0, -sign * (design @ weights))
        return float((weight * misses).sum() + 1e-3 * np.square(weights[:3]).sum())

    return np.asarray(minimize(loss, [4.0, -2.0, -2.0, 2.0]).x, np.float64)


def balance(sources: NDArray[np.str_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return weights by which each source of a class, and each class, counts alike."""
    weight = np.zeros(len(truth))
    for kind in (False, True):
        names = set(sources[truth == kind])
        for name in names:
            here = (sources == name) & (truth == kind)
            weight[here] = 0.5 / here.sum() / len(names)
    return weight


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='folder of the shared data; YuNet is needed in its weights/',
    )
    options = parser.parse_args()
    os.environ['MER_MODEL_DIR'] = str(options.data / 'weights')
    detectors: list[Detector] = [HaarDetector(), YuNetDetector()]
    for detector in detectors:
        detector.load()
    runs: dict[tuple[str, bool], list[NDArray[np.float64]]] = defaultdict(list)
    turns = cycle(detectors)
    for path in sorted((options.data / 'clips').glob('*.mp4')):
        if 'hamilton' in path.name:  # several people, and cuts: who talks is not known
            continue
        loud = loudness(path)
        loud = loud > 0.1 * np.percentile(loud, 95)
        for rate, height in ((100, 480), (10, 480), (100, 200)):
            detector = next(turns)
            rows = levels(clip_frames(path, rate, height), detector)
            talks = [loud[max(0, int(100 * t) - 100) : int(100 * t)].mean() > 0.8
                     for t in rows[:, 0]]  # fmt: skip
            show(f'{path.stem} {rate} Hz {height} px {detector.name}', rows[talks])
            runs[path.stem, True].append(rows[talks])
    for seed, path in enumerate(sorted((options.data / 'photos').glob('*.jpg'))):
        photo = np.asarray(cv2.imread(str(path)), np.uint8)
        found = detectors[1].detect(photo)[0]
        assert found.landmarks is not None
        for name, setting in SETTINGS.items():
            detector = next(turns)
            rows = levels(
                photo_frames(photo, found.box, found.landmarks[:2], setting, seed), detector
            )
            show(f'{path.stem} {name} {detector.name}', rows)
            runs[path.stem, False].append(rows)
    summarise(runs)
    return 0


def show(name: str, rows: NDArray[np.float64]) -> None:
    """Print what the shipped weights say of one run."""
    says = [motion.talking(*row[1:]) for row in rows]
    if says:
        print(json.dumps({'run': name, 'n': len(says), 'mean': round(float(np.mean(says)), 3),
                          'above_half': round(float(np.mean(np.array(says) > 0.5)), 3)}),
              flush=True)  # fmt: skip


def summarise(runs: dict[tuple[str, bool], list[NDArray[np.float64]]]) -> None:
    """Print the fit to everything and the scores of the fits without each source."""
    tables = {key: np.concatenate(rows)[::3] for key, rows in runs.items()}
    logs = np.log(np.concatenate([rows[:, 1:] for rows in tables.values()]) + motion.FLOOR)
    sources = np.repeat([key[0] for key in tables], [len(rows) for rows in tables.values()])
    truth = np.repeat([key[1] for key in tables], [len(rows) for rows in tables.values()])
    score = np.zeros(len(truth))
    for name in set(sources):
        rest = sources != name
        weights = fitted(logs[rest], truth[rest], balance(sources[rest], truth[rest]))
        score[~rest] = np.column_stack([logs[~rest], np.ones((~rest).sum())]) @ weights
    weight = balance(sources, truth)
    below = [float((weight * ~truth * (score < value)).sum()) for value in score[truth]]
    print(json.dumps({
        'left_out_accuracy': round(float((weight * ((score > 0) == truth)).sum()), 4),
        'left_out_auc': round(float(np.array(below) @ weight[truth] * 4), 4),
        'weights': fitted(logs, truth, weight).round(2).tolist(),
    }))  # fmt: skip


if __name__ == '__main__':
    raise SystemExit(main())
