"""What a graph is made to play by `mer demo` and `mer benchmark graph`, looked at beforehand."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from mer_ros.cli.up import source_parameters
from mer_ros.ros.parameter_overrides import Value

LARGEST = (1280, 720)
"""Larger pictures are made smaller: 1080p at 60 Hz is more than two cores can carry over DDS."""


@dataclass(frozen=True)
class Clip:
    """What is played.

    Attributes:
        source: as media_source takes it.
        frame_rate: pictures a second; 0 without.
        sound: whether there is any.
        duration_s: its length; 0 when not known.
        microphone: whether the sound comes from the microphone instead.
    """

    source: str
    frame_rate: float
    sound: bool
    duration_s: float
    microphone: bool = False


def look_at(args: argparse.Namespace) -> Clip:
    """Return what is to be played, looked at beforehand.

    Raises:
        CommandError: there is no such file.
        MediaError: it is no picture or sound.
    """
    from mer_ros.media.opener import open_source

    if args.source is None:
        from mer_ros.cli import demo_clip
        from mer_ros.models.integrity import cache_folder

        spec = str(demo_clip.clip(cache_folder()))
        if spec.endswith('_silent.mp4'):
            print(
                'mer demo: no espeak-ng, so the clip is silent: sudo apt-get install espeak-ng',
                file=sys.stderr,
            )
    else:
        spec = str(source_parameters(args.source, False)['source'])
    source = open_source(spec)
    duration_s = float(getattr(source, 'duration_s', 0.0))
    sound = source.audio_format is not None or args.mic
    clip = Clip(spec, source.frame_rate, sound, duration_s, args.mic)
    source.close()
    return clip


def playing(clip: Clip, microphone: bool) -> dict[str, Value]:
    """Return media_source's parameters for a clip that :func:`mer_ros.cli.demo.watch` starts."""
    values: dict[str, Value] = {
        'source': clip.source,
        'autostart': False,
        'wait_for_subscribers': 10.0,
        'max_width': LARGEST[0],
        'max_height': LARGEST[1],
    }
    return {**values, 'microphone': True} if microphone else values
