from __future__ import annotations

import math

import pytest

from mer_ros.face.settings import FaceSettings
from mer_ros.ros.errors import ParameterError
from mer_ros.ros.parameter_server import misspelt
from mer_ros.ros.parameter_spec import ParameterSpec, Values, from_settings

RATE = ParameterSpec('rate', 5.0, 'How often.', minimum=0.0, maximum=10.0, dynamic=True)
COUNT = ParameterSpec('count', 3, 'How many.', minimum=1, maximum=5)
MODE = ParameterSpec('mode', 'raw', 'Which.', choices=('raw', 'compressed'))
SWITCH = ParameterSpec('switch', True, 'Whether.')


@pytest.mark.parametrize(
    ('spec', 'value'),
    [(RATE, 0.0), (RATE, 10.0), (COUNT, 1), (COUNT, 5), (MODE, 'compressed'), (SWITCH, False)],
)
def test_a_value_within_its_range_is_taken(spec: ParameterSpec, value: object) -> None:
    assert spec.check(value) == value


def test_a_whole_number_will_do_for_a_double() -> None:
    value = RATE.check(7)
    assert value == 7.0
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ('spec', 'value', 'words'),
    [
        (RATE, 10.1, 'rate must be 0 .. 10, not 10.1'),
        (RATE, -1, 'rate must be 0 .. 10, not -1'),
        (RATE, math.nan, 'finite'),
        (RATE, math.inf, 'finite'),
        (RATE, True, 'must be a double, not bool'),
        (RATE, 'fast', 'must be a double, not string'),
        (COUNT, 2.0, 'must be a int, not double'),
        (COUNT, 6, 'count must be 1 .. 5, not 6'),
        (MODE, 'theora', 'must be one of raw, compressed'),
        (SWITCH, 1, 'must be a bool, not int'),
        (SWITCH, None, 'must be a bool, not nothing'),
        (MODE, ['raw'], 'must be a string, not a list'),
    ],
)
def test_any_other_value_is_refused_with_the_reason(
    spec: ParameterSpec, value: object, words: str
) -> None:
    with pytest.raises(ParameterError, match='^' + spec.name) as caught:
        spec.check(value)
    assert words in str(caught.value)


def test_a_descriptor_tells_range_choices_and_when() -> None:
    rate, count, mode = RATE.descriptor(), COUNT.descriptor(), MODE.descriptor()
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (
        0.0,
        10.0,
    )
    assert (count.integer_range[0].from_value, count.integer_range[0].to_value) == (1, 5)
    assert 'raw | compressed' in mode.additional_constraints
    assert 'at once' in rate.additional_constraints
    assert 'not active' in count.additional_constraints
    assert not any(each.read_only for each in (rate, count, mode))


def test_settings_become_parameters_and_back() -> None:
    specs = from_settings(FaceSettings, dynamic=['max_faces'])
    values = Values(specs, {'max_faces': 2})
    assert values.settings(FaceSettings) == FaceSettings(max_faces=2)
    by_name = {spec.name: spec for spec in specs}
    assert by_name['max_faces'].dynamic
    assert not by_name['margin'].dynamic
    assert by_name['landmarks'].choices == ('auto', 'off')
    assert all(spec.description.endswith('.') for spec in specs)


def test_a_misspelt_name_is_told_with_the_nearest_one() -> None:
    given = ['rat', 'use_sim_time', 'detector', 'qos_overrides./x.publisher.depth', 'count']
    warnings = misspelt(given, [RATE, COUNT], ['detector'])
    assert warnings == ['no parameter is called rat: it does nothing; did you mean rate?']


@pytest.mark.parametrize(
    ('name', 'why'),
    [
        ('emotion/face.publisher.depth', 'write qos_overrides.WHOLE_TOPIC.publisher.POLICY'),
        ('/emotion/face.publishers.depth', 'write qos_overrides.WHOLE_TOPIC.publisher.POLICY'),
        ('/emotion/face.publisher.relaibility', 'a publisher has history, reliability, '),
        ('/image_raw.subscription.lifespan', 'a subscription has history, reliability, '),
    ],
)
def test_an_override_of_qos_that_no_node_could_follow_is_told(name: str, why: str) -> None:
    given = [f'qos_overrides.{name}', 'qos_overrides./tf.subscription_of_robot.depth']
    (warning,) = misspelt(given, [RATE], [])
    assert warning.startswith(f'qos_overrides.{name} does nothing: {why}')
