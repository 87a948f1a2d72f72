"""Speech activity: the silero network, run with ONNX Runtime on the stream.

The file comes from the installed silero-vad package (5 or later), which is found and not
imported: importing it imports torch.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mer_ros.audio.chunk import TARGET_RATE, AudioError, Samples
from mer_ros.models import store
from mer_ros.models.session import OnnxModel

FRAME = 512
"""Samples of one decision: 32 ms."""
_CONTEXT = 64
"""Samples of the frame before that the network takes with each frame at 16 kHz."""


class ActivityDetector(Protocol):
    """What tells speech from other sound, frame by frame."""

    name: str
    version: str

    def load(self) -> None:
        """Make ready; raises ModelError when the model is not there."""

    def process(self, samples: Samples) -> Samples:
        """Return P(speech) of the frames of 512 samples that became complete."""

    def reset(self) -> None:
        """Forget the stream."""


class SpeechActivity:
    """Silero VAD 5 and later on a stream of 16 kHz mono sound."""

    name = 'silero'
    version = '6'

    def __init__(self) -> None:
        self._model: OnnxModel | None = None
        self.reset()

    def load(self) -> None:
        """Load the network.

        Raises:
            ModelError: silero-vad is not installed.
            AudioError: it is older than 5.
        """
        model = OnnxModel(store.find('silero'))
        if set(model.inputs) != {'input', 'state', 'sr'}:
            raise AudioError(f'silero_vad.onnx takes {sorted(model.inputs)}; install silero-vad>=5')
        self._model = model

    def reset(self) -> None:
        """Forget the stream: the next sample is the first."""
        self._state = np.zeros((2, 1, 128), np.float32)
        self._pending: Samples = np.zeros(_CONTEXT, np.float32)

    def process(self, samples: Samples) -> Samples:
        """Return P(speech) of each frame of 512 samples that became complete.

        Args:
            samples: (n,) float32, what follows the samples of the last call.

        Returns:
            (k,) float32 in 0..1; frame i of the stream covers samples 512 i .. 512 i + 511.

        Raises:
            AudioError: not loaded.
        """
        if self._model is None:
            raise AudioError('speech activity is not loaded; call load() first')
        stream = np.concatenate((self._pending, samples))
        count = (stream.size - _CONTEXT) // FRAME
        probabilities = np.zeros(count, np.float32)
        rate = np.array(TARGET_RATE, np.int64)
        for index in range(count):
            frame = stream[None, index * FRAME : (index + 1) * FRAME + _CONTEXT]
            outputs = self._model.run({'input': frame, 'state': self._state, 'sr': rate})
            probabilities[index] = outputs['output'].item()
            self._state = outputs['stateN']
        self._pending = stream[count * FRAME :]
        return probabilities
