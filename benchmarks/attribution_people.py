"""Whose voice is it in the clip with several people? Against labels made by hand.

    PYTHONPATH=. python3 benchmarks/attribution_people.py --data ../shared/data --cache build/people

A performer on a stage (far, then close) and cuts to a pianist and to the audience: he is heard all
the time, and nobody else speaks. The labels say in which shots he is seen and where. A voice is
bound right when its face is his (also for a moment after a cut away from him), wrong when it is
somebody else's or no face at all, open when it is bound to none; while he is out of sight, to none
is right.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.attribution import SECOND, owners, shares, watch
from benchmarks.footage import Cache, Footage
from mer_ros.estimates import EstimateArray
from mer_ros.fusion.engine import AUDIO_SUBJECT

CLIP = 'face_recognition_short_hamilton_clip.mp4'


@dataclass(frozen=True)
class Shot:
    """Seconds, and between which shares of the image's width the speaker's head is, if seen."""

    start_s: float
    end_s: float
    left: float = 0.0
    right: float = 0.0


SHOTS = (
    Shot(0.0, 1.5, 0.75, 0.95),
    Shot(1.5, 3.5),
    Shot(3.5, 7.9, 0.15, 0.55),
    Shot(7.9, 60.0),
)


def shot_at(stamp_ns: int) -> Shot:
    """Return the shot of a stamp."""
    return next(shot for shot in SHOTS if shot.start_s <= stamp_ns / SECOND < shot.end_s)


def speakers(faces: tuple[EstimateArray, ...]) -> dict[str, list[tuple[int, bool]]]:
    """Return for each face when it was seen, and whether it was the speaker."""
    seen: dict[str, list[tuple[int, bool]]] = {}
    for array in faces:
        shot = shot_at(array.stamp_ns)
        for item in array.estimates:
            centre = (item.roi[0] + item.roi[2] / 2) / array.image_width
            here = shot.left <= centre <= shot.right
            seen.setdefault(item.subject_id, []).append((array.stamp_ns, here))
    return seen


def score(footage: Footage, envelope: bool) -> Counter[str]:
    """Return how many frames of speech were bound right, wrong, or left open."""
    seen = speakers(footage.faces)
    counts: Counter[str] = Counter()
    for stamp, owner in owners(footage.faces, footage, envelope=envelope):
        shot = shot_at(stamp)
        if owner == AUDIO_SUBJECT:
            counts['open' if shot.right > 0.0 else 'right'] += 1
            continue
        last = [speaks for when, speaks in seen[owner] if when <= stamp][-1]
        counts['right' if last else 'wrong'] += 1
    return counts


def main() -> int:
    """Print a line with the envelope and one without."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--cache', type=Path, required=True)
    parser.add_argument('--detector', default='haar')
    options = parser.parse_args()
    path = options.data / 'clips' / CLIP
    footage = Cache(options.cache, options.detector).kept(
        path, lambda: watch(path, options.detector)
    )
    in_view = [a for a in footage.faces if shot_at(a.stamp_ns).right > 0.0]
    seen = sum(
        any(speaks for when, speaks in track if when == array.stamp_ns)
        for array in in_view
        for track in speakers(footage.faces).values()
    )
    found = round(seen / max(len(in_view), 1), 3)
    for envelope in (True, False):
        counts = shares(score(footage, envelope))
        print(json.dumps({'envelope': envelope, 'speaker_found': found, **counts}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
