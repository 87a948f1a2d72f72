"""Sound as it comes from real sources: in bursts, in long pieces, mixed up, mislabelled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from mer_ros.msg import EmotionArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_messages import NS, info, sound, stamped, unstamped

from mer_ros.ros import publishers
from mer_ros.ros.audio_messages import OTHER, Route
from mer_ros.ros.audio_node import BURST_S, Arrivals, AudioEmotion
from mer_ros.ros.conversions import from_time

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
START = 1000 * NS


def start(graph: Any, message_type: Any = AudioDataStamped, **parameters: Any) -> Any:
    """Return a running node, its results, and a publisher that it hears."""
    topic = 'audio_stamped' if message_type is AudioDataStamped else 'audio'
    publisher = graph.publisher(message_type, topic)
    node = graph.start(AudioEmotion, **parameters)
    results = graph.collect(EmotionArray, 'emotion/audio')
    graph.matched(publisher)
    return node, results, publisher


def inform(graph: Any, message: AudioInfo) -> Any:
    publisher = graph.publisher(AudioInfo, 'audio_info', LATCHED)
    publisher.publish(message)
    return publisher


def said(graph: Any, text: str) -> bool:
    return any(text in status.message for status in graph.statuses)


def test_a_classifier_that_cannot_keep_up_is_told(graph: Any, monkeypatch: Any) -> None:
    inform(graph, info())
    node, results, publisher = start(graph, hop_s=0.1)
    classify = node._pipeline.classify

    def slowly(window: Any) -> Any:
        time.sleep(0.3)
        return classify(window)

    monkeypatch.setattr(node._pipeline, 'classify', slowly)
    for index in range(50):
        publisher.publish(stamped(sound(0.1), START + index * NS // 10))
        time.sleep(0.1)
    values = graph.diagnosis(
        lambda status, _: status.level == b'\x01' and 'were passed over' in status.message,
        'windows passed over',
    )
    assert 'raise hop_s' in values['message']
    assert results
    graph.statuses.clear()
    values = graph.diagnosis(
        lambda status, _: 'no audio' in status.message and 'passed over' not in status.message,
        'silence and no more of what was',
    )


def test_windows_that_would_make_the_newest_late_are_not_waited_for() -> None:
    arrivals = Arrivals(lambda: 0.0)
    arrivals.add(4.0)
    assert arrivals.windows(0.5) == 8
    for cost_s, windows in ((0.01, 8), (0.3, 2), (0.7, 1)):
        for _ in range(30):
            arrivals.spent(cost_s)
        assert arrivals.windows(0.5) == windows


@pytest.fixture
def second(graph: Any) -> Iterator[Node]:
    """Return another node that may publish."""
    node = Node('second_microphone', namespace=graph.namespace, use_global_arguments=False)
    yield node
    node.destroy_node()


def test_bursts_stamped_on_arrival_give_every_window(graph: Any) -> None:
    inform(graph, info())
    _, results, publisher = start(graph)
    for burst in range(12):
        for chunk in range(25):
            arrival = START + (burst + 1) * NS // 2 + chunk * 300_000
            publisher.publish(stamped(sound(0.02), arrival))
        # A window less for the first second, a window more for what is complete.
        graph.wait(lambda n=burst: len(results) >= n, f'the window of burst {burst}')
    stamps = [from_time(each.header.stamp) for each in results]
    assert np.diff(stamps) == pytest.approx(np.full(len(stamps) - 1, NS // 2), abs=6e7)
    assert stamps[-1] == pytest.approx(START + 6 * NS, abs=1e8)
    assert not graph.logged('of audio are missing')
    (line,) = graph.logged('re-anchored')
    assert 'set reanchor_s' in line


def test_bursts_without_stamps_give_every_window(graph: Any) -> None:
    inform(graph, info())
    _, results, publisher = start(graph, AudioData)
    for _ in range(8):
        for _ in range(25):
            publisher.publish(unstamped(sound(0.02)))
        time.sleep(0.5)
    graph.wait(lambda: len(results) == 7, 'every window of four seconds')
    assert not graph.logged('of audio are missing')


def test_sound_lost_for_long_is_told(graph: Any) -> None:
    inform(graph, info())
    _, results, publisher = start(graph)
    for index in range(40):
        if not 20 <= index < 24:
            publisher.publish(stamped(sound(0.1), START + index * NS // 10))
    graph.wait(lambda: results, 'a window')
    graph.wait(lambda: graph.logged('400 ms of audio are missing'), 'a word of the gap')


@pytest.mark.parametrize(('chunk_s', 'chunks'), [(1.0, 6), (4.0, 2)])
def test_long_chunks_give_every_window(graph: Any, chunk_s: float, chunks: int) -> None:
    inform(graph, info())
    _, results, publisher = start(graph)
    for index in range(chunks):
        begin = START + round(index * chunk_s * NS)
        publisher.publish(stamped(sound(chunk_s), begin))
        complete = round(2 * chunk_s * (index + 1)) - 1
        graph.wait(lambda n=complete: len(results) == n, f'{complete} windows')
    stamps = [from_time(each.header.stamp) for each in results]
    assert np.diff(stamps) == pytest.approx(np.full(len(stamps) - 1, NS // 2), abs=1e3)
    graph.diagnosis(lambda _, values: values.get('skipped') == '0', 'no window skipped')


def test_how_much_came_at_once_is_told_from_a_steady_stream() -> None:
    clock = [0.0]
    arrivals = Arrivals(lambda: clock[0])
    for _ in range(100):
        clock[0] += 0.02
        arrivals.add(0.02)
    assert arrivals.windows(0.5) == 1
    clock[0] += 1.0
    for _ in range(50):
        clock[0] += 0.0003
        arrivals.add(0.02)
    assert arrivals.seconds == pytest.approx(1.0)
    assert arrivals.windows(0.5) == 2
    for _ in range(1_000):
        arrivals.add(0.02)
    assert arrivals.seconds == BURST_S
    arrivals.add(4.0)
    assert arrivals.windows(0.5) == 8
    clock[0] += 4.0
    arrivals.add(0.02)
    assert arrivals.windows(0.5) == 1


def test_two_publishers_are_told_apart_by_name(graph: Any, second: Node) -> None:
    start(graph)
    other = second.create_publisher(AudioDataStamped, 'audio_stamped', 10)
    other.publish(stamped(sound(0.1), START))
    values = graph.diagnosis(
        lambda status, _: 'heard mixed up' in status.message,
        'two publishers',
    )
    assert f'{graph.namespace}/second_microphone' in values['message']
    assert f'{graph.namespace}/probe' in values['message']
    assert 'remap one' in values['message']
    assert 'audio:=' in values['message']


def test_two_publishers_of_one_node_name_are_told_once_neither_can_be_a_dead_one(
    graph: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(publishers, 'LINGER_S', 1.0)
    inform(graph, info())
    start(graph)
    again = graph.publisher(AudioDataStamped, 'audio_stamped', 10)
    again.publish(stamped(sound(0.1), START))
    values = graph.diagnosis(
        lambda status, _: 'was it started twice' in status.message, 'two of one name'
    )
    assert (
        f'2 publishers of sound on {graph.namespace}/audio_stamped, of one node name'
        in values['message']
    )


def test_one_publisher_is_no_complaint(graph: Any) -> None:
    inform(graph, info())
    _, _, publisher = start(graph)
    publisher.publish(stamped(sound(0.1), START))
    graph.diagnosis(lambda status, values: values.get('received') == '1', 'sound')
    assert not said(graph, 'mixed up')


def test_a_wrong_sample_rate_is_told_with_the_right_one(graph: Any) -> None:
    _, results, publisher = start(graph)
    for index in range(300):
        publisher.publish(stamped(sound(0.02, 44100, 2), START + index * NS // 50))
    graph.wait(lambda: results, 'a window')
    values = graph.diagnosis(lambda status, _: 'times as fast' in status.message, 'the wrong rate')
    assert (
        'sound comes 5.5 times as fast as 16000 Hz, 1 channel, as if it were 44100 Hz, '
        '2 channels: set sample_rate and channels, or publish audio_info'
    ) in values['message']
    inform(graph, info(44100, 2))
    graph.diagnosis(lambda status, _: 'times as fast' not in status.message, 'no complaint')


def test_the_wrong_rate_of_audio_info_is_told_as_its_own(graph: Any) -> None:
    inform(graph, info(16000))
    _, _, publisher = start(graph)
    for index in range(6):
        publisher.publish(stamped(sound(1.0, 8000), START + index * NS))
    values = graph.diagnosis(lambda status, _: 'times as fast' in status.message, 'the wrong rate')
    assert '0.5 times as fast as 16000 Hz, 1 channel, as if it were 8000 Hz' in values['message']
    assert 'publish audio_info with the sample_rate' in values['message']


def test_lost_chunks_and_bursts_are_no_wrong_rate(graph: Any) -> None:
    inform(graph, info())
    _, _, publisher = start(graph)
    random = np.random.default_rng(0)
    for index in range(400):
        if random.random() > 0.3:
            publisher.publish(stamped(sound(0.02), START + index * NS // 50))
    for index in range(400):
        late = START + 10 * NS + index // 25 * NS // 2 + index % 25 * 300_000
        publisher.publish(stamped(sound(0.02), late))
    graph.diagnosis(lambda _, values: int(values.get('received', 0)) > 600, 'all sound')
    time.sleep(1.2)
    assert not said(graph, 'times as fast')


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        ({'sample_format': 'S24LE'}, "'S24LE'; start audio_capture with `sample_format:=S16LE`"),
        ({'sample_rate': 0}, 'audio at 0 Hz; set the source to'),
        ({'channels': 0}, 'audio with 0 channels; set the source to'),
    ],
)
def test_an_audio_info_that_cannot_be_used_stays_an_error(
    graph: Any, changes: dict[str, Any], text: str
) -> None:
    wrong = info()
    for name, value in changes.items():
        setattr(wrong, name, value)
    informant = inform(graph, wrong)
    _, results, publisher = start(graph)
    publisher.publish(stamped(sound(0.1), START))
    for _ in range(3):
        graph.diagnosis(lambda status, _: status.level == b'\x02' and text in status.message, text)
    informant.publish(info())
    for index in range(1, 14):
        publisher.publish(stamped(sound(0.1), START + index * NS // 10))
    graph.wait(lambda: results, 'a window of good sound')
    graph.diagnosis(lambda status, _: status.level != b'\x02', 'no error')


def test_a_fault_of_the_program_costs_a_chunk_and_is_counted(graph: Any, monkeypatch: Any) -> None:
    inform(graph, info())
    node, results, publisher = start(graph)

    def fail(chunk: Any) -> None:
        raise np.linalg.LinAlgError('Singular matrix')

    with monkeypatch.context() as broken:
        broken.setattr(node._pipeline, 'push', fail)
        publisher.publish(stamped(sound(0.1), START))
        graph.diagnosis(lambda _, values: values.get('fault.internal') == '1', 'the fault')
    for index in range(13):
        publisher.publish(stamped(sound(0.1), START + index * NS // 10))
    graph.wait(lambda: results, 'a window all the same')
    assert graph.logged('LinAlgError: Singular matrix')


def test_a_high_pass_that_no_filter_can_be_is_refused(graph: Any) -> None:
    node = graph.start(AudioEmotion, autostart=False)
    (answer,) = node.set_parameters([Parameter('high_pass_hz', value=1e-6)])
    assert not answer.successful
    assert 'to 0 for none' in answer.reason
    (answer,) = node.set_parameters([Parameter('high_pass_hz', value=0.0)])
    assert answer.successful


def test_sound_that_carries_its_format_is_shown_with_it(graph: Any) -> None:
    node = graph.start(AudioEmotion)
    source = node._source
    source._node.destroy_timer(source._timer)  # nobody is on the graph; the message is by hand
    source._route = Route('audio', OTHER, False)
    source._arrived(
        SimpleNamespace(  # of a package that cannot be installed beside ros-drivers'
            header=SimpleNamespace(stamp=SimpleNamespace(sec=5, nanosec=0), frame_id='ears'),
            audio=SimpleNamespace(
                info=SimpleNamespace(format=1, channels=2, rate=48000),
                audio_data=SimpleNamespace(float32_data=np.zeros(1920, np.float32)),
            ),
        )
    )
    figures = node.figures()
    assert figures['format'] == '48000 Hz, 2 channels, float32'
    assert figures['format_from'] == 'message'
    assert figures['samples'] == 960
