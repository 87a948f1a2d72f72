from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from mer_ros.msg import AudioFeatures, EmotionArray
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from ros_messages import NS, info, sound, stamped, unstamped
from std_msgs.msg import String

from mer_ros.ros.audio_node import AudioEmotion
from mer_ros.ros.conversions import from_time

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
START = 1000 * NS


class Microphone:
    """Publishes what it is given in chunks with stamps that follow."""

    def __init__(self, graph: Any, message_type: Any, topic: str, qos: Any = 1000) -> None:
        self.graph = graph
        self.publisher = graph.publisher(message_type, topic, qos)
        self.stamp_ns = START

    def connect(self) -> None:
        self.graph.matched(self.publisher)

    def say(self, samples: Any, rate: int, chunk_s: float = 0.1) -> None:
        size = round(chunk_s * rate)
        for begin in range(0, len(samples), size):
            chunk = samples[begin : begin + size]
            if self.publisher.msg_type is AudioDataStamped:
                self.publisher.publish(stamped(chunk, self.stamp_ns))
            else:
                self.publisher.publish(unstamped(chunk))
            self.stamp_ns += len(chunk) * NS // rate


def start(graph: Any, **parameters: Any) -> tuple[Any, list[Any], list[Any]]:
    node = graph.start(AudioEmotion, **parameters)
    results = graph.collect(EmotionArray, 'emotion/audio')
    features = graph.collect(AudioFeatures, 'emotion/audio/features')
    return node, results, features


def inform(graph: Any, message: AudioInfo) -> Any:
    publisher = graph.publisher(AudioInfo, 'audio_info', LATCHED)
    publisher.publish(message)
    return publisher


@pytest.mark.parametrize(('rate', 'channels'), [(16000, 1), (8000, 1), (44100, 2), (48000, 6)])
def test_sound_of_any_rate_gives_windows_each_half_second(
    graph: Any, rate: int, channels: int
) -> None:
    inform(graph, info(rate, channels))
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, features = start(graph)
    microphone.connect()
    microphone.say(sound(0.1, rate, channels), rate)  # what a resampler holds back
    for half in range(6):
        microphone.say(sound(0.5, rate, channels), rate)
        # Inference is latest-only: give it each window alone.
        graph.wait(lambda n=half: len(results) >= n, f'window {half}')
    graph.wait(lambda: len(results) == 5 and len(features) == 5, 'five windows')
    stamps = [from_time(each.header.stamp) for each in results]
    assert stamps[0] == pytest.approx(START + NS, abs=2e6)
    assert np.diff(stamps) == pytest.approx(np.full(4, NS // 2), abs=1e3)
    for array in results:
        assert array.header.frame_id == 'microphone'
        assert array.modalities == 2
        assert (array.window.sec, array.window.nanosec) == (1, 0)
        assert [each.subject_id for each in array.emotions] == ['audio']
        assert array.emotions[0].label == 255  # a tone is no speech
        assert array.emotions[0].confidence == 0
        assert sum(array.emotions[0].probabilities) == pytest.approx(1, abs=1e-5)
        assert array.speech_probability < 0.5
        assert array.latency != 0
    values = dict(zip(features[0].names, features[0].values, strict=True))
    assert values['pitch_hz'] == pytest.approx(220, rel=0.03)
    assert values['rms_db'] == pytest.approx(-23, abs=1.5)
    assert len(features[0].envelope) == 100
    graph.diagnosis(
        lambda _, values: (
            values.get('format_from') == 'audio_info'
            and values.get('format', '').startswith(f'{rate} Hz, {channels} channel')
        ),
        'the format',
    )


def test_speech_is_named(graph: Any, shared_data: Any) -> None:
    av = pytest.importorskip('av')
    path = sorted((shared_data / 'speech' / 'ravdess').rglob('*.flac'))[3]
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    speech = np.concatenate(frames, axis=1)[0]
    if speech.dtype != np.int16:
        speech = (speech.astype(np.float64) / np.abs(speech).max() * 20000).astype(np.int16)
    inform(graph, info())
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph)
    microphone.connect()
    for begin in range(0, len(speech), 8000):
        microphone.say(speech[begin : begin + 8000, None], 16000)
        time.sleep(0.1)
    graph.wait(lambda: any(each.emotions[0].label != 255 for each in results), 'a name')
    said = next(each for each in results if each.emotions[0].label != 255)
    voice = said.emotions[0]
    assert said.speech_probability >= 0.5
    assert voice.label == voice.probabilities.argmax()
    assert voice.confidence == voice.probabilities[voice.label] > 0
    assert 0 < voice.reliability <= 1
    assert voice.speaking == said.speech_probability


def test_unstamped_sound_gets_arrival_times_and_a_warning(graph: Any) -> None:
    inform(graph, info())
    microphone = Microphone(graph, AudioData, 'audio')
    _, results, _ = start(graph)
    microphone.connect()
    begin = time.time_ns()
    for _ in range(15):
        microphone.say(sound(0.1), 16000)
        time.sleep(0.1)
    graph.wait(lambda: results, 'a window')
    stamp = from_time(results[0].header.stamp)
    assert begin + 0.7 * NS < stamp < time.time_ns()
    graph.wait(lambda: graph.logged('audio has no stamps'), 'a warning')
    assert len(graph.logged('audio has no stamps')) == 1


def test_bad_sound_is_counted_and_logged_once_and_good_sound_goes_on(graph: Any) -> None:
    inform(graph, info())
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph)
    microphone.connect()
    for _ in range(3):
        microphone.say(sound(0.5), 16000)
        microphone.publisher.publish(stamped(b'', microphone.stamp_ns))
        microphone.publisher.publish(stamped(b'abc', microphone.stamp_ns))
        time.sleep(0.1)
    microphone.say(sound(0.1), 16000)
    graph.wait(lambda: results, 'a window')
    values = graph.diagnosis(lambda _, values: values.get('faults') == '6', 'six faults')
    assert (values['fault.empty_audio'], values['fault.odd_audio']) == ('3', '3')
    assert len(graph.logged('logged once')) == 2


def test_stamps_that_jump_back_start_the_windows_anew(graph: Any) -> None:
    inform(graph, info())
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph)
    microphone.connect()
    for turn in range(2):
        microphone.stamp_ns = START
        microphone.say(sound(1.2), 16000)
        graph.wait(lambda n=turn: len(results) == n + 1, f'the window of turn {turn}')
    first, second = (from_time(each.header.stamp) for each in results)
    assert abs(first - second) < 1e6
    graph.diagnosis(lambda _, values: values.get('fault.audio_backward') == '1', 'the jump')
    assert graph.logged('audio stamps jumped back')


def test_sound_that_comes_twice_is_heard_once_and_told_once(graph: Any) -> None:
    inform(graph, info())
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph)
    microphone.connect()
    noise = np.random.default_rng(0).normal(0.0, 3000.0, (20, 1600)).astype('<i2')
    for index, chunk in enumerate(noise):
        message = stamped(chunk, START + index * NS // 10)
        microphone.publisher.publish(message)
        microphone.publisher.publish(message)
        if index % 5 == 4:  # inference is latest-only: each window alone
            graph.wait(lambda n=index // 5: len(results) == n, f'{index // 5} windows')
    stamps = [from_time(each.header.stamp) for each in results]
    assert np.diff(stamps) == pytest.approx(np.full(2, NS // 2), abs=1e3)
    values = graph.diagnosis(
        lambda status, values: values.get('repeated') == '20' and 'twice' in status.message, 'it'
    )
    assert values['chunks'] == '20'
    assert len(graph.logged('audio comes twice')) == 1


def test_mp3_that_no_audio_info_names_is_told_as_mp3(graph: Any) -> None:
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    start(graph)
    microphone.connect()
    for size in (418, 418, 417, 418, 418):  # frames of 44.1 kHz, 128 kbit/s
        header = bytes([0xFF, 0xFB, 0x92 if size == 418 else 0x90, 0])
        microphone.publisher.publish(stamped(header + bytes(size - 4), microphone.stamp_ns))
        microphone.stamp_ns += 26_122_449
    values = graph.diagnosis(lambda _, values: values.get('fault.audio') == '3', 'three faults')
    assert values['message'].count('audio is MP3') == 1
    assert 'fault.odd_audio' not in values


def test_mp3_is_refused_with_what_to_set(graph: Any) -> None:
    publisher = inform(graph, info(coding='mp3'))
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph)
    microphone.connect()
    microphone.say(sound(0.3), 16000)
    values = graph.diagnosis(
        lambda status, values: (
            status.level == b'\x02'
            and 'mp3' in status.message
            and values.get('fault.audio_format') == '3'
        ),
        'mp3',
    )
    assert 'format:=wave' in values['message']
    assert values['message'].count('audio is mp3') == 1
    assert len(graph.logged('audio is mp3')) == 1
    publisher.publish(info())
    microphone.say(sound(1.2), 16000)
    graph.wait(lambda: results, 'a window of sound as wave')
    graph.diagnosis(lambda status, _: 'mp3' not in status.message, 'no complaint')


def test_without_audio_info_the_parameters_say_the_format(graph: Any) -> None:
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph, sample_rate=44100, channels=2)
    microphone.connect()
    microphone.say(sound(1.2, 44100, 2), 44100)
    graph.wait(lambda: results, 'a window')
    assert from_time(results[0].header.stamp) == pytest.approx(START + NS, abs=2e6)
    assert graph.logged('no audio_info: sound is taken as 44100 Hz, 2 channels')


def test_the_stamped_topic_is_preferred_and_a_change_is_followed(graph: Any) -> None:
    inform(graph, info())
    plain = Microphone(graph, AudioData, 'audio', qos_profile_sensor_data)
    start(graph)
    plain.connect()
    values = graph.diagnosis(lambda _, values: values.get('topic', ''), 'a topic')
    assert values['topic'] == f'{graph.namespace}/audio'
    assert graph.logged('AudioData, best effort')
    better = Microphone(graph, AudioDataStamped, 'audio_stamped')
    better.connect()
    values = graph.diagnosis(
        lambda _, values: values.get('topic', '').endswith('audio_stamped'), 'the other topic'
    )
    assert values['type'] == 'audio_common_msgs/msg/AudioDataStamped'
    assert plain.publisher.get_subscription_count() == 0


def test_a_topic_of_another_type_is_an_error_that_says_so(graph: Any) -> None:
    publisher = graph.publisher(String, 'audio')
    start(graph)
    values = graph.diagnosis(lambda status, _: status.level == b'\x02', 'a wrong type')
    assert 'carries std_msgs/msg/String' in values['message']
    graph.probe.destroy_publisher(publisher)
    graph.diagnosis(lambda status, _: status.level != b'\x02', 'no complaint')


def test_without_sound_diagnostics_say_why(graph: Any) -> None:
    start(graph, input_timeout=0.5)
    values = graph.diagnosis(lambda status, _: status.level == b'\x01', 'no publisher')
    assert f'publishers on {graph.namespace}/audio_stamped and ' in values['message']
    graph.publisher(AudioDataStamped, 'audio_stamped')
    graph.diagnosis(
        lambda status, _: 'no audio on' in status.message and 'publishers: 1' in status.message,
        'a silent publisher',
    )


def test_the_audio_info_of_a_publisher_that_is_gone_is_not_of_the_next_one(graph: Any) -> None:
    informant = inform(graph, info(48000, 2))
    first = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph)
    first.connect()
    first.say(sound(1.2, 48000, 2), 48000)
    graph.wait(lambda: results, 'a window of the first')
    second = Microphone(graph, AudioDataStamped, 'audio_stamped')
    second.stamp_ns = START + 100 * NS
    second.connect()
    for publisher in (first.publisher, informant):
        graph.probe.destroy_publisher(publisher)
    graph.diagnosis(lambda _, values: values.get('format_from') == 'parameters', 'no old format')
    results.clear()
    second.say(sound(1.2), 16000)
    graph.wait(lambda: results, 'a window of the second')
    assert from_time(results[0].header.stamp) == pytest.approx(START + 101 * NS, abs=2e6)
    assert graph.logged('no audio_info: sound is taken as 16000 Hz, 1 channel')


def test_an_audio_info_said_once_by_hand_holds_while_its_sound_goes_on(graph: Any) -> None:
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    _, results, _ = start(graph)
    microphone.connect()
    once = graph.publisher(AudioInfo, 'audio_info', 10)
    graph.matched(once)
    once.publish(info(48000))
    graph.diagnosis(lambda _, values: values.get('format', '').startswith('48000 Hz'), 'the format')
    graph.probe.destroy_publisher(once)
    graph.wait(lambda: not graph.probe.count_publishers(f'{graph.namespace}/audio_info'), 'its end')
    time.sleep(1.0)
    microphone.say(sound(1.2, 48000), 48000)
    graph.wait(lambda: results, 'a window')
    assert not graph.logged('forgotten')


def test_the_next_audio_info_is_heard_whether_or_not_it_is_latched(graph: Any) -> None:
    microphone = Microphone(graph, AudioDataStamped, 'audio_stamped')
    start(graph)
    microphone.connect()
    plain = graph.publisher(AudioInfo, 'audio_info', 10)
    graph.matched(plain)
    plain.publish(info(48000))
    graph.diagnosis(lambda _, values: values.get('format', '').startswith('48000 Hz'), 'the first')
    graph.probe.destroy_publisher(plain)
    latched = inform(graph, info(44100))
    graph.diagnosis(lambda _, values: values.get('format', '').startswith('44100 Hz'), 'the next')
    plain = graph.publisher(AudioInfo, 'audio_info', 10)
    topic = f'{graph.namespace}/audio_info'
    graph.wait(lambda: graph.logged(f'a publisher on {topic} offers'), 'a word of the third')
    (line,) = graph.logged(f'a publisher on {topic} offers')
    assert 'durability' in line
    assert 'best effort' not in line
    graph.diagnosis(lambda _, values: values.get('format', '').startswith('44100 Hz'), 'the same')
    graph.probe.destroy_publisher(latched)
    graph.matched(plain)
    plain.publish(info(22050))
    graph.diagnosis(lambda _, values: values.get('format', '').startswith('22050 Hz'), 'the third')
