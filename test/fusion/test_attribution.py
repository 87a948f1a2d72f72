from __future__ import annotations

from itertools import pairwise

import pytest
from fusion_arrays import envelope, mouth

from mer_ros.fusion.attribution import Attribution, Attributor, Box, VisibleFace
from mer_ros.fusion.settings import FusionSettings

SECOND = 1_000_000_000
LEFT, RIGHT = (0, 0, 100, 100), (300, 0, 100, 100)


def visible(name: str, speaking: float, roi: Box = LEFT) -> VisibleFace:
    return VisibleFace(name, speaking, roi)


def run(
    attributor: Attributor,
    faces: list[VisibleFace],
    speech: float,
    seconds: float,
    start: float = 0.0,
    rate: float = 25.0,
) -> list[Attribution]:
    return [
        attributor.update(faces, speech, round((start + frame / rate) * SECOND))
        for frame in range(round(seconds * rate))
    ]


def test_the_face_whose_mouth_moves_gets_the_voice() -> None:
    faces = [visible('a', 0.95), visible('b', 0.05, RIGHT)]
    found = run(Attributor(FusionSettings()), faces, 0.9, 2.0)
    assert {item.bound for item in found[25:]} == {'a'}
    assert found[-1].heard['a'] > 0.95
    assert found[-1].heard['b'] < 0.05


def test_two_mouths_that_move_leave_the_voice_to_itself() -> None:
    faces = [visible('a', 0.95), visible('b', 0.95, RIGHT)]
    found = run(Attributor(FusionSettings()), faces, 0.9, 3.0)
    assert {item.bound for item in found} == {None}


def converse(
    attributor: Attributor, seconds: float, sound: float = 10.0, silent: bool = False
) -> list[Attribution]:
    """Let two faces talk, of which ``a`` is heard, and the envelope be known for some time."""
    found = []
    for frame in range(round(25 * seconds)):
        now = 1.0 + frame / 25
        if frame % 12 == 6 and now - 0.15 < sound and not silent:
            attributor.hear(envelope(now - 0.15))
        faces = [visible('a', mouth(now)), visible('b', mouth(now, 20.0), RIGHT)]
        found.append(attributor.update(faces, 0.9, round(now * SECOND)))
    return found


def test_of_two_faces_that_talk_the_one_that_follows_the_sound_gets_the_voice() -> None:
    found = converse(Attributor(FusionSettings()), 6.0)
    assert found[-1].bound == 'a'
    assert 'b' not in {item.bound for item in found}
    alone = converse(Attributor(FusionSettings()), 6.0, silent=True)
    assert found[-1].heard['a'] > alone[-1].heard['a']


def test_what_the_envelope_told_is_forgotten_when_no_more_of_it_comes() -> None:
    found = converse(Attributor(FusionSettings()), 8.0, sound=5.0)
    other = converse(Attributor(FusionSettings()), 8.0, silent=True)
    assert found[80].heard != other[80].heard
    assert found[-1].heard == other[-1].heard


def test_a_still_face_does_not_get_a_voice_by_its_envelope() -> None:
    attributor = Attributor(FusionSettings())
    found = []
    for frame in range(200):
        now = 1.0 + frame / 25
        if frame % 12 == 6:
            attributor.hear(envelope(now - 0.15))
        faces = [visible('a', 0.2 * mouth(now))]
        found.append(attributor.update(faces, 0.9, round(now * SECOND)))
    assert {item.bound for item in found} == {None}


def test_a_lone_still_face_does_not_get_a_voice_off_screen() -> None:
    found = run(Attributor(FusionSettings()), [visible('a', 0.05)], 0.9, 5.0)
    assert {item.bound for item in found} == {None}


def test_a_mouth_that_moves_in_silence_is_not_bound_when_another_speaks() -> None:
    attributor = Attributor(FusionSettings())
    run(attributor, [visible('a', 0.95), visible('b', 0.05, RIGHT)], 0.0, 4.0)
    both = [visible('a', 0.95), visible('b', 0.95, RIGHT)]
    found = run(attributor, both, 0.9, 1.0, start=4.0)
    assert found[-1].heard['b'] > found[-1].heard['a']


def test_the_voice_changes_its_owner_within_about_a_second() -> None:
    attributor = Attributor(FusionSettings())
    run(attributor, [visible('a', 0.95), visible('b', 0.05, RIGHT)], 0.9, 5.0)
    found = run(attributor, [visible('a', 0.05), visible('b', 0.95, RIGHT)], 0.9, 2.0, start=5.0)
    moment = next(index for index, item in enumerate(found) if item.bound == 'b')
    assert moment / 25.0 < 1.2


def test_a_short_pause_of_the_mouth_keeps_the_binding() -> None:
    attributor = Attributor(FusionSettings())
    run(attributor, [visible('a', 0.95), visible('b', 0.05, RIGHT)], 0.9, 4.0)
    still = [visible('a', 0.2), visible('b', 0.05, RIGHT)]
    found = run(attributor, still, 0.9, 0.4, start=4.0)
    assert {item.bound for item in found} == {'a'}


def test_the_voice_stays_with_a_lost_face_for_a_while_and_then_is_nobodys() -> None:
    settings = FusionSettings(follow_s=1.0)
    attributor = Attributor(settings)
    run(attributor, [visible('a', 0.95)], 0.9, 3.0)
    found = run(attributor, [], 0.9, 2.0, start=3.0)
    assert found[20].bound == 'a'
    assert found[-1].bound is None


def test_a_face_found_again_in_its_place_takes_over_whatever_its_name() -> None:
    attributor = Attributor(FusionSettings())
    run(attributor, [visible('a', 0.95)], 0.9, 3.0)
    run(attributor, [], 0.9, 0.3, start=3.0)
    found = run(attributor, [visible('c', 0.9, (10, 5, 100, 100))], 0.9, 0.1, start=3.3)
    assert found[0].bound == 'c'


def test_a_face_elsewhere_does_not_take_over() -> None:
    attributor = Attributor(FusionSettings())
    run(attributor, [visible('a', 0.95)], 0.9, 3.0)
    found = run(attributor, [visible('c', 0.05, RIGHT)], 0.9, 2.0, start=3.0)
    assert 'c' not in {item.bound for item in found}


@pytest.mark.parametrize(('prior', 'bound'), [(0.9, 'a'), (0.5, None), (0.0, None)])
def test_a_lone_face_without_a_cue_follows_the_setting(prior: float, bound: str | None) -> None:
    attributor = Attributor(FusionSettings(lone_face_prior=prior))
    found = run(attributor, [visible('a', 0.0)], 0.9, 3.0)
    assert found[-1].bound == bound
    assert found[0].bound is None


def test_a_mouth_that_stops_to_tell_anything_leaves_the_lone_face_to_the_setting() -> None:
    attributor = Attributor(FusionSettings())
    assert run(attributor, [visible('a', 0.05)], 0.9, 3.0)[-1].bound is None
    found = run(attributor, [visible('a', 0.0)], 0.9, 3.0, start=3.0)
    assert [item.bound for item in found[:20]] == [None] * 20
    assert found[-1].bound == 'a'


def test_who_comes_by_an_old_name_after_a_long_absence_is_somebody_new() -> None:
    attributor = Attributor(FusionSettings())
    assert run(attributor, [visible('face_1', 0.95)], 0.9, 3.0)[-1].bound == 'face_1'
    for second in range(3, 33):  # the face node is away, the voice goes on
        attributor.update(None, 0.9, second * SECOND)
    found = run(attributor, [visible('face_1', 0.05, RIGHT)], 0.9, 1.0, start=33.0)
    assert {item.bound for item in found} == {None}


@pytest.mark.parametrize('pause', [0.9, 1.5, 2.9])
def test_a_pause_of_the_images_leaves_the_voice_with_its_face(pause: float) -> None:
    attributor = Attributor(FusionSettings())
    faces = [visible('a', 0.95), visible('b', 0.05, RIGHT)]
    run(attributor, faces, 0.9, 3.0)
    first = [visible('a', 0.0), visible('b', 0.0, RIGHT)]  # one image tells nothing of motion
    found = run(attributor, first, 0.9, 0.04, start=3.0 + pause)
    found += run(attributor, faces, 0.9, 1.0, start=3.04 + pause)
    assert {item.bound for item in found} == {'a'}


def test_two_faces_without_a_cue_leave_the_voice_to_itself() -> None:
    faces = [visible('a', 0.0), visible('b', 0.0, RIGHT)]
    found = run(Attributor(FusionSettings()), faces, 0.9, 3.0)
    assert {item.bound for item in found} == {None}


def test_nothing_is_bound_before_there_is_speech() -> None:
    found = run(Attributor(FusionSettings()), [visible('a', 0.95)], 0.0, 3.0)
    assert {item.bound for item in found} == {None}


def test_probabilities_leave_room_for_somebody_out_of_sight() -> None:
    faces = [visible('a', 0.7), visible('b', 0.4, RIGHT)]
    for item in run(Attributor(FusionSettings()), faces, 0.8, 3.0):
        assert all(0.0 <= value <= 1.0 for value in item.heard.values())
        assert sum(item.heard.values()) <= 1.0


def test_the_order_of_the_faces_does_not_matter() -> None:
    faces = [visible('a', 0.9), visible('b', 0.3, RIGHT)]
    one = run(Attributor(FusionSettings()), faces, 0.9, 2.0)
    other = run(Attributor(FusionSettings()), faces[::-1], 0.9, 2.0)
    assert one == other


def test_the_frame_rate_hardly_matters() -> None:
    moments = []
    for rate in (5.0, 10.0, 25.0, 60.0):
        faces = [visible('a', 0.9), visible('b', 0.1, RIGHT)]
        found = run(Attributor(FusionSettings()), faces, 0.9, 3.0, rate=rate)
        moments.append(next(i for i, item in enumerate(found) if item.bound == 'a') / rate)
    assert max(abs(one - other) for one, other in pairwise(moments)) <= 0.2
