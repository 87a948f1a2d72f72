"""The descriptors of a window of sound as they travel.

Apart from what computes them (:mod:`~mer_ros.audio.features`): whoever only reads them needs no
SciPy, which takes a second to load.
"""

from __future__ import annotations

from dataclasses import dataclass

from mer_ros.audio.chunk import Samples

ENVELOPE_RATE = 100.0
"""Hz: ten values a tenth of a second, twice what lip motion needs."""


@dataclass(frozen=True)
class AudioFeatures:
    """Descriptors of one window; mirrors ``msg/AudioFeatures.msg``.

    Attributes:
        names: ``rms_db``, ``pitch_hz``, ``mfcc_0`` ...
        values: (len(names),) float32, all finite.
        envelope: (m,) float32 RMS amplitude at ``envelope_rate``, oldest first.
        envelope_rate: Hz.
        stamp_ns: time of the window's last sample.
        window_ns: the descriptors cover [stamp - window, stamp].
        frame_id: of the sound.
    """

    names: tuple[str, ...]
    values: Samples
    envelope: Samples
    envelope_rate: float = ENVELOPE_RATE
    stamp_ns: int = 0
    window_ns: int = 0
    frame_id: str = ''

    def __getitem__(self, name: str) -> float:
        """Return a value by name; raises KeyError for a name that is not there."""
        if name not in self.names:
            raise KeyError(f'no audio feature is called {name!r}; there are {self.names}')
        return float(self.values[self.names.index(name)])
