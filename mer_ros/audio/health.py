"""What the audio pipeline counts."""

from __future__ import annotations

from dataclasses import dataclass

from mer_ros.audio.timeline import Continuity


@dataclass(frozen=True)
class AudioHealth:
    """Counts since the pipeline was made, for diagnostics.

    Attributes:
        chunks: accepted.
        samples: accepted, of each channel, at the source's rate.
        refused: chunks the pipeline could not use.
        repaired: samples that were not finite and were replaced by zero.
        repeated: chunks that had come already, and were left out.
        gaps: stamps that were suddenly far ahead.
        backward: stamps that were suddenly behind.
        drifts: re-anchors that windows go on over; a lost chunk is one.
        rate_changes: of the sample rate.
        dropped: 16 kHz samples lost because nothing popped them in time.
        buffered: 16 kHz samples in the buffer now.
        windows: popped.
        skipped: windows passed over for a later one.
    """

    chunks: int = 0
    samples: int = 0
    refused: int = 0
    repaired: int = 0
    repeated: int = 0
    gaps: int = 0
    backward: int = 0
    drifts: int = 0
    rate_changes: int = 0
    dropped: int = 0
    buffered: int = 0
    windows: int = 0
    skipped: int = 0


COUNTED = {
    Continuity.GAP: 'gaps',
    Continuity.BACKWARD: 'backward',
    Continuity.DRIFT: 'drifts',
    Continuity.RATE: 'rate_changes',
    Continuity.REPEATED: 'repeated',
}
"""Which count a chunk goes into by how it follows."""
