"""What the demo says: a line for each fused result, and the figures of the whole run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mer_ros.cli.observer import Arrival
from mer_ros.emotions import label_name
from mer_ros.estimates import Estimate, EstimateArray, Modality

SPEECH = 0.5


def line(array: EstimateArray, start_ns: int) -> str:
    """Return a fused result in one line: time, subject, decision, evidence."""
    head = f'{(array.stamp_ns - start_ns) * 1e-9:7.2f} s  '
    if not array.estimates:
        return head + 'nobody'
    return head + '   |   '.join(_subject(each) for each in array.estimates)


def figures(arrivals: Sequence[Arrival]) -> dict[str, Any]:
    """Return ``count``, ``rate_hz`` (by arrival) and ``latency_ms`` (stamp to arrival)."""
    span_s = (arrivals[-1].arrived_ns - arrivals[0].arrived_ns) * 1e-9 if arrivals else 0.0
    return {
        'count': len(arrivals),
        'rate_hz': round((len(arrivals) - 1) / span_s, 2) if span_s > 0 else 0.0,
        'latency_ms': quantiles([each.latency_s * 1e3 for each in arrivals]),
    }


def quantiles(values: Sequence[float]) -> dict[str, float | None]:
    """Return ``p50`` and ``p95``, rounded; None without values."""
    if not values:
        return {'p50': None, 'p95': None}
    p50, p95 = np.percentile(values, (50, 95))
    return {'p50': round(float(p50), 2), 'p95': round(float(p95), 2)}


def audio_age_s(fused: Sequence[Arrival]) -> list[float]:
    """Return how old the audio evidence was in fused results, while there was speech."""
    return [
        (each.array.stamp_ns - evidence.stamp_ns) * 1e-9
        for each in fused
        if each.array.speech_probability > SPEECH
        for estimate in each.array.estimates
        for evidence in estimate.evidence
        if evidence.modality == Modality.AUDIO
    ]


def labels(arrivals: Sequence[Arrival]) -> Mapping[str, int]:
    """Return how often each label was decided, the most frequent first."""
    counts = Counter(
        label_name(estimate.label) for each in arrivals for estimate in each.array.estimates
    )
    return dict(counts.most_common())


def _subject(estimate: Estimate) -> str:
    text = f'{estimate.subject_id:<8} {label_name(estimate.label):<9} {estimate.confidence:.2f}'
    for evidence in estimate.evidence:
        top = int(np.argmax(evidence.probabilities))
        name = 'face' if evidence.modality == Modality.FACE else 'audio'
        text += f'  {name} {label_name(top)} {evidence.probabilities[top]:.2f}'
        text += f' x {evidence.weight:.2f}'
    if estimate.speaking >= SPEECH:
        text += '  speaking'
    return text
