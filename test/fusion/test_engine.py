from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fusion_arrays import (
    SECOND,
    MakeEngine,
    faces,
    payload,
    payloads,
    person,
    sharp,
    silence,
    voice,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.emotions import UNKNOWN, Emotion
from mer_ros.estimates import Estimate, EstimateArray, Modality
from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.settings import FusionSettings

JOY, ANGER, SAD = int(Emotion.HAPPINESS), int(Emotion.ANGER), int(Emotion.SADNESS)


def talker(seconds: float, label: int = JOY, top: float = 0.7, **more: float) -> EstimateArray:
    return faces(seconds, person('face_1', sharp(label, top), **{'speaking': 0.95, **more}))


def conversation(until: float = 4.0) -> tuple[list[EstimateArray], list[EstimateArray]]:
    """Return face arrays at 30 Hz and audio arrays at 2 Hz with something going on."""
    rng = np.random.default_rng(5)
    seen = []
    for frame in range(round(until * 30)):
        table = rng.dirichlet(np.full(7, 0.5)).astype(np.float32)
        other = rng.dirichlet(np.full(7, 0.5)).astype(np.float32)
        people = [
            person('face_1', table, float(rng.uniform(0, 1)), float(rng.uniform(0.6, 1))),
            person('face_2', other, float(rng.uniform(0, 1)), float(rng.uniform(0, 0.3)), 300),
        ]
        seen.append(faces(frame / 30, *people[: 1 + (frame // 20) % 2]))
    heard = []
    for hop in range(1, round(until * 2) + 1):
        table = rng.dirichlet(np.full(7, 0.5)).astype(np.float32)
        heard.append(silence(hop / 2) if hop % 5 == 0 else voice(hop / 2, table))
    return seen, heard


def play(
    engine: FusionEngine,
    seen: list[EstimateArray],
    heard: list[EstimateArray],
    lag: float = 0.08,
    face_lag: float = 0.03,
) -> list[EstimateArray]:
    """Feed both streams as they come live, each so long after its stamp."""
    events = [(array.stamp_ns + face_lag * SECOND, 0, array) for array in seen]
    events += [(array.stamp_ns + lag * SECOND, 1, array) for array in heard]
    fused = []
    for _, kind, array in sorted(events, key=lambda event: event[:2]):
        fused += engine.add_audio(array) if kind else engine.add_face(array)
    return fused


def test_every_face_array_gives_a_fused_array_of_its_stamp_and_frame(
    make_engine: MakeEngine,
) -> None:
    seen, heard = conversation()
    fused = play(make_engine(), seen, heard)
    assert [array.stamp_ns for array in fused] == [array.stamp_ns for array in seen]
    assert {array.frame_id for array in fused} == {'camera'}
    assert {(array.image_width, array.image_height) for array in fused} == {(640, 480)}


def test_what_is_published_keeps_the_promises_of_the_message(make_engine: MakeEngine) -> None:
    seen, heard = conversation()
    for array in play(make_engine(), seen, heard):
        used = Modality.NONE
        for item in array.estimates:
            assert item.probabilities.dtype == np.float32
            assert item.probabilities.shape == (7,)
            assert item.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
            assert 0.0 <= item.reliability <= 1.0
            assert 0.0 <= item.speaking <= 1.0
            assert -1.0 <= item.valence <= 1.0
            assert -1.0 <= item.arousal <= 1.0
            assert item.label_since_ns <= array.stamp_ns
            if item.label == UNKNOWN:
                assert item.confidence == 0.0
            else:
                assert item.confidence == item.probabilities[item.label]
            if item.evidence:
                assert sum(part.weight for part in item.evidence) == pytest.approx(1.0, abs=1e-5)
            for part in item.evidence:
                used |= part.modality
                assert part.stamp_ns <= array.stamp_ns
                assert 0.0 < part.reliability <= 1.0
        assert array.modalities == used


def test_the_audio_used_is_the_newest_that_is_old_enough(make_engine: MakeEngine) -> None:
    seen, heard = conversation()
    ages = [
        (array.stamp_ns - part.stamp_ns) / SECOND
        for array in play(make_engine(), seen, heard)
        for item in array.estimates
        for part in item.evidence
        if part.modality is Modality.AUDIO
    ]
    assert min(ages) >= 0.15 - 1e-9
    assert np.percentile(ages, 95) <= 0.7


@settings(max_examples=15)
@given(st.floats(0.0, 0.17), st.floats(0.0, 0.17))
def test_how_late_the_audio_comes_does_not_matter(first: float, second: float) -> None:
    seen, heard = conversation(2.0)

    def result(lag: float) -> list[tuple[object, ...]]:
        table = ParameterTable.single(FusionParameters(baseline_utterances=20.0))
        return payloads(play(FusionEngine(FusionSettings(), table), seen, heard, lag))

    assert result(first) == result(second)


def test_the_same_streams_twice_give_the_same_bytes(make_engine: MakeEngine) -> None:
    seen, heard = conversation()
    engine = make_engine()
    first = payloads(play(engine, seen, heard))
    engine.reset()
    assert payloads(play(engine, seen, heard)) == first


def test_pairs_told_again_change_nothing(make_engine: MakeEngine) -> None:
    seen, heard = conversation()
    plain, paired = make_engine(), make_engine()
    expected = payloads(play(plain, seen, heard))
    found = []
    for array in seen:
        found += paired.add_face(array)
        for other in heard:
            if array.stamp_ns - 0.1 * SECOND <= other.stamp_ns + 0.08 * SECOND <= array.stamp_ns:
                paired.add_audio(other)
                assert paired.add_face(array) == []
                assert paired.add_audio(other) == []
    assert [item[0] for item in payloads(found)] == [item[0] for item in expected]


def test_a_worthless_voice_costs_nothing(make_engine: MakeEngine) -> None:
    alone, beside = make_engine(), make_engine()
    for frame in range(60):
        seconds = frame / 30
        if frame % 15 == 0:
            beside.add_audio(voice(seconds, sharp(ANGER), reliability=0.0))
        array = talker(seconds, JOY if frame < 30 else SAD)
        one, other = alone.add_face(array)[0], beside.add_face(array)[0]
        assert (
            one.estimates[0].probabilities.tobytes() == other.estimates[0].probabilities.tobytes()
        )
        assert one.estimates[0].label == other.estimates[0].label
        assert one.estimates[0].reliability == other.estimates[0].reliability


def test_a_worthless_face_leaves_what_the_voice_says_alone(make_engine: MakeEngine) -> None:
    def last(face_reliability: float | None) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        engine = make_engine(smoothing_s=0.0)
        for frame in range(90):
            seconds = frame / 30
            if frame % 15 == 0:
                engine.add_audio(voice(seconds, sharp(ANGER)))
            array = (
                talker(seconds, JOY, reliability=face_reliability)
                if face_reliability is not None
                else faces(seconds)
            )
            fused = engine.add_face(array)
        return fused[0].estimates[0].probabilities

    assert last(0.0).tobytes() == last(None).tobytes()


def test_a_face_alone_at_full_reliability_gives_its_own_probabilities(
    make_engine: MakeEngine,
) -> None:
    fused = make_engine().add_face(talker(0.0, JOY, reliability=1.0))
    np.testing.assert_allclose(fused[0].estimates[0].probabilities, sharp(JOY), rtol=1e-5)


def test_with_nothing_reliable_the_label_is_unknown(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.add_audio(voice(0.0, sharp(ANGER), reliability=0.0))
    fused = engine.add_face(talker(0.3, JOY, reliability=0.0))[0]
    assert [item.label for item in fused.estimates] == [UNKNOWN]
    assert fused.estimates[0].confidence == 0.0
    np.testing.assert_allclose(fused.estimates[0].probabilities, 1 / 7, rtol=1e-6)
    assert fused.modalities == Modality.NONE


def test_nobody_and_silence_is_an_empty_array(make_engine: MakeEngine) -> None:
    engine = make_engine()
    assert engine.add_audio(silence(0.0))[0].estimates == ()
    fused = engine.add_face(faces(0.3))
    assert len(fused) == 1
    assert fused[0].estimates == ()


def test_nobody_in_view_and_a_voice_is_the_subject_audio(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.add_audio(voice(0.0, sharp(SAD)))
    fused = engine.add_face(faces(0.2))[0]
    assert [item.subject_id for item in fused.estimates] == ['audio']
    assert fused.estimates[0].label == SAD
    assert fused.estimates[0].roi == (0, 0, 0, 0)
    assert fused.modalities == Modality.AUDIO


def test_without_a_face_stream_results_come_at_the_audios_rate(make_engine: MakeEngine) -> None:
    engine = make_engine()
    fused = [item for hop in range(8) for item in engine.add_audio(voice(hop / 2, sharp(SAD)))]
    assert [item.stamp_ns for item in fused] == [round(hop / 2 * SECOND) for hop in range(8)]
    assert fused[-1].frame_id == 'microphone'
    assert fused[-1].window_ns == SECOND


def test_when_the_faces_stop_the_audio_takes_over_and_gives_way_again(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine()
    engine.add_face(talker(0.0))
    assert engine.add_audio(voice(0.5, sharp(SAD))) == []
    assert len(engine.add_audio(voice(1.0, sharp(SAD)))) == 1
    assert len(engine.add_audio(voice(1.5, sharp(SAD)))) == 1
    assert len(engine.add_face(talker(1.6))) == 1
    assert engine.add_audio(voice(2.0, sharp(SAD))) == []


@pytest.mark.parametrize(('rate', 'late'), [(30, 1.2), (30, 3.0), (2, 1.0)])
def test_faces_that_come_late_are_waited_for_once_that_is_known(
    make_engine: MakeEngine, rate: int, late: float
) -> None:
    engine = make_engine()
    seen = [talker(frame / rate) for frame in range(20 * rate)]
    heard = [voice(hop / 2, sharp(SAD)) for hop in range(40)]
    fused = play(engine, seen, heard, 0.1, late)
    with_faces = [array for array in fused if array.image_width]
    assert len(with_faces) == len(seen)
    assert len(fused) - len(with_faces) < 2 * (late + 3)
    assert 0.0 < engine.late_s <= late
    settled = [array for array in with_faces if array.stamp_ns > 5 * SECOND]
    assert all(array.modalities == Modality.FACE | Modality.AUDIO for array in settled)
    assert min(array.estimates[0].speaking for array in settled) > 0.5


def test_faces_that_were_late_once_are_waited_for_only_for_a_while(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.add_face(talker(0.0))
    for hop in range(1, 17):
        engine.add_audio(voice(hop / 2, sharp(SAD)))
    engine.add_face(talker(0.1))  # what a stalled camera had kept
    assert engine.late_s == pytest.approx(7.9)
    for frame in range(1, 800):
        engine.add_face(talker(8.0 + frame / 20))
        if frame % 10 == 0:
            engine.add_audio(voice(8.0 + frame / 20, sharp(SAD)))
        if frame == 200:
            assert engine.late_s == pytest.approx(7.9)
    assert engine.late_s == 0.0


def test_faces_that_are_always_late_are_always_waited_for(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.add_face(talker(0.0))
    late = []
    for frame in range(1, 1600):
        if frame % 10 == 0:
            engine.add_audio(voice(frame / 20, sharp(SAD)))
        if frame > 60:
            engine.add_face(talker(frame / 20 - 3.0))
            late.append(engine.late_s)
    assert min(late[1:]) > 0.0


def test_a_camera_whose_clock_is_ahead_does_not_silence_the_voice(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.add_face(talker(60.0))
    fused = [item for hop in range(8) for item in engine.add_audio(voice(hop / 2, sharp(SAD)))]
    assert len(fused) == 8


@pytest.mark.parametrize('period_s', [1.5, 3.0])
def test_between_few_images_the_voice_is_not_fused_alone(
    make_engine: MakeEngine, period_s: float
) -> None:
    engine = make_engine()
    seen = [faces(index * period_s, person('face_1', sharp(0))) for index in range(8)]
    heard = [voice(hop / 2, sharp(1)) for hop in range(1, round(14 * period_s))]
    alone = []
    for array in sorted(seen + heard, key=lambda each: each.stamp_ns):
        if array in seen:
            engine.add_face(array)
        else:
            alone += [each.stamp_ns / SECOND for each in engine.add_audio(array)]
    # Only the second face tells that they are few; the camera stops after the eighth.
    assert [each for each in alone if period_s < each < 7 * period_s] == []
    for array in (voice(hop / 2, sharp(1)) for hop in range(round(14 * period_s), 60)):
        alone += [each.stamp_ns / SECOND for each in engine.add_audio(array)]
    assert max(alone) > 25.0
    first = min(each for each in alone if each > 7 * period_s)
    assert first == pytest.approx(9 * period_s, abs=0.5)


@pytest.mark.parametrize(('behind', 'unused'), [(0.5, 0.0), (1.9, 0.0), (2.5, 2.5), (9.0, 9.0)])
def test_a_voice_too_far_behind_the_faces_is_told(
    make_engine: MakeEngine, behind: float, unused: float
) -> None:
    engine = make_engine()
    for frame in range(300):
        engine.add_face(talker(20.0 + frame / 30))
        if frame % 15 == 0:
            engine.add_audio(voice(20.0 + frame / 30 - behind, sharp(SAD)))
    assert engine.unused_s == pytest.approx(unused)
    engine.reset()
    assert engine.unused_s == 0.0


def test_a_voice_of_a_clock_far_behind_keeps_its_label(make_engine: MakeEngine) -> None:
    engine = make_engine()
    since = set()
    for frame in range(240):
        engine.add_face(talker(100.0 + frame / 30))
        if frame % 15 == 0:
            fused = engine.add_audio(voice(80.0 + frame / 30, sharp(SAD)))
            since |= {item.label_since_ns for array in fused for item in array.estimates}
    assert since == {80 * SECOND}


def test_what_was_heard_before_a_long_silence_is_forgotten(make_engine: MakeEngine) -> None:
    def hear(engine: FusionEngine) -> Estimate:
        mixed = np.array([0.2, 0.06, 0.06, 0.44, 0.08, 0.08, 0.08], np.float32)
        return engine.add_audio(voice(600.0, mixed))[0].estimates[0]

    engine = make_engine()
    for hop in range(6):
        engine.add_audio(voice(hop / 2, sharp(ANGER)))
    for hop in range(6, 1200):
        engine.add_audio(silence(hop / 2))
    assert hear(engine).label == hear(make_engine()).label == JOY


@pytest.mark.parametrize('name', ['', 'audio'])
def test_a_face_needs_a_name_of_its_own(make_engine: MakeEngine, name: str) -> None:
    with pytest.raises(FusionError, match='give each face a name'):
        make_engine().add_face(faces(1.0, person(name, sharp(JOY))))


def test_stamps_of_two_clocks_a_day_apart_are_fused_each_for_itself(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine()
    for frame in range(60):
        assert len(engine.add_face(talker(frame / 30))) == 1
        if frame % 15 == 0:
            assert len(engine.add_audio(voice(86_400.0 + frame / 30, sharp(SAD)))) == 1


def test_old_audio_fades_and_then_is_not_used(make_engine: MakeEngine) -> None:
    engine = make_engine(audio_half_life_s=0.5, audio_timeout_s=1.0)
    engine.add_face(faces(0.0))
    engine.add_audio(voice(0.1, sharp(SAD), reliability=0.8))
    young = engine.add_face(faces(0.6))[0].estimates[0].reliability
    assert young == pytest.approx(0.4)
    assert engine.add_face(faces(1.2))[0].estimates == ()


def test_a_looped_bag_goes_on_as_it_began(make_engine: MakeEngine) -> None:
    seen, heard = conversation()
    engine = make_engine()
    first = payloads(play(engine, seen, heard))
    second = payloads(play(engine, seen, heard))
    assert engine.late == 0
    assert [item[0] for item in second] == [item[0] for item in first]
    assert second == first


def test_a_result_a_little_older_than_the_one_before_is_left_out(make_engine: MakeEngine) -> None:
    engine, clean = make_engine(), make_engine()
    for each in (engine, clean):
        each.add_audio(voice(0.05, sharp(SAD)))
        each.add_face(talker(0.3))
    assert engine.add_face(talker(0.29, SAD)) == []
    assert engine.add_audio(voice(0.04, sharp(JOY))) == []
    assert engine.late == 2
    assert payload(engine.add_face(talker(0.4))[0]) == payload(clean.add_face(talker(0.4))[0])


def test_new_settings_forget_nothing(make_engine: MakeEngine) -> None:
    engine, clean = make_engine(), make_engine()
    for each in (engine, clean):
        for frame in range(90):
            if frame % 15 == 0:
                each.add_audio(voice(frame / 30, sharp(JOY)))
            each.add_face(talker(frame / 30))
    engine.settings = FusionSettings(follow_s=2.0)
    assert payload(engine.add_face(talker(3.0))[0]) == payload(clean.add_face(talker(3.0))[0])
    engine.settings = FusionSettings(neutral_bias=5.0, dwell_s=0.0, bind_threshold=1.0)
    later = [engine.add_face(talker(3.1 + frame / 30))[0].estimates[0] for frame in range(30)]
    assert later[-1].label == Emotion.NEUTRAL
    engine.settings = FusionSettings(audio_delay_s=2.0, audio_timeout_s=0.1)
    after = engine.add_face(talker(4.2))[0].estimates[0]
    assert [part.modality for part in after.evidence] == [Modality.FACE]


@pytest.mark.parametrize('ahead', [0.0, 12.0, 3600.0])
def test_a_voice_of_another_clock_leaves_the_faces_their_labels(
    make_engine: MakeEngine, ahead: float
) -> None:
    engine = make_engine()
    since = set()
    for frame in range(240):
        if frame % 15 == 0:
            engine.add_audio(voice(ahead + frame / 30, sharp(JOY)))
        found = engine.add_face(talker(frame / 30, JOY))[0].estimates
        since |= {item.label_since_ns for item in found if item.subject_id == 'face_1'}
    assert len(since) == 1


def test_a_long_gap_starts_the_subject_anew(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for frame in range(30):
        engine.add_face(talker(frame / 30, JOY))
    fresh = make_engine().add_face(talker(100.0, SAD))[0].estimates[0]
    late = engine.add_face(talker(100.0, SAD))[0].estimates[0]
    assert late.probabilities.tobytes() == fresh.probabilities.tobytes()
    assert late.label_since_ns == 100 * SECOND


def test_a_voice_that_keeps_disagreeing_loses_its_weight(make_engine: MakeEngine) -> None:
    engine = make_engine()
    shares = []
    for frame in range(30 * 30):
        seconds = frame / 30
        if frame % 15 == 0:
            engine.add_audio(voice(seconds, sharp(SAD, 0.97), reliability=1.0))
        fused = engine.add_face(talker(seconds, JOY, 0.9, reliability=1.0))[0]
        shares += [
            part.weight for part in fused.estimates[0].evidence if part.modality is Modality.AUDIO
        ]
    assert shares[-1] < 0.5 * shares[0]
    assert fused.estimates[0].label == JOY


@pytest.mark.parametrize('reliability', [1.0, 0.5, 0.1])
@pytest.mark.parametrize('audio', ['lite', 'mine'])
def test_a_voice_that_says_nothing_changes_nothing_for_a_face(
    reliability: float, audio: str
) -> None:
    doubtful = np.array([0.3, 0.5, 0.04, 0.04, 0.04, 0.04, 0.04], np.float32)
    results = []
    for heard in (False, True):
        engine = FusionEngine(FusionSettings(), ParameterTable.read())
        if heard:
            engine.add_audio(replace(silence(0.1), models=(f'audio:silero+{audio}@1.0',)))
        array = engine.add_face(faces(0.3, person('face_1', doubtful, reliability)))[0]
        results.append(array.estimates[0])
    assert results[0].label == results[1].label
    assert results[0].probabilities.tobytes() == results[1].probabilities.tobytes()


def test_an_unknown_pair_of_backends_is_noted_and_fused_all_the_same() -> None:
    engine = FusionEngine(FusionSettings(), ParameterTable.read())
    engine.add_audio(replace(voice(0.0, sharp(SAD)), models=('audio:silero+mine@1.0',)))
    assert len(engine.add_face(talker(0.3))) == 1
    assert 'lite+mine' in engine.note


@pytest.mark.parametrize(
    'estimate',
    [
        person('face_1', np.full(7, np.nan, np.float32)),
        person('face_1', np.full(7, 0.5, np.float32)),
        person('face_1', np.full(6, 1 / 6, np.float32)),
        person('face_1', sharp(JOY), reliability=1.5),
        person('face_1', sharp(JOY), reliability=float('nan')),
    ],
)
def test_a_bad_estimate_is_refused_and_the_rest_goes_on(make_engine: MakeEngine, estimate) -> None:
    engine, clean = make_engine(), make_engine()
    for each in (engine, clean):
        each.add_face(talker(0.0))
    with pytest.raises(FusionError):
        engine.add_face(faces(0.1, estimate))
    assert payload(engine.add_face(talker(0.2))[0]) == payload(clean.add_face(talker(0.2))[0])


@pytest.mark.parametrize(
    'array',
    [
        replace(voice(0.1, sharp(JOY)), speech_probability=float('nan')),
        replace(voice(0.1, sharp(JOY)), speech_probability=1.5),
        faces(0.1, person('face_1', sharp(JOY), speaking=float('nan'))),
        faces(0.1, person('face_1', sharp(JOY)), person('face_1', sharp(SAD))),
    ],
)
def test_a_bad_array_is_refused_and_leaves_no_trace(make_engine: MakeEngine, array) -> None:
    engine, clean = make_engine(), make_engine()
    with pytest.raises(FusionError, match='mend the node'):
        (engine.add_face if array.image_width else engine.add_audio)(array)
    for each in (engine, clean):
        each.add_audio(voice(0.1, sharp(JOY)))
    assert payload(engine.add_face(talker(0.4))[0]) == payload(clean.add_face(talker(0.4))[0])


def test_readiness_waits_for_due_audio_only_while_the_stream_lives(make_engine: MakeEngine) -> None:
    engine = make_engine()
    assert not engine.face_ready(0)
    engine.add_face(talker(0.0))
    assert not engine.face_ready(round(1.9 * SECOND))
    assert engine.face_ready(round(2.1 * SECOND))
    for hop in (0.5, 1.0):
        engine.add_audio(voice(hop, sharp(SAD)))
    # The first face after a gap comes after all that was heard until then.
    assert engine.face_ready(round(1.49 * SECOND))
    assert not engine.face_ready(round(1.51 * SECOND))
    engine.add_face(talker(1.4))
    assert engine.face_ready(round(1.6 * SECOND))
    assert not engine.face_ready(round(1.66 * SECOND))
    assert engine.face_ready(round(4.0 * SECOND))
