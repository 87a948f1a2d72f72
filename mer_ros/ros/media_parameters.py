"""The parameters of media_source."""

from __future__ import annotations

from mer_ros.ros.parameter_spec import ParameterSpec

MEDIA_PARAMETERS: tuple[ParameterSpec, ...] = (
    ParameterSpec(
        'source',
        '',
        'A video or sound file, a folder of images, webcam:N, webcam:/dev/... or microphone.',
    ),
    ParameterSpec('microphone', False, 'Takes the sound from a microphone, not from the source.'),
    ParameterSpec(
        'microphone_device',
        '',
        'Number or part of the name of the microphone (python3 -m sounddevice); empty: default.',
    ),
    ParameterSpec('audio', True, 'Publishes the sound of a file.'),
    ParameterSpec('loop', False, 'Begins a file or folder again at its end; stamps go on.'),
    ParameterSpec(
        'rate',
        1.0,
        'Speed of a file or folder; stamps are in its own time, so other speeds want publish_clock '
        'here and use_sim_time in the other nodes.',
        minimum=0.05,
        maximum=50.0,
    ),
    ParameterSpec(
        'frame_rate',
        0.0,
        'Images per second of a folder (0: 10) or asked of a webcam (0: 30).',
        minimum=0.0,
        maximum=1000.0,
    ),
    ParameterSpec('width', 640, 'Pixels asked of a webcam.', minimum=16, maximum=16384),
    ParameterSpec('height', 480, 'Pixels asked of a webcam.', minimum=16, maximum=16384),
    ParameterSpec(
        'max_width',
        0,
        'Wider images are made smaller, their shape kept; 0 leaves them.',
        minimum=0,
        maximum=16384,
    ),
    ParameterSpec(
        'max_height',
        0,
        'Higher images are made smaller, their shape kept; 0 leaves them.',
        minimum=0,
        maximum=16384,
    ),
    ParameterSpec('frame_id', 'camera', 'frame_id of the images.'),
    ParameterSpec('audio_frame_id', 'microphone', 'frame_id of the audio.'),
    ParameterSpec('compressed', False, 'Publishes image_raw/compressed (JPEG) as well.'),
    ParameterSpec('jpeg_quality', 90, 'Of the compressed images.', minimum=1, maximum=100),
    ParameterSpec(
        'image_reliability',
        'reliable',
        'Quality of service the images are offered with; reliable serves every subscriber.',
        choices=('best_effort', 'reliable'),
    ),
    ParameterSpec('publish_clock', False, 'Publishes /clock in the time of the file, at 100 Hz.'),
    ParameterSpec(
        'wait_for_subscribers',
        0.0,
        'Seconds to wait at most, before the first image, until images and audio are subscribed.',
        minimum=0.0,
        maximum=600.0,
    ),
    ParameterSpec(
        'exit_at_end',
        False,
        'Ends the process when the file has come to its end, and with status 1 when it fails.',
    ),
    ParameterSpec(
        'retry_period',
        2.0,
        'Seconds between attempts to open a device that is missing or was unplugged.',
        minimum=0.1,
        maximum=3600.0,
    ),
)
