"""The graph on a recorded bag: `ros2 bag play --clock`, the nodes on its time.

    ros2 launch mer_ros replay.launch.py bag:=my_bag rate:=2.0

The arguments of mer.launch.py can be given here too (namespace, face_detector, ...).
Recorded results are played under `recorded/emotion/...`, beside those of the nodes that run now.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from mer_ros.ros import namespaces

LAUNCH = Path(get_package_share_directory('mer_ros')) / 'launch'

RESULTS = (
    'emotion/face',
    'emotion/face/embeddings',
    'emotion/audio',
    'emotion/audio/embeddings',
    'emotion/audio/features',
    'emotion/fused',
    'emotion/debug_image',
)
DIAGNOSTICS = '/diagnostics'
"""In no namespace, whatever the nodes' is."""

ARGUMENTS = (
    ('bag', None, 'The bag.'),
    ('rate', '1.0', 'Speed.'),
    ('bag_loop', 'false', 'Begin the bag again at its end.'),
    ('delay', '3.0', 'Seconds that the nodes get to start before the first message.'),
)


def generate_launch_description() -> LaunchDescription:
    """Return the arguments, the graph on sim time, and the bag."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in ARGUMENTS
    ]
    graph = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(LAUNCH / 'mer.launch.py')),
        launch_arguments={'use_sim_time': 'true'}.items(),
    )
    return LaunchDescription([*declared, graph, OpaqueFunction(function=play)])


def play(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the player, which ends the launch when it has come to its end."""
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    given_namespace = context.launch_configurations['namespace']
    root = namespaces.inside(context.launch_configurations, given_namespace)
    remaps = [f'{root}/{topic}:={root}/recorded/{topic}' for topic in RESULTS]
    remaps.append(f'{DIAGNOSTICS}:={root}/recorded{DIAGNOSTICS}')
    command = ['ros2', 'bag', 'play', given['bag'], '--clock', '100', '--rate', given['rate']]
    command += ['--loop'] if given['bag_loop'] == 'true' else []
    player = ExecuteProcess(cmd=[*command, '--remap', *remaps], output='screen')
    return [
        TimerAction(period=float(given['delay']), actions=[player]),
        RegisterEventHandler(
            OnProcessExit(
                target_action=player,
                on_exit=[Shutdown(reason='the bag has come to its end')],
            )
        ),
    ]
