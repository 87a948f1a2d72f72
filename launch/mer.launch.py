"""The graph: face, audio and fusion nodes, and what feeds and shows them.

ros2 launch mer_ros mer.launch.py image:=/camera/image_raw audio:=/audio/audio
ros2 launch mer_ros mer.launch.py source:=film.mp4 debug:=true
"""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mer_ros.ros import namespaces, parameter_overrides, transport

CONFIG = Path(get_package_share_directory('mer_ros')) / 'config'

DEFAULTS = str(CONFIG / 'mer.yaml')

TRUE_OR_FALSE = ['true', 'false']

LEVELS = ['debug', 'info', 'warn', 'error', 'fatal']

VIEWERS = {'rviz': 'rviz2', 'debug': 'rqt_gui'}
"""The packages that arguments start something of."""

WAIT_FOR_SUBSCRIBERS_S = 20.0
"""A film that is launched beside what listens to it begins when that listens."""

NOT_RECORDED = '/emotion/debug_image$'

ARGUMENTS = (
    ('source', '', 'Video file, image folder, webcam:N or microphone; empty: none is started.'),
    ('loop', '', 'Over the parameter file: begin the file again at its end.'),
    ('face_detector', '', 'Over the parameter file: haar, yunet, retinaface, ...'),
    ('face_classifier', '', 'Over the parameter file: lite, deepface, ...'),
    ('audio_classifier', '', 'Over the parameter file: lite, wav2vec2, ...'),
    ('namespace', '', 'Namespace of all nodes.'),
    ('params_file', DEFAULTS, 'Parameters of all nodes.'),
    ('debug', 'false', 'Show the debug image and plots in rqt.'),
    ('record', '', 'Folder of a bag of all but the debug image, embeddings too; empty: none.'),
    ('use_sim_time', '', 'Over the parameter file: follow /clock.'),
    ('rviz', 'false', 'Show the debug image in rviz.'),
    ('log_level', 'info', 'debug, info, warn, error or fatal.'),
    (
        'autostart',
        '',
        'Over the parameter file: false leaves configuring and activating to a lifecycle manager.',
    ),
    ('image_transport', '', 'raw or compressed; empty: as in the parameter file.'),
    ('image', 'image_raw', 'Topic of the images.'),
    ('audio', 'audio', 'Topic of the audio; its _stamped and _info beside it.'),
)
FLAGS = ('loop', 'use_sim_time', 'autostart')
"""Empty: as in the parameter file, which a default of ours would override."""

CHOICES = {
    'debug': TRUE_OR_FALSE,
    'rviz': TRUE_OR_FALSE,
    'log_level': LEVELS,
    **{name: ['', *TRUE_OR_FALSE] for name in FLAGS},
}


def generate_launch_description() -> LaunchDescription:
    """Return the arguments, and the nodes made from their values."""
    declared = [
        DeclareLaunchArgument(
            name,
            default_value=default,
            description=description,
            choices=CHOICES.get(name),
        )
        for name, default, description in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=launch_graph)])


def launch_graph(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what the arguments ask for."""
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    for name in ('params_file', 'record'):  # a shell expands no ~ behind :=
        if given[name]:
            given[name] = str(Path(given[name]).expanduser())
    if not Path(given['params_file']).is_file():
        # launch_ros would leave it out, and everything would run on defaults.
        raise RuntimeError(f'params_file: there is no file {given["params_file"]}')
    if given['record'] and Path(given['record']).exists():
        raise RuntimeError(f'record: {given["record"]} is there already, choose another folder')
    for name, package in VIEWERS.items():
        if given[name] == 'true':
            check_installed(name, package)
    # Not the argument: launch_ros puts the nodes into the namespace of a group around this file.
    whole = namespaces.inside(context.launch_configurations, given['namespace'])
    given.update(whole_namespace=whole)
    actions: list[LaunchDescriptionEntity] = [
        *set_transport(),
        node('face_emotion', given, detector='face_detector', classifier='face_classifier'),
        node('audio_emotion', given, classifier='audio_classifier'),
        node('emotion_fusion', given),
    ]
    if given['source']:
        actions.append(node('media_source', given))
    if given['record']:
        # The debug image is drawn only while somebody takes it, and can be drawn anew from a bag.
        exclude = '--exclude' if transport.is_humble() else '--exclude-regex'
        command = ['ros2', 'bag', 'record', '-a', exclude, NOT_RECORDED, '-o', given['record']]
        # The bag's times have to be those of the stamps, or it cannot be replayed by its /clock.
        if given['use_sim_time'] == 'true':
            command.append('--use-sim-time')
        actions.append(ExecuteProcess(cmd=command))
    if given['rviz'] == 'true':
        actions.append(view(VIEWERS['rviz'], ['-d', str(CONFIG / 'mer.rviz')], given))
    if given['debug'] == 'true':
        perspective = str(CONFIG / 'mer.perspective')
        actions.append(view(VIEWERS['debug'], ['--perspective-file', perspective], given))
    return actions


def check_installed(argument: str, package: str) -> None:
    """Refuse to begin without a package: launch would leave what it had started running."""
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        distribution = os.environ.get('ROS_DISTRO', '$ROS_DISTRO')
        debian = f'ros-{distribution}-{package.replace("_", "-")}'
        raise RuntimeError(
            f'{argument}: the package {package} is not installed: apt-get install {debian}, '
            f'or leave {argument}:=true out'
        ) from None


@functools.cache
def folder() -> Path:
    """Return a folder that is gone when the launch has ended."""
    made = tempfile.mkdtemp(prefix='mer_ros_launch_')
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def set_transport() -> list[LaunchDescriptionEntity]:
    """Give Fast DDS room for whole images, unless the user has chosen a transport."""
    chosen = transport.prepare(dict(os.environ))
    return [SetEnvironmentVariable(name, value) for name, value in chosen.items()]


def node(name: str, given: dict[str, str], **backends: str) -> Node:
    """Return one of our nodes.

    Args:
        name: of the node and its executable.
        given: the launch arguments, and ``whole_namespace``.
        backends: the parameters set by launch arguments: ``classifier='face_classifier'``.
    """
    own: dict[str, parameter_overrides.Value] = {}
    under: list[str] = []
    for flag in FLAGS:
        if given[flag] and (flag != 'loop' or name == 'media_source'):
            own[flag] = given[flag] == 'true'
    for parameter, argument in backends.items():
        if given[argument]:
            own[parameter] = given[argument]
    takes_images = name in ('face_emotion', 'emotion_fusion')
    if given['image_transport'] and takes_images:
        own['image_transport'] = given['image_transport']
    defaults: dict[str, str | float] = {}
    if name == 'media_source':
        own['source'] = given['source']
        if given['image_transport'] == 'compressed':
            own['compressed'] = True
        defaults['wait_for_subscribers'] = WAIT_FOR_SUBSCRIBERS_S
    if given['params_file'] == DEFAULTS:  # it has every parameter
        own.update(defaults)
    else:
        for parameter, value in defaults.items():
            under += ['-p', f'{parameter}:={value}']
    files = [given['params_file']]
    if own:
        # A folder for each: one launch may include this file for several robots.
        path = Path(tempfile.mkdtemp(dir=folder())) / f'{name}.yaml'
        files.append(str(parameter_overrides.write(path, name, own)))
    logger = namespaces.logger(given['whole_namespace'], name)
    return Node(
        package='mer_ros',
        executable=name,
        name=name,
        namespace=given['namespace'],
        parameters=files,
        remappings=remappings(given),
        # Before the parameter file, which thus goes over what stands here.
        arguments=['--ros-args', '--log-level', f'{logger}:={given["log_level"]}', *under],
        output='screen',
    )


def view(package: str, arguments: list[str], given: dict[str, str]) -> Node:
    """Return a viewer in our namespace."""
    return Node(
        package=package,
        executable=package,
        namespace=given['namespace'],
        parameters=[{'use_sim_time': given['use_sim_time'] == 'true'}],
        arguments=arguments,
        output='log',
    )


def remappings(given: dict[str, str]) -> list[tuple[str, str]]:
    """Return the rules that the arguments `image` and `audio` stand for."""
    image, audio = given['image'], given['audio']
    rules = [
        ('image_raw', image),
        ('image_raw/compressed', f'{image}/compressed'),
        ('audio', audio),
        ('audio_stamped', f'{audio}_stamped'),
        ('audio_info', f'{audio}_info'),
    ]
    return [rule for rule in rules if rule[0] != rule[1]]
