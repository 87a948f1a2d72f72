from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fusion_arrays import SECOND, envelope, mouth
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.face import motion
from mer_ros.fusion import envelope as tested
from mer_ros.fusion.envelope import LIMIT, MouthTrace, SoundTrack, belongs, check_envelope, evidence
from mer_ros.fusion.errors import FusionError


def track(until: float, hop_s: float = 0.5, offset_ns: int = 0, gain: float = 1.0) -> SoundTrack:
    sound = SoundTrack()
    for index in range(round((until - 1.0) / hop_s) + 1):
        features = envelope(1.0 + index * hop_s, gain=gain)
        sound.add(replace(features, stamp_ns=features.stamp_ns + offset_ns))
    return sound


def trace(until: float, shift_s: float = 0.0, rate: float = 25.0, offset_ns: int = 0) -> MouthTrace:
    seen = MouthTrace()
    for frame in range(round(until * rate)):
        talking = mouth(frame / rate, shift_s)
        odds = float(np.log(talking / (1.0 - talking)))
        seen.add(round(frame / rate * SECOND) + offset_ns, odds)
    return seen


def test_a_mouth_that_follows_the_sound_has_it_and_others_have_not() -> None:
    sound = track(6.0)
    assert belongs(trace(6.2), sound) == LIMIT
    assert belongs(trace(6.2, 20.0), sound) < 0.0


def test_more_time_tells_more() -> None:
    found = [belongs(trace(until + 0.2), track(until)) for until in (1.0, 1.5, 2.0, 3.0)]
    assert found[0] == 0.0
    assert 0.0 < found[1] < found[2] <= found[3]


def test_how_the_sound_is_cut_into_windows_changes_little() -> None:
    mouths = trace(4.2)
    found = [belongs(mouths, track(4.0, hop)) for hop in (0.1, 0.25, 0.5, 1.0)]
    assert max(found) - min(found) < 1e-6


@pytest.mark.parametrize('rate', [10.0, 15.0, 60.0])
def test_the_frame_rate_changes_little(rate: float) -> None:
    sound = track(3.0)
    expected = belongs(trace(3.2, 20.0), sound)
    assert belongs(trace(3.2, 20.0, rate), sound) == pytest.approx(expected, abs=0.4)


def test_neither_the_volume_nor_the_time_of_day_matters() -> None:
    here = belongs(trace(3.2, 20.0), track(3.0))
    assert belongs(trace(3.2, 20.0), track(3.0, gain=1e-3)) == pytest.approx(here, abs=1e-4)
    offset = 1_700_000_000_123_456_789
    assert belongs(trace(3.2, 20.0, offset_ns=offset), track(3.0, offset_ns=offset)) == here


def test_a_gap_in_the_sound_starts_anew() -> None:
    sound = track(4.0)
    sound.add(envelope(6.0))
    assert belongs(trace(6.2), sound) == 0.0
    assert sound.end_ns == 6 * SECOND


def test_sound_that_is_told_twice_changes_nothing() -> None:
    sound = track(4.0)
    before = belongs(trace(4.2), sound)
    sound.add(envelope(4.0))
    assert belongs(trace(4.2), sound) == before


def test_a_mouth_that_was_lost_for_a_while_is_not_compared_in_between() -> None:
    seen = MouthTrace()
    for frame in range(150):
        if not 40 <= frame < 110:
            seen.add(round(frame / 25 * SECOND), 1.0)
    stamps = np.arange(0, 6 * SECOND, SECOND // 25)
    _, known = seen.at(stamps)
    assert known[5:35].all()
    assert not known[45:105].any()


@pytest.mark.parametrize('level', [0.0, 0.1])
def test_sound_without_a_course_tells_nothing(level: float) -> None:
    sound = SoundTrack()
    for second in (1, 2, 3, 4):
        features = envelope(float(second))
        sound.add(replace(features, envelope=np.full(100, level, np.float32)))
    assert belongs(trace(4.2), sound) == 0.0


def test_a_face_that_was_just_seen_tells_nothing() -> None:
    assert belongs(MouthTrace(), track(4.0)) == 0.0
    assert belongs(trace(4.2), SoundTrack()) == 0.0


@given(st.floats(-1.0, 1.0), st.floats(0.0, 10.0))
def test_evidence_is_bounded_and_grows_with_the_correlation(value: float, span: float) -> None:
    assert -LIMIT <= evidence(value, span) <= LIMIT
    assert evidence(value, span) <= evidence(min(value + 0.1, 1.0), span)
    assert evidence(value, 0.0) == 0.0


@pytest.mark.parametrize(
    'change',
    [
        {'envelope_rate': 0.0},
        {'envelope_rate': float('nan')},
        {'envelope': np.full(100, np.nan, np.float32)},
        {'envelope': np.full(100, -1.0, np.float32)},
    ],
)
def test_features_that_are_none_are_refused(change: dict[str, object]) -> None:
    check_envelope(envelope(1.0))
    with pytest.raises(FusionError, match='envelope'):
        check_envelope(replace(envelope(1.0), **change))


def test_it_undoes_the_smoothing_that_the_face_room_does() -> None:
    assert tested.SMOOTH_S == motion.SMOOTH_S
