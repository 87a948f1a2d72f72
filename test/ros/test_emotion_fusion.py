from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fusion_arrays import envelope, mouth
from mer_ros.msg import AudioFeatures, EmotionArray
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from ros_messages import NS, audio_array, face_array, flat, image
from sensor_msgs.msg import Image

from mer_ros.ros.conversions import features_to_message, from_message, from_time, to_message
from mer_ros.ros.fusion_node import EmotionFusion

RELIABLE = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
START = 100 * NS
PERIOD = NS // 30


class Inputs:
    """Stands in for face_emotion and audio_emotion."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.face = graph.publisher(EmotionArray, 'emotion/face', RELIABLE)
        self.audio = graph.publisher(EmotionArray, 'emotion/audio', RELIABLE)
        self.fused = graph.collect(EmotionArray, 'emotion/fused')

    def connect(self, before_s: int = 60) -> None:
        """Wait until results come; images without faces long before leave no trace.

        Those of a later time leave none at all: what follows is a new start.
        """
        self.graph.matched(self.face)
        self.graph.matched(self.audio)
        tries = itertools.count(START - before_s * NS, NS // 10)
        asked = [0]

        def answered() -> bool:
            asked.append(next(tries))
            self.face.publish(to_message(replace(face_array(asked[-1]), estimates=())))
            time.sleep(0.05)
            return bool(self.fused)

        self.graph.wait(answered, 'a first answer')
        # The first faces are held for the voice that may begin; none may be left for the test.
        self.graph.wait(lambda: self.stamps()[-1] == asked[-1], 'the last answer')
        self.fused.clear()

    def see(self, stamp_ns: int, **options: Any) -> None:
        self.face.publish(to_message(face_array(stamp_ns, **options)))

    def hear(self, stamp_ns: int, **options: Any) -> None:
        self.audio.publish(to_message(audio_array(stamp_ns, **options)))

    def stamps(self) -> list[int]:
        return [from_time(each.header.stamp) for each in self.fused]


@pytest.fixture
def inputs(graph: Any) -> Inputs:
    made = Inputs(graph)
    made.node = graph.start(EmotionFusion, max_hold=0.1)  # type: ignore[attr-defined]
    made.connect()
    return made


def clip(seconds: float, start_ns: int = START) -> list[tuple[int, str]]:
    """Return (stamp, modality) of a 30 Hz face and a 2 Hz voice, in order of stamps."""
    faces = [(start_ns + i * PERIOD, 'face') for i in range(round(30 * seconds))]
    voices = [(start_ns + i * NS // 2, 'audio') for i in range(1, round(2 * seconds) + 1)]
    return sorted(faces + voices)


def play(inputs: Inputs, events: list[tuple[int, str]], rate: float) -> None:
    """Publish at a multiple of real time."""
    begin, first = time.monotonic(), events[0][0]
    for index, (stamp_ns, modality) in enumerate(events):
        due = begin + (stamp_ns - first) * 1e-9 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        label = (index // 25) % 7
        if modality == 'face':
            inputs.see(stamp_ns, label=label)
        else:
            inputs.hear(stamp_ns, label=(label + 1) % 7)


def test_a_stamp_before_1970_is_left_out_and_the_node_goes_on(inputs: Inputs, graph: Any) -> None:
    wrong = to_message(face_array(START))
    wrong.header.stamp.sec = -5
    inputs.face.publish(wrong)
    inputs.audio.publish(wrong)
    graph.diagnosis(lambda _, values: values.get('fault.bad_stamp') == '2', 'the bad stamps')
    inputs.see(START)
    graph.wait(lambda: START in inputs.stamps(), 'a result of the next face')


def test_each_face_result_is_fused_with_the_voice_before_it(inputs: Inputs, graph: Any) -> None:
    events = clip(2)
    play(inputs, events, 4)
    faces = [stamp for stamp, modality in events if modality == 'face']
    graph.wait(lambda: len(inputs.fused) >= len(faces), 'a fused array for each face')
    by_stamp = {from_time(each.header.stamp): each for each in inputs.fused}
    assert set(faces) <= set(by_stamp)
    both = by_stamp[faces[-1]]
    assert both.modalities == 3
    assert both.header.frame_id == 'camera'
    assert list(both.models) == ['face:haar+lite@1.0', 'audio:silero+lite@1.0']
    face = both.emotions[0]
    assert face.subject_id == 'face_1'
    assert {each.modality for each in face.evidence} == {1, 2}
    assert sum(each.weight for each in face.evidence) == pytest.approx(1, abs=1e-5)
    assert sum(face.probabilities) == pytest.approx(1, abs=1e-5)
    assert face.confidence == pytest.approx(face.probabilities[face.label])
    for evidence in face.evidence:
        assert from_time(evidence.stamp) <= from_time(both.header.stamp)
    assert both.latency == pytest.approx(time.time() - faces[-1] * 1e-9, rel=1e-3)


def test_pairs_and_their_offset_are_counted(inputs: Inputs, graph: Any) -> None:
    play(inputs, clip(3), 3)
    values = graph.diagnosis(
        lambda _, values: int(values.get('pairs', 0)) >= 5, 'pairs of the synchroniser'
    )
    assert float(values['pair_offset_p95_ms']) < 100  # sync_slop
    assert int(values['face_received']) >= 90


def payload(message: Any) -> object:
    """Return every bit of a message but the latency; CDR leaves its padding to chance."""
    return flat(replace(from_message(message), latency=0.0))


def test_payloads_are_the_same_bytes_at_any_replay_speed(graph: Any) -> None:
    runs: list[list[object]] = []
    for rate in (2, 10, 200):
        inputs = Inputs(graph)
        node = graph.start(EmotionFusion, max_hold=0.1)
        inputs.connect()
        play(inputs, clip(4), rate)
        graph.wait(lambda fused=inputs.fused: len(fused) >= 120, 'all fused arrays')
        time.sleep(0.2)
        runs.append([payload(each) for each in inputs.fused])
        graph.stop_node(node)
        for publisher in (inputs.face, inputs.audio):
            graph.probe.destroy_publisher(publisher)
    assert len(runs[0]) >= 120
    assert runs[0] == runs[1] == runs[2]


def converse(inputs: Inputs, features: Any, seconds: float, rate: float) -> None:
    """Play two faces that talk, the voice of the first, and its envelope."""
    begin = time.monotonic()
    for stamp_ns, modality in clip(seconds):
        now = (stamp_ns - START) / NS
        time.sleep(max(0.0, begin + now / rate - time.monotonic()))
        if modality == 'face':
            array = face_array(stamp_ns, faces=2)
            one, other = array.estimates
            talking = (
                replace(one, speaking=mouth(now)),
                replace(other, speaking=mouth(now, 20.0), roi=(400, 20, 90, 90)),
            )
            inputs.face.publish(to_message(replace(array, estimates=talking)))
        else:
            inputs.hear(stamp_ns)
            told = replace(envelope(now), stamp_ns=stamp_ns)
            features.publish(features_to_message(told))


def test_the_envelope_finds_the_speaker_alike_at_any_replay_speed(graph: Any) -> None:
    runs: list[list[object]] = []
    for rate in (4, 200):
        inputs = Inputs(graph)
        features = graph.publisher(AudioFeatures, 'emotion/audio/features', RELIABLE)
        node = graph.start(EmotionFusion, max_hold=0.1)
        inputs.connect()
        graph.matched(features)
        converse(inputs, features, 5, rate)
        graph.wait(lambda fused=inputs.fused: len(fused) >= 150, 'all fused arrays')
        runs.append([payload(each) for each in inputs.fused])
        owners = {
            emotion.subject_id
            for message in inputs.fused[100:]
            for emotion in message.emotions
            if any(evidence.modality == 2 for evidence in emotion.evidence)
        }
        assert owners == {'face_1'}
        values = graph.diagnosis(
            lambda _, values: 'features_received' in values, 'the envelopes that came'
        )
        assert int(values['features_received']) == 10
        graph.stop_node(node)
        for publisher in (inputs.face, inputs.audio, features):
            graph.probe.destroy_publisher(publisher)
    assert runs[0] == runs[1]


def test_features_without_an_envelope_rate_are_counted_and_the_rest_goes_on(
    inputs: Inputs, graph: Any
) -> None:
    features = graph.publisher(AudioFeatures, 'emotion/audio/features', RELIABLE)
    graph.matched(features)
    features.publish(AudioFeatures())
    inputs.see(START)
    graph.wait(lambda: inputs.stamps() == [START], 'the face')
    graph.diagnosis(lambda _, values: values.get('fault.fusion') == '1', 'the damaged one')


def test_a_looped_bag_gives_the_same_pairs_and_results_each_time(
    inputs: Inputs, graph: Any
) -> None:
    counts, pairs = [], []
    for turn in range(3):
        play(inputs, clip(2), 5)
        graph.wait(lambda n=turn: len(inputs.fused) >= 60 * (n + 1), f'turn {turn}')
        values = graph.diagnosis(
            lambda _, values, n=turn: int(values['face_received']) >= 60 * (n + 1), 'counts'
        )
        counts.append(len(inputs.fused))
        pairs.append(int(values['pairs']))
    assert counts[2] - counts[1] >= 60
    # A bag as long as this has four voices; the first of a turn may lose its partner.
    assert min(pairs[0], pairs[1] - pairs[0], pairs[2] - pairs[1]) >= 3
    assert int(values['jumps_back']) >= 2
    assert inputs.fused[-1].modalities == 3
    payloads = [payload(each) for each in inputs.fused]
    assert payloads[:60] == payloads[60:120] == payloads[120:180]


def test_a_dead_modality_costs_nothing(inputs: Inputs, graph: Any) -> None:
    for index in range(30):
        inputs.see(START + index * PERIOD)
    graph.wait(lambda: len(inputs.fused) == 30, 'faces alone')
    assert {each.modalities for each in inputs.fused} == {1}
    values = graph.diagnosis(
        lambda status, _: 'no audio result on' in status.message, 'a missing voice'
    )
    assert values['message'].count('publishers: 1') >= 1
    for half in range(8):
        inputs.hear(START + 60 * NS + half * NS // 2)
        time.sleep(0.02)
    graph.wait(lambda: len(inputs.fused) == 38, 'the voice alone')
    last = inputs.fused[-1]
    assert last.modalities == 2
    assert [each.subject_id for each in last.emotions] == ['audio']
    assert last.speech_probability == pytest.approx(0.9)


def test_no_face_and_no_speech_give_an_empty_array(inputs: Inputs, graph: Any) -> None:
    inputs.face.publish(to_message(replace(face_array(START), estimates=())))
    graph.wait(lambda: inputs.fused, 'a fused array')
    assert list(inputs.fused[0].emotions) == []


def test_a_damaged_result_is_counted_and_the_next_is_fused(inputs: Inputs, graph: Any) -> None:
    bad = to_message(face_array(START))
    bad.emotions[0].probabilities = np.full(7, np.nan, np.float32)
    inputs.face.publish(bad)
    inputs.see(START + PERIOD)
    graph.wait(lambda: inputs.stamps() == [START + PERIOD], 'the good one')
    graph.diagnosis(lambda _, values: values.get('fault.fusion') == '1', 'the damaged one')


def test_faces_that_come_long_after_their_voice_are_told(inputs: Inputs, graph: Any) -> None:
    for half in range(1, 9):
        inputs.hear(START + half * NS // 2)
    graph.wait(lambda: len(inputs.fused) == 8, 'the voice alone')
    inputs.see(START + NS)
    graph.diagnosis(
        lambda status, _: '3.0 s after the voice of their stamps' in status.message, 'late faces'
    )


def test_a_voice_waits_for_no_face_where_nobody_publishes_any(graph: Any) -> None:
    audio = graph.publisher(EmotionArray, 'emotion/audio', RELIABLE)
    fused = graph.collect(EmotionArray, 'emotion/fused')
    graph.start(EmotionFusion, max_hold=1.0)
    graph.matched(audio)
    time.sleep(2.5)  # somebody might have been about to
    audio.publish(to_message(audio_array(START)))
    begin = time.monotonic()
    graph.wait(lambda: fused, 'the voice')
    assert time.monotonic() - begin < 3.0


def test_a_voice_that_was_slow_when_recorded_is_fused_alike_at_any_speed(graph: Any) -> None:
    late_ns = 12 * NS // 10
    events = [(at + late_ns if what == 'audio' else at, at, what) for at, what in clip(5)]
    runs = []
    for rate in (1.5, 30):
        inputs = Inputs(graph)
        node = graph.start(EmotionFusion)
        inputs.connect(before_s=-100)
        begin = time.monotonic()
        for index, (at, stamp_ns, what) in enumerate(sorted(events)):
            time.sleep(max(0.0, begin + (at - START) * 1e-9 / rate - time.monotonic()))
            (inputs.see if what == 'face' else inputs.hear)(stamp_ns, label=index // 25 % 7)
        graph.wait(lambda fused=inputs.fused: len(fused) >= 150, 'all fused arrays')
        runs.append([payload(each) for each in inputs.fused])
        graph.stop_node(node)
        for publisher in (inputs.face, inputs.audio):
            graph.probe.destroy_publisher(publisher)
    assert runs[0] == runs[1]


def test_the_debug_image_is_drawn_only_while_someone_looks(inputs: Inputs, graph: Any) -> None:
    camera = graph.publisher(Image, 'image_raw', qos_profile_sensor_data)

    def film(first: int, until: Callable[[], bool]) -> None:
        index = first
        deadline = time.monotonic() + 15
        while not until():
            assert time.monotonic() < deadline, 'no debug image came'
            stamp_ns = START + index * PERIOD
            camera.publish(image(stamp_ns, 320, 240))
            inputs.see(stamp_ns)
            index += 1
            time.sleep(1 / 30)

    film(0, lambda: len(inputs.fused) >= 20)
    assert camera.get_subscription_count() == 0
    seen: list[Any] = []
    viewer = graph.probe.create_subscription(Image, 'emotion/debug_image', seen.append, 10)
    film(100, lambda: len(seen) >= 5)
    drawn = np.frombuffer(seen[-1].data, np.uint8)
    assert (seen[-1].width, seen[-1].height, seen[-1].encoding) == (320, 240, 'bgr8')
    assert seen[-1].header.frame_id == 'camera'
    assert (drawn != 90).mean() > 0.01
    stamps = [from_time(each.header.stamp) for each in seen]
    assert np.diff(stamps).min() >= NS / 15 - 2e6  # debug_rate
    graph.probe.destroy_subscription(viewer)
    graph.wait(lambda: camera.get_subscription_count() == 0, 'the image to be let go')


def test_images_are_shown_bare_while_nothing_is_fused(inputs: Inputs, graph: Any) -> None:
    camera = graph.publisher(Image, 'image_raw', RELIABLE)
    seen = graph.collect(Image, 'emotion/debug_image')
    graph.matched(camera)
    camera.publish(image(START, 320, 240))
    graph.wait(lambda: seen, 'the image')
    assert from_time(seen[0].header.stamp) == START


def test_fusion_settings_change_while_active(inputs: Inputs, graph: Any) -> None:
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    def set_(name: str, value: Any) -> Any:
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        return graph.call(SetParameters, 'emotion_fusion/set_parameters', request).results[0]

    assert set_('smoothing_s', 0.0).successful
    refused = set_('exit_threshold', 0.9)
    assert not refused.successful
    assert 'exit_threshold must not be above enter_threshold' in refused.reason
    inputs.see(START, label=0)
    inputs.see(START + PERIOD, label=5)
    graph.wait(lambda: len(inputs.fused) == 2, 'two results')
    assert inputs.fused[1].emotions[0].probabilities.argmax() == 5  # no smoothing


def test_a_clock_that_jumps_back_is_survived(graph: Any) -> None:
    from rosgraph_msgs.msg import Clock

    from mer_ros.ros.conversions import to_time

    clock = graph.publisher(Clock, '/clock', 10)
    inputs = Inputs(graph)
    graph.start(EmotionFusion, use_sim_time=True, max_hold=0.1)
    inputs.connect()
    graph.matched(clock)
    for turn in range(2):
        for index, (stamp_ns, modality) in enumerate(clip(1)):
            clock.publish(Clock(clock=to_time(stamp_ns)))
            (inputs.see if modality == 'face' else inputs.hear)(stamp_ns)
            time.sleep(0.005 if index else 0.1)
        graph.wait(lambda n=turn: len(inputs.fused) >= 25 * (n + 1), f'turn {turn}')
    assert max(abs(each.latency) for each in inputs.fused) < 2  # on the simulated clock
    values = graph.diagnosis(lambda _, values: int(values.get('jumps_back', 0)) >= 1, 'a jump')
    assert values['state'] == 'active'
    graph.diagnosis(
        lambda status, _: status.level == b'\x03' and '/clock does not move' in status.message,
        'a clock that stands still',
    )
