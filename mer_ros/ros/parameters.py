"""Every parameter of every node, declared once.

``docs/parameters.md`` and the check of ``config/mer.yaml`` come from these tables
(``parameter_docs.py``). A node that another module adds puts its table into :data:`NODES`.
"""

from __future__ import annotations

from mer_ros.audio.settings import RANGES, AudioSettings
from mer_ros.face.settings import FaceSettings
from mer_ros.fusion.settings import FusionSettings
from mer_ros.ros.media_parameters import MEDIA_PARAMETERS
from mer_ros.ros.parameter_spec import ParameterSpec, from_settings

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
        'Subscribe to image_raw (raw) or to image_raw/compressed (compressed).',
        choices=('raw', 'compressed'),
    ),
    ParameterSpec(
        'image_reliability',
        'best_effort',
        'Quality of service to subscribe to the image with; reliable needs a reliable publisher.',
        choices=('best_effort', 'reliable'),
    ),
)

FACE_BACKEND_OPTIONS = (
    ParameterSpec(
        'threads',
        0,
        'CPU threads of the detector and the classifier, where they have the option (haar has not: '
        'OpenCV decides); 0 leaves it to them (two where there are two cores).',
        minimum=0,
        maximum=16,
    ),
)
"""Handed to backends whose constructor names them, where they differ from the default."""

FACE_EMOTION: tuple[ParameterSpec, ...] = (
    AUTOSTART,
    INPUT_TIMEOUT,
    *IMAGE_INPUT,
    ParameterSpec(
        'max_rate',
        0.0,
        'Images looked at per second of stamps, at most; 0 takes all it can.',
        minimum=0.0,
        maximum=1000.0,
        dynamic=True,
    ),
    ParameterSpec('detector', 'haar', 'Face detector; `mer models list` names them.'),
    ParameterSpec('classifier', 'lite', 'Face classifier; `mer models list` names them.'),
    *FACE_BACKEND_OPTIONS,
    ParameterSpec(
        'landmarker',
        'off',
        'off, or mesh: 68 landmarks of every face instead of five, order of iBUG.',
    ),
    ParameterSpec(
        'embedder',
        'off',
        'off, or arcface, facenet, vgg_face: faces that come back get their name back, and '
        'emotion/face/embeddings is published. Embeddings identify people.',
    ),
    *from_settings(
        FaceSettings,
        dynamic=(
            'max_faces',
            'min_face',
            'min_score',
            'min_face_score',
            'margin',
            'speaking',
            'embedding_interval_s',
        ),
    ),
)

_AUDIO_DESCRIPTIONS = {
    'window_s': 'Seconds of sound that one result is about; the embedded model learnt on 1 s.',
    'hop_s': 'Seconds from one result to the next.',
    'buffer_s': 'Seconds of sound kept while inference is behind; the oldest goes first.',
    'reanchor_s': 'Time is counted in samples until the stamps differ by more than this.',
    'reanchor_unstamped_s': 'The same for sound that has arrival times for stamps.',
    'channel': 'The channel that is listened to; -1 is the mean of all.',
    'speech_threshold': 'Below this speech probability a window is UNKNOWN.',
    'remove_dc': 'Remove the offset of the microphone (the high-pass does, too).',
    'high_pass_hz': 'Cut-off of the filter against rumble, Hz, 1 or more; 0 is off.',
    'normalise': 'Bring each window to one level before it is classified.',
    'normalise_dbfs': 'That level (RMS), dB of full scale.',
    'normalise_max_gain_db': 'No window is amplified by more.',
    'noise_reduction': "Subtract the background's spectrum before a window is classified.",
    'noise_reduction_strength': 'How much of the background is taken away.',
    'voice_memory_s': 'The classifier lite allows for how the voice usually sounded in about that '
    'time, the last 20 s apart, as if one person spoke. 0: each window by itself.',
    'embeddings': 'Publish emotion/audio/embeddings, one for each window with speech; the '
    'classifier must have them (wav2vec2). Embeddings of a voice can identify people.',
}

AUDIO_CLASSIFIER_OPTIONS = (
    ParameterSpec(
        'dtype',
        'auto',
        'Numbers that the classifier wav2vec2 computes in; auto takes bfloat16 where the processor '
        'or GPU has it and else int8, if that agrees with float32 here, and else float32.',
        choices=('auto', 'bfloat16', 'int8', 'float32'),
    ),
    ParameterSpec(
        'device',
        'auto',
        'Where the classifier wav2vec2 runs; auto takes the GPU where there is one.',
        choices=('auto', 'cpu', 'cuda'),
    ),
    ParameterSpec(
        'threads',
        0,
        'CPU threads of the classifier; 0 leaves it to the classifier (lite 1, wav2vec2 2).',
        minimum=0,
        maximum=16,
    ),
)
"""Handed to a classifier whose constructor names them, where they differ from the default."""

AUDIO_EMOTION: tuple[ParameterSpec, ...] = (
    AUTOSTART,
    INPUT_TIMEOUT,
    ParameterSpec(
        'sample_rate',
        16000,
        'Hz of the sound where no audio_info says it.',
        minimum=4000,
        maximum=192000,
        dynamic=True,
    ),
    ParameterSpec(
        'channels',
        1,
        'Channels of the sound where no audio_info says it.',
        minimum=1,
        maximum=64,
        dynamic=True,
    ),
    ParameterSpec('classifier', 'lite', 'Audio classifier; `mer models list` names them.'),
    *AUDIO_CLASSIFIER_OPTIONS,
    ParameterSpec('activity', 'silero', 'What tells speech from other sound.'),
    *from_settings(
        AudioSettings,
        descriptions=_AUDIO_DESCRIPTIONS,
        ranges=RANGES,
        dynamic=(
            'speech_threshold',
            'normalise',
            'normalise_dbfs',
            'normalise_max_gain_db',
            'noise_reduction',
            'noise_reduction_strength',
            'voice_memory_s',
        ),
    ),
)

EMOTION_FUSION: tuple[ParameterSpec, ...] = (
    AUTOSTART,
    INPUT_TIMEOUT,
    ParameterSpec(
        'max_hold',
        0.03,
        'Seconds of real time a result waits at most for an earlier one that is due; when it is '
        'replayed (use_sim_time, or a stamp 10 s old) ten times that, and fifty times of stamps.',
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    ),
    ParameterSpec(
        'sync_slop',
        0.1,
        'Stamps of a face and an audio result that are paired differ by less than this; pairs '
        'and their offset are shown in diagnostics.',
        minimum=0.001,
        maximum=2.0,
    ),
    ParameterSpec(
        'sync_queue_size',
        100,
        'Results of each modality that wait for their pair: rate x latency, and some.',
        minimum=2,
        maximum=10000,
    ),
    *IMAGE_INPUT,
    ParameterSpec(
        'debug_rate',
        15.0,
        'Debug images per second at most; they are drawn only while someone subscribes.',
        minimum=0.1,
        maximum=120.0,
        dynamic=True,
    ),
    *from_settings(
        FusionSettings,
        dynamic=FusionSettings.__dataclass_fields__,
    ),
)

NODES: dict[str, tuple[ParameterSpec, ...]] = {
    'face_emotion': FACE_EMOTION,
    'audio_emotion': AUDIO_EMOTION,
    'emotion_fusion': EMOTION_FUSION,
    'media_source': (AUTOSTART, *MEDIA_PARAMETERS),
}
