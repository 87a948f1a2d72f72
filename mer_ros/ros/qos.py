"""Quality of service of every topic of ours."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

IMAGE_DEPTH = 10
"""A third of a second at 30 Hz: longer than any pause of the interpreter measured."""

AUDIO_DEPTH = 1000
"""10 s of 10 ms chunks: longer than any pause of the executor.

What is said while the models load is not kept: the subscription is made after that.
"""

RESULT_DEPTH = 10
FUSION_INPUT_DEPTH = 1000
"""A bag replayed at many times its speed fills this before the worker falls behind."""

RELIABILITIES = {
    'best_effort': ReliabilityPolicy.BEST_EFFORT,
    'reliable': ReliabilityPolicy.RELIABLE,
}


def _keep_last(
    depth: int,
    reliability: ReliabilityPolicy,
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


def image(reliability: str = 'best_effort') -> QoSProfile:
    """Return the profile to subscribe to images with; 'best_effort' or 'reliable'."""
    return _keep_last(IMAGE_DEPTH, RELIABILITIES[reliability])


def audio(reliable: bool) -> QoSProfile:
    """Return the deep profile to subscribe to audio with, as reliable as its publisher."""
    return _keep_last(AUDIO_DEPTH, RELIABILITIES['reliable' if reliable else 'best_effort'])


def audio_info(latched: bool) -> QoSProfile:
    """Return the profile to subscribe to ``audio_info`` with, latched where its publisher is."""
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return _keep_last(1, ReliabilityPolicy.RELIABLE, durability)


def result() -> QoSProfile:
    """Return the profile our results are published with."""
    return _keep_last(RESULT_DEPTH, ReliabilityPolicy.RELIABLE)


def result_input() -> QoSProfile:
    """Return the deep profile the fusion node subscribes to results with."""
    return _keep_last(FUSION_INPUT_DEPTH, ReliabilityPolicy.RELIABLE)


def debug_image() -> QoSProfile:
    """Return the profile the debug image is published with: any viewer can take it."""
    return _keep_last(2, ReliabilityPolicy.RELIABLE)
