"""Per-frame record of a stream: where there is speech, and how loud the background is.

Frames are those of the speech activity (512 samples, 32 ms). The background is what frames well
away from speech showed in the last ten seconds. Where speech left none, it is the quietest tenth
of the frames: between words speech falls back to the background (minimum statistics, Martin, 2001).
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from mer_ros.audio.activity import FRAME, ActivityDetector
from mer_ros.audio.chunk import Samples
from mer_ros.audio.windows import Window

SPEECH = 0.5
"""P(speech) of a frame from which it counts as speech (silero's own default)."""
QUIET = 0.2
"""P(speech) below which a frame counts as background; between the two it counts as neither."""
GUARD = 3
"""Frames before and after a frame that must be background too: the activity notices speech up to
three frames late, most of all at the start of a stream, and what it misses is speech at full level.
"""
ENOUGH = 5
"""Frames of background (0.16 s) from which its level is known."""
ENOUGH_OF_ANY = 62
"""Frames (2 s) from which the quietest tenth says something; less may be one long vowel."""
MEMORY = 312
"""Frames (10 s) the background is estimated from: the last ones heard, quiet or not."""
FLOOR_DBFS = -96.0
"""Level given to digital silence: below the noise of 16-bit samples."""
_SMOOTHING = 0.95
"""Weight of the past in the background's spectrum: a time constant of 0.6 s of background."""


def level_dbfs(power: float) -> float:
    """Return 10 log10 of a mean square, at least -96: a full-scale square wave gives 0."""
    return max(FLOOR_DBFS, 10.0 * float(np.log10(max(power, 1e-12))))


class Background:
    """Runs the speech activity over the fresh samples of each window and annotates the window.

    Args:
        activity: loaded.
    """

    def __init__(self, activity: ActivityDetector) -> None:
        self._activity = activity
        self._hann = np.hanning(FRAME).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._quiet: deque[tuple[int, float]] = deque()
        self._count = 0
        self._any: deque[float] = deque(maxlen=MEMORY)
        self._spectrum: Samples = np.zeros(0, np.float32)
        self._restart(0, 0)

    def _restart(self, segment: int, position: int) -> None:
        self._activity.reset()
        self._segment = segment
        self._position = position
        self._leftover: Samples = np.zeros(0, np.float32)
        self._frames: deque[tuple[int, float, float]] = deque()
        self._recent: deque[tuple[Samples, float, bool]] = deque(maxlen=2 * GUARD + 1)

    def annotate(self, window: Window) -> Window:
        """Return the window with its speech frames, levels and the background known by then.

        Raises:
            ModelError, AudioError: the activity detector failed.
        """
        start = window.end - window.fresh.size
        if window.segment != self._segment or start != self._position + self._leftover.size:
            self._restart(window.segment, start)
        self._advance(window.fresh)
        first = window.end - window.samples.size
        while self._frames and self._frames[0][0] < first:
            self._frames.popleft()
        inside = [frame for frame in self._frames if frame[0] + FRAME <= window.end]
        spoken = [power for _, speech, power in inside if speech >= SPEECH]
        return replace(
            window,
            speech=np.array([speech for _, speech, _ in inside], np.float32),
            speech_dbfs=level_dbfs(float(np.mean(spoken))) if spoken else float('nan'),
            noise_dbfs=self._noise_dbfs(),
            noise_spectrum=self._spectrum,
        )

    def _advance(self, samples: Samples) -> None:
        stream = np.concatenate((self._leftover, samples))
        for index, probability in enumerate(self._activity.process(samples)):
            frame = stream[index * FRAME : (index + 1) * FRAME]
            power = float(np.mean(np.square(frame)))
            self._frames.append((self._position, float(probability), power))
            self._any.append(power)
            self._position += FRAME
            self._count += 1
            self._forget()
            self._recent.append((frame, power, probability < QUIET))
            if len(self._recent) > 2 * GUARD and all(quiet for _, _, quiet in self._recent):
                self._learn(*self._recent[GUARD][:2])
        self._leftover = stream[stream.size // FRAME * FRAME :]

    def _forget(self) -> None:
        """Drop what is of a room that may be long gone, where nothing was quiet since."""
        while self._quiet and self._quiet[0][0] <= self._count - MEMORY:
            self._quiet.popleft()
        if not self._quiet and self._spectrum.size:
            self._spectrum = np.zeros(0, np.float32)

    def _noise_dbfs(self) -> float:
        if len(self._quiet) >= ENOUGH:
            return level_dbfs(float(np.median([power for _, power in self._quiet])))
        if len(self._any) >= ENOUGH_OF_ANY:
            return level_dbfs(float(np.percentile(self._any, 10.0)))
        return float('nan')

    def _learn(self, frame: Samples, power: float) -> None:
        self._quiet.append((self._count, power))
        spectrum = np.abs(np.fft.rfft(frame * self._hann)) ** 2
        if not self._spectrum.size:
            self._spectrum = spectrum.astype(np.float32)
        else:
            past = self._spectrum * _SMOOTHING
            self._spectrum = np.asarray(past + spectrum * (1.0 - _SMOOTHING), np.float32)
