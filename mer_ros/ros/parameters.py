"""Every parameter of every node, declared once.

``docs/parameters.md`` and the check of ``config/mer.yaml`` are generated from these tables by
``parameter_docs.py``. A node that another module adds puts its table into :data:`NODES`.
"""

from __future__ import annotations

from mer_ros.ros.parameter_spec import ParameterSpec

AUTOSTART = ParameterSpec(
    'autostart',
    True,
    'Configure and activate at start; false leaves both to a lifecycle manager.',
)

INPUT_TIMEOUT = ParameterSpec(
    'input_timeout',
    2.0,
    'Seconds without input after which diagnostics say why the node is silent.',
    minimum=0.1,
    maximum=3600.0,
    dynamic=True,
)

IMAGE_INPUT = (
    ParameterSpec(
        'image_transport',
        'raw',
        'raw subscribes to image_raw, compressed to image_raw/compressed.',
        choices=('raw', 'compressed'),
    ),
    ParameterSpec(
        'image_reliability',
        'best_effort',
        'Quality of service the image is subscribed with; reliable needs a reliable publisher.',
        choices=('best_effort', 'reliable'),
    ),
)

FACE_EMOTION: tuple[ParameterSpec, ...] = (
    AUTOSTART,
    *IMAGE_INPUT,
    ParameterSpec(
        'max_rate',
        0.0,
        'Images per second that are looked at, by their stamps; 0 takes every one.',
        minimum=0.0,
        maximum=1000.0,
        dynamic=True,
    ),
    INPUT_TIMEOUT,
    ParameterSpec('detector', 'haar', 'Face detector; `mer models list` names them.'),
    ParameterSpec('classifier', 'lite', 'Face classifier; `mer models list` names them.'),
)

AUDIO_EMOTION: tuple[ParameterSpec, ...] = (
    AUTOSTART,
    INPUT_TIMEOUT,
    ParameterSpec(
        'sample_rate',
        16000,
        'Hz of the audio when no audio_info says it.',
        minimum=1000,
        maximum=384000,
        dynamic=True,
    ),
    ParameterSpec(
        'channels',
        1,
        'Channels of the audio when no audio_info says it.',
        minimum=1,
        maximum=64,
        dynamic=True,
    ),
    ParameterSpec('classifier', 'lite', 'Audio classifier; `mer models list` names them.'),
)

EMOTION_FUSION: tuple[ParameterSpec, ...] = (
    AUTOSTART,
    INPUT_TIMEOUT,
    *IMAGE_INPUT,
    ParameterSpec(
        'debug_rate',
        15.0,
        'Debug images per second at most, drawn only while someone subscribes.',
        minimum=0.1,
        maximum=120.0,
        dynamic=True,
    ),
)

NODES: dict[str, tuple[ParameterSpec, ...]] = {
    'face_emotion': FACE_EMOTION,
    'audio_emotion': AUDIO_EMOTION,
    'emotion_fusion': EMOTION_FUSION,
}
