from __future__ import annotations

from xml.etree import ElementTree

import pytest

from mer_ros.ros import transport
from mer_ros.ros.inputs import loss_mend


def test_room_for_images_is_made_where_nothing_is_set() -> None:
    environment: dict[str, str] = {}
    assert transport.prepare(environment) == environment
    assert environment == {'FASTDDS_BUILTIN_TRANSPORTS': 'DEFAULT?sockets_size=4MB'}


@pytest.mark.parametrize(
    'environment',
    [
        {'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'},
        {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'},
        {'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'},
        {'FASTDDS_DEFAULT_PROFILES_FILE': '/etc/fastdds.xml'},
        {'FASTRTPS_DEFAULT_PROFILES_FILE': '/etc/fastdds.xml'},
    ],
)
def test_what_the_user_chose_is_left_alone(environment: dict[str, str]) -> None:
    before = dict(environment)
    transport.prepare(environment)
    assert environment == before


@pytest.mark.parametrize(
    'given',
    [
        {},
        {'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'},
        {transport.VARIABLE: transport.VALUE},  # refused there, and without effect
    ],
)
def test_humble_whose_fast_dds_takes_no_options_gets_a_profile(given: dict[str, str]) -> None:
    environment = {'ROS_DISTRO': 'humble', **given}
    name, path = next(iter(transport.prepare(environment).items()))
    assert name == 'FASTRTPS_DEFAULT_PROFILES_FILE'
    assert environment == {'ROS_DISTRO': 'humble', **given, name: path}
    root = ElementTree.parse(path).getroot()
    space = {'dds': root.tag.partition('}')[0].lstrip('{')}
    size = root.findtext('.//dds:segment_size', namespaces=space)
    assert size is not None
    assert int(size) >= 2 * 1920 * 1080 * 3
    used = root.findtext('.//dds:userTransports/dds:transport_id', namespaces=space)
    assert used == root.findtext('.//dds:transport_descriptor/dds:transport_id', namespaces=space)


@pytest.mark.parametrize(
    'given',
    [
        {transport.VARIABLE: 'LARGE_DATA'},
        {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'},
        {transport.PROFILES[1]: 'profiles.xml'},
    ],
)
def test_what_the_user_chose_on_humble_is_left_alone(given: dict[str, str]) -> None:
    environment = {'ROS_DISTRO': 'humble', **given}
    assert transport.prepare(environment) == {}
    assert environment == {'ROS_DISTRO': 'humble', **given}


@pytest.mark.parametrize(
    ('distribution', 'variable'),
    [
        ('', transport.PROFILES[0]),
        ('kilted', transport.PROFILES[0]),
        ('jazzy', transport.PROFILES[1]),
    ],
)
@pytest.mark.parametrize(
    'given',
    [
        {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'},
        {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'localhost', transport.VARIABLE: transport.VALUE},
        {'ROS_LOCALHOST_ONLY': '1'},
    ],
)
def test_within_the_host_the_profile_is_what_is_read(
    distribution: str, variable: str, given: dict[str, str]
) -> None:
    environment = {'ROS_DISTRO': distribution, **given}
    (name, path) = next(iter(transport.prepare(environment).items()))
    assert name == variable
    assert path.endswith('.xml')
    assert transport.setting(environment) == (name, path)
    assert transport.prepare({'ROS_DISTRO': distribution, **given, variable: 'mine.xml'}) == {}


def test_the_mend_of_lost_images_is_the_one_for_the_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    assert f'{transport.VARIABLE}={transport.VALUE}' in loss_mend()
    monkeypatch.setenv('ROS_DISTRO', 'humble')
    assert 'FASTRTPS_DEFAULT_PROFILES_FILE=/' in loss_mend()
    assert transport.VARIABLE not in loss_mend()


def test_fast_dds_by_name_is_still_fast_dds() -> None:
    environment = {'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}
    transport.prepare(environment)
    assert environment['FASTDDS_BUILTIN_TRANSPORTS'] == transport.VALUE


def test_an_empty_value_counts_as_nothing_set() -> None:
    environment = {'FASTDDS_BUILTIN_TRANSPORTS': ''}
    assert transport.prepare(environment) == {transport.VARIABLE: transport.VALUE}
