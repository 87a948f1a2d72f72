from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fusion_arrays import (
    MakeEngine,
    envelope,
    faces,
    mouth,
    payloads,
    person,
    sharp,
    voice,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.estimates import EstimateArray
from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.sequencing import Sequencer
from mer_ros.fusion.settings import FusionSettings

HOLD_S = 0.05


def streams(until: float = 3.0) -> tuple[list[EstimateArray], list[EstimateArray]]:
    rng = np.random.default_rng(3)
    seen = [
        faces(frame / 20, person('face_1', rng.dirichlet(np.ones(7)).astype(np.float32), 0.8, 0.9))
        for frame in range(round(until * 20))
    ]
    heard = [
        voice(hop / 2, rng.dirichlet(np.ones(7)).astype(np.float32))
        for hop in range(1, round(until * 2))
    ]
    return seen, heard


def sequencer(envelopes: bool = False, hold_s: float = HOLD_S) -> Sequencer:
    chosen = FusionSettings()
    engine = FusionEngine(chosen, ParameterTable.single(FusionParameters()))
    engine.expect(envelopes=envelopes)
    return Sequencer(engine, hold_s)


def deliver(events: list[tuple[float, int, Any]], hold_s: float = HOLD_S) -> list[EstimateArray]:
    """Feed (arrival in seconds, 0 face, 1 audio or 2 envelope, it), polling when asked to."""
    target = sequencer(any(kind == 2 for _, kind, _ in events), hold_s)
    pushes = (target.push_face, target.push_audio, target.push_envelope)
    fused = []
    for now, kind, array in sorted(events, key=lambda event: event[:2]):
        deadline = target.deadline()
        if deadline is not None and deadline <= now:
            fused += target.poll(deadline)
        fused += pushes[kind](array, now)
    deadline = target.deadline()
    while deadline is not None:
        fused += target.poll(deadline)
        deadline = target.deadline()
    return fused


def arrivals(
    speed: float, face_jitter: list[float], audio_jitter: list[float], until: float = 3.0
) -> list[tuple[float, int, EstimateArray]]:
    seen, heard = streams(until)
    events = []
    for kind, arrays, jitter, lag in ((0, seen, face_jitter, 0.03), (1, heard, audio_jitter, 0.08)):
        latest = 0.0
        for index, array in enumerate(arrays):
            due = (array.stamp_ns * 1e-9 + lag) / speed + jitter[index % len(jitter)]
            latest = max(latest, due)  # a stream keeps its own order
            events.append((latest, kind, array))
    return events


LIVE = payloads(deliver(arrivals(1.0, [0.0], [0.0])))

jitters = st.lists(st.floats(0.0, 0.04), min_size=1, max_size=7)


@settings(max_examples=25)
@given(st.sampled_from([0.5, 1.0, 2.0, 4.0, 10.0]), jitters, jitters)
def test_neither_speed_nor_jitter_changes_a_byte(
    speed: float, face_jitter: list[float], audio_jitter: list[float]
) -> None:
    assert payloads(deliver(arrivals(speed, face_jitter, audio_jitter))) == LIVE


@settings(max_examples=25)
@given(
    st.sampled_from([0.6, 1.3, 1.52]),
    st.sampled_from([0.5, 1.0, 2.0, 4.0, 10.0]),
    jitters,
    jitters,
)
def test_nor_do_they_where_the_voice_begins_before_the_face_or_the_faces_come_back(
    begun_s: float, speed: float, face_jitter: list[float], audio_jitter: list[float]
) -> None:
    def late(
        rate: float, face: list[float], audio: list[float]
    ) -> list[tuple[float, int, EstimateArray]]:
        events = arrivals(rate, face, audio, until=6.0)
        gone = ((0.0, begun_s), (2.5, 2.5 + 2.0 * begun_s))
        return [
            (now, kind, array)
            for now, kind, array in events
            if kind or not any(a <= array.stamp_ns * 1e-9 < b for a, b in gone)
        ]

    whole = payloads(deliver(late(1.0, [0.0], [0.0]), 0.5))
    assert payloads(deliver(late(speed, face_jitter, audio_jitter), 0.5)) == whole
    alone = [row[0] for row in whole if row[0] < begun_s * 10**9]
    assert alone == [hop * 10**9 // 2 for hop in range(1, 1 + int(2 * begun_s))]


@pytest.mark.parametrize('first_s', [0.1, 0.6, 1.3])
def test_each_lap_is_as_the_first_where_the_voice_begins_it(first_s: float) -> None:
    lap = [each for each in arrivals(1.0, [0.0], [0.0]) if each[1] or each[0] >= first_s]
    again = [(now + 4.0, kind, array) for now, kind, array in lap]
    once = payloads(deliver(lap, 0.5))
    assert payloads(deliver(lap + again, 0.5)) == once + once


def talk(speed: float, jitters: tuple[list[float], ...]) -> list[tuple[float, int, Any]]:
    """Return the arrivals of two faces that talk, the voice of one, and its envelope."""
    seen = []
    for frame in range(80):
        now = frame / 20
        one = person('face_1', sharp(3), 0.8, mouth(now))
        seen.append(faces(now, one, person('face_2', sharp(4), 0.8, mouth(now, 20.0), 300)))
    heard = [voice(hop / 2, sharp(hop % 7)) for hop in range(2, 8)]
    told = [envelope(hop / 2) for hop in range(2, 8)]
    events = []
    for kind, (items, lag) in enumerate(((seen, 0.03), (heard, 0.08), (told, 0.081))):
        latest = 0.0
        for index, item in enumerate(items):
            due = (item.stamp_ns * 1e-9 + lag) / speed + jitters[kind][index % len(jitters[kind])]
            latest = max(latest, due)
            events.append((latest, kind, item))
    return events


STILL = ([0.0], [0.0], [0.0])
TALK = payloads(deliver(talk(1.0, STILL)))


@settings(max_examples=25)
@given(st.sampled_from([0.5, 1.0, 2.0, 4.0, 10.0]), jitters, jitters, jitters)
def test_nor_do_they_with_envelopes(
    speed: float, face: list[float], audio: list[float], told: list[float]
) -> None:
    assert payloads(deliver(talk(speed, (face, audio, told)))) == TALK


def test_envelopes_count_and_a_looped_bag_with_them_goes_through() -> None:
    events = talk(1.0, STILL)
    assert payloads(deliver([event for event in events if event[1] < 2])) != TALK
    again = [(now + 5.0, kind, item) for now, kind, item in events]
    assert payloads(deliver(events + again)) == TALK + TALK


def test_envelopes_that_are_expected_and_do_not_come_hold_the_first_faces_only() -> None:
    target = sequencer(envelopes=True)
    held = []
    for now, kind, item in sorted(talk(1.0, STILL), key=lambda event: event[:2]):
        target.poll(now)
        if kind == 1:
            target.push_audio(item, now)
        elif kind == 0 and not target.push_face(item, now):
            held.append(now)
    assert max(held) <= 2.1


def test_live_nothing_is_held_once_both_streams_run() -> None:
    target = sequencer()
    heard = 0
    for now, kind, array in sorted(arrivals(1.0, [0.0], [0.0]), key=lambda event: event[:2]):
        target.poll(now)
        if kind:
            target.push_audio(array, now)
            heard += 1
        else:
            fused = target.push_face(array, now)
            assert not heard or [each.stamp_ns for each in fused] == [array.stamp_ns]
    assert heard > 3


def test_faces_alone_are_held_at_the_start_only() -> None:
    target = sequencer()
    held = []
    for frame in range(80):
        now = frame / 20
        target.poll(now)
        if not target.push_face(faces(now, person('face_1', sharp(0))), now):
            held.append(now)
    assert max(held) <= 2.1


def test_a_dead_voice_holds_no_face_for_longer_than_allowed() -> None:
    target = sequencer()
    seen, heard = streams()
    for array in heard[:2]:
        target.push_audio(array, array.stamp_ns * 1e-9)
    waits = []
    for array in seen:
        now = array.stamp_ns * 1e-9
        target.poll(now)
        target.push_face(array, now)
        deadline = target.deadline()
        waits.append(0.0 if deadline is None else deadline - now)
    assert max(waits) <= HOLD_S + 1e-9
    assert waits[-1] == 0.0


def test_a_bad_array_is_refused_and_nothing_is_lost(make_engine: MakeEngine) -> None:
    target = sequencer()
    good = faces(0.0, person('face_1', sharp(0)))
    with pytest.raises(FusionError):
        target.push_face(faces(0.1, person('face_1', np.full(7, 0.9, np.float32))), 0.1)
    assert len(target.push_face(good, 0.2) + target.poll(0.3)) == 1


def test_a_looped_bag_goes_through() -> None:
    events = arrivals(1.0, [0.0], [0.0])
    again = [(now + 4.0, kind, array) for now, kind, array in events]
    fused = payloads(deliver(events + again))
    assert fused[: len(LIVE)] == LIVE
    assert [item[0] for item in fused[len(LIVE) :]] == [item[0] for item in LIVE]


@settings(max_examples=10)
@given(st.sampled_from([1.0, 2.0, 10.0]), jitters, jitters, jitters, st.floats(0.0, 0.3))
def test_each_lap_of_a_looped_bag_is_the_same_whichever_stream_begins_it(
    speed: float, face: list[float], audio: list[float], told: list[float], late: float
) -> None:
    events = []
    for kind in range(3):
        # The streams begin the next lap at different times, before or after the others' last.
        own = [event for event in talk(speed, (face, audio, told)) if event[1] == kind]
        start = own[-1][0] + (late if kind == 0 else 0.0)
        events += own + [(now + start, kind, item) for now, _, item in own]
    fused = payloads(deliver(events, hold_s=0.5))
    assert fused == TALK + TALK


def test_a_face_stream_that_begins_anew_alone_goes_on_after_the_hold() -> None:
    target = sequencer()
    seen, heard = streams()
    for array in heard[:5]:
        target.push_audio(array, 0.0)
    assert len([fused for array in seen for fused in target.push_face(array, 0.0)]) > 40
    target.poll(1.0)
    assert not target.push_face(seen[0], 2.0)
    assert len(target.poll(2.0 + HOLD_S)) == 1
    assert len(target.push_face(seen[1], 3.0) + target.poll(3.0 + HOLD_S)) == 1


def test_envelopes_that_alone_go_back_are_used_and_do_not_pile_up() -> None:
    def fused(events: list[tuple[float, int, Any]]) -> list[Any]:
        target = sequencer()
        pushes = (target.push_face, target.push_audio, target.push_envelope)
        found = []
        for now, kind, item in sorted(events, key=lambda event: event[:2]):
            found += target.poll(now)
            found += pushes[kind](item, now)
            assert len(target._envelopes) <= 2
        return payloads(found)

    events = talk(1.0, STILL)
    ahead = [
        (now, kind, replace(item, stamp_ns=item.stamp_ns + 20 * 10**9))
        if kind == 2 and now < 1.2
        else (now, kind, item)
        for now, kind, item in events
    ]
    without = fused([each for each in events if each[1] < 2])
    assert fused(ahead)[-10:] != without[-10:]
