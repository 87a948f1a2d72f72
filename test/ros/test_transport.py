from __future__ import annotations

import pytest

from mer_ros.ros import transport


def test_room_for_images_is_made_where_nothing_is_set() -> None:
    environment: dict[str, str] = {}
    assert transport.prepare(environment) == 'DEFAULT?sockets_size=4MB'
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


@pytest.mark.parametrize('middleware', [{}, {'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}])
def test_humble_whose_fast_dds_takes_no_options_gets_none(middleware: dict[str, str]) -> None:
    environment = {'ROS_DISTRO': 'humble', **middleware}
    before = dict(environment)
    assert transport.prepare(environment) == ''
    assert environment == before
    assert transport.prepare({'ROS_DISTRO': 'jazzy', **middleware}) == transport.VALUE


def test_fast_dds_by_name_is_still_fast_dds() -> None:
    environment = {'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}
    transport.prepare(environment)
    assert environment['FASTDDS_BUILTIN_TRANSPORTS'] == transport.VALUE


def test_an_empty_value_counts_as_nothing_set() -> None:
    environment = {'FASTDDS_BUILTIN_TRANSPORTS': ''}
    assert transport.prepare(environment) == transport.VALUE


@pytest.mark.parametrize(
    ('given', 'needed'),
    [
        ({}, True),
        ({'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}, True),
        ({transport.VARIABLE: transport.VALUE}, True),  # refused there, and without effect
        ({transport.VARIABLE: 'LARGE_DATA'}, False),
        ({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, False),
        ({transport.PROFILES[1]: 'profiles.xml'}, False),
    ],
)
def test_on_humble_images_are_wanted_reliably_unless_the_user_saw_to_the_transport(
    given: dict[str, str], needed: bool
) -> None:
    assert transport.needs_reliable_images({'ROS_DISTRO': 'humble', **given}) is needed
    assert not transport.needs_reliable_images({'ROS_DISTRO': 'jazzy', **given})
