"""The whole way from chunks to estimates, on real speech and on everything that goes wrong."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from mer_ros.audio.activity import SpeechActivity
from mer_ros.audio.adaptation import Adaptation
from mer_ros.audio.chunk import AudioChunk, AudioError
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.timeline import NS, Continuity
from mer_ros.emotions import UNKNOWN, Emotion
from mer_ros.estimates import Modality
from mer_ros.models.card import Voice
from mer_ros.models.errors import ModelError

START = 1_700_000_000 * NS
SAMPLE_NS = 62_500


class LoudnessClassifier:
    """Says happiness to loud windows and sadness to quiet ones, and keeps what it was given."""

    name = 'loudness'
    version = '1.0'
    prior = np.full(7, 1 / 7, np.float32)

    def __init__(self):
        self.seen = []

    def load(self):
        pass

    def classify(self, windows):
        self.seen.extend(windows)
        table = np.full((len(windows), 7), 0.05, np.float32)
        loud = np.sqrt(np.mean(windows**2, axis=1)) > 0.02
        table[np.arange(len(windows)), np.where(loud, 3, 4)] = 0.7
        return table


class LevelActivity:
    """Takes loud frames for speech: cheap where silero itself is not what is tested."""

    name = 'level'
    version = '1.0'

    def __init__(self):
        self.reset()

    def load(self):
        pass

    def reset(self):
        self.pending = np.zeros(0, np.float32)

    def process(self, samples):
        stream = np.concatenate((self.pending, samples))
        whole = stream.size // 512 * 512
        self.pending = stream[whole:]
        return (np.abs(stream[:whole]).reshape(-1, 512).max(axis=1) > 0.01).astype(np.float32)


def make(activity=None, **changes):
    return AudioPipeline(
        LoudnessClassifier(), activity or LevelActivity(), AudioSettings(**changes)
    )


def feed(pipeline, sound, rate=16_000, start_ns=START, chunk=320, **fields):
    """Push sound in chunks and return everything that comes out."""
    sound = sound[:, None] if sound.ndim == 1 else sound
    results = []
    for first in range(0, len(sound), chunk):
        stamp = start_ns + first * NS // rate
        pipeline.push(AudioChunk(stamp, sound[first : first + chunk], rate, **fields))
        while (window := pipeline.pop()) is not None:
            results.append((*pipeline.classify(window), window))
    return results


def noise(seconds, amplitude=0.1, rate=16_000):
    return (amplitude * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(
        np.float32
    )


@pytest.fixture(scope='module')
def silero():
    detector = SpeechActivity()
    detector.load()
    return detector


def test_real_speech_is_told_from_the_silence_around_it(silero, read_clip):
    clip = read_clip('speech/ravdess/03-01-05-02-01-01-01.flac')
    arrays = [array for array, _, _ in feed(make(silero), clip, frame_id='head')]
    assert len(arrays) == (clip.size - 16_000) // 8_000 + 1
    labels = [array.estimates[0].label for array in arrays]
    assert labels[0] == labels[-1] == UNKNOWN
    assert labels.count(Emotion.HAPPINESS) >= 3
    for number, array in enumerate(arrays):
        (estimate,) = array.estimates
        assert array.stamp_ns == START + (number * 8_000 + 15_999) * SAMPLE_NS
        assert array.modalities == Modality.AUDIO
        assert array.models == ('audio:silero+loudness@1.0',)
        assert (array.window_ns, array.frame_id) == (NS, 'head')
        assert estimate.subject_id == 'audio'
        assert estimate.speaking == array.speech_probability
        assert estimate.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
        assert 0.0 <= estimate.reliability <= 1.0


def test_without_speech_the_estimate_is_unknown_with_the_deployed_prior():
    prior = (0.05, 0.05, 0.05, 0.1, 0.1, 0.05, 0.6)
    ((array, _, _), *_) = feed(make(deployed_prior=prior), np.zeros(16_000, np.float32))
    (estimate,) = array.estimates
    assert estimate.label == UNKNOWN
    assert estimate.probabilities == pytest.approx(prior)
    assert (estimate.confidence, estimate.reliability, array.speech_probability) == (0.0, 0.0, 0.0)


def test_with_speech_the_label_is_the_most_probable():
    ((array, features, _),) = feed(make(), noise(1.0))
    (estimate,) = array.estimates
    assert estimate.label == Emotion.HAPPINESS
    assert estimate.confidence == pytest.approx(0.7)
    assert estimate.valence > 0 < estimate.arousal
    assert features['speech_probability'] == 1.0
    assert (features.stamp_ns, features.window_ns) == (array.stamp_ns, NS)


@pytest.mark.parametrize(('threshold', 'label'), [(0.9, UNKNOWN), (0.3, Emotion.HAPPINESS)])
def test_the_speech_threshold_decides(threshold, label):
    sound = noise(1.0)
    sound[5_000:] = 0.0
    ((array, _, _),) = feed(make(speech_threshold=threshold), sound)
    assert 0.3 < array.speech_probability < 0.9
    assert array.estimates[0].label == label


@pytest.mark.parametrize('rate', [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 192_000])
@pytest.mark.parametrize('channels', [1, 2, 6])
def test_any_rate_and_channel_count_gives_the_same_window(rate, channels):
    time_s = np.arange(round(rate * 1.1)) / rate
    sound = (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    pipeline = make(high_pass_hz=0.0, remove_dc=False, normalise=False)
    ((array, _, window),) = feed(
        pipeline, np.repeat(sound[:, None], channels, 1), rate, chunk=rate // 50
    )
    expected = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(window.samples - expected)[400:-400].max() < 2e-3
    assert array.stamp_ns == START + 15_999 * SAMPLE_NS


def test_a_click_is_stamped_when_it_happened():
    rate = 44_100
    sound = np.zeros(3 * rate, np.float32)
    sound[2 * rate] = 0.9
    pipeline = make(high_pass_hz=0.0, remove_dc=False)
    for _, _, window in feed(pipeline, sound, rate, chunk=441):
        where = int(np.abs(window.samples).argmax())
        if np.abs(window.samples).max() > 0.1:
            stamp = window.stamp_ns - (15_999 - where) * SAMPLE_NS
            assert abs(stamp - (START + 2 * NS)) <= SAMPLE_NS // 2 + 1


def test_one_channel_can_be_chosen():
    sound = np.stack((np.zeros(16_000, np.float32), noise(1.0)), axis=1)
    ((array, _, _),) = feed(make(channel=0), sound)
    assert array.estimates[0].label == UNKNOWN
    ((array, _, _),) = feed(make(channel=1), sound)
    assert array.estimates[0].label == Emotion.HAPPINESS
    with pytest.raises(AudioError, match='channel'):
        feed(make(channel=2), sound)


@pytest.mark.parametrize(('rate', 'hours'), [(16_000, 3.0), (8_000, 0.3), (44_100, 0.1)])
def test_hours_of_jittered_chunks_do_not_move_a_window(rate, hours):
    """Stamps jitter by up to 20 ms around the truth; the count must not care."""
    random = np.random.default_rng(rate)
    seconds = round(hours * 3_600)
    pipeline = make(high_pass_hz=0.0, remove_dc=False)
    silence = np.zeros((4 * rate, 1), np.float32)
    count, number = 0, 0
    while count < seconds * rate:
        size = int(random.integers(1, 4 * rate))
        jitter = 0 if count == 0 else int(random.integers(-20_000_000, 20_000_001))
        pipeline.push(AudioChunk(START + count * NS // rate + jitter, silence[:size], rate))
        count += size
        while (window := pipeline._buffer.pop()) is not None:
            assert window.stamp_ns == START + (number * 8_000 + 15_999) * SAMPLE_NS
            number += 1
    health = pipeline.health
    assert health.gaps == health.backward == health.drifts == health.dropped == 0
    assert number >= seconds * 2 - 2


def test_a_gap_starts_new_windows_and_is_counted():
    pipeline = make()
    feed(pipeline, noise(1.7))
    placement = pipeline.push(AudioChunk(START + 2 * NS, noise(0.1)[:, None], 16_000))
    assert placement.continuity is Continuity.GAP
    assert '300 ms' in placement.describe()
    results = feed(pipeline, noise(1.0), start_ns=START + 2_100_000_000)
    assert [array.stamp_ns for array, _, _ in results] == [START + 2 * NS + 15_999 * SAMPLE_NS]
    assert pipeline.health.gaps == 1


def test_a_chunk_lost_every_second_leaves_windows_with_the_time_of_their_last_sample():
    pipeline = make()
    arrived = [NS * index // 10 for index in range(100) if index % 10 != 7]
    stamps = []
    for offset in arrived:
        pipeline.push(AudioChunk(START + offset, noise(0.1)[:, None], 16_000))
        while (window := pipeline.pop()) is not None:
            stamps.append(window.stamp_ns)
    assert len(stamps) == 17  # nine seconds of sound
    assert (pipeline.health.drifts, pipeline.health.gaps) == (10, 0)
    ends = {START + offset + 1_600 * SAMPLE_NS for offset in arrived}
    for stamp, before in zip(stamps[1:], stamps, strict=False):
        assert stamp - before in (500_000_000, 600_000_000)
    # Half a second of what arrived is five chunks, so every window ends where a chunk does.
    assert {stamp + SAMPLE_NS for stamp in stamps} <= ends


def test_stamps_that_jitter_by_80_ms_cost_no_window():
    pipeline = make()
    random = np.random.default_rng(4)
    stamps = []
    for index in range(200):
        jitter = round(random.uniform(-80, 80) * 1e6)
        pipeline.push(AudioChunk(START + index * NS // 10 + jitter, noise(0.1)[:, None], 16_000))
        while (window := pipeline.pop()) is not None:
            stamps.append(window.stamp_ns)
    assert len(stamps) == 39
    for index, stamp in enumerate(stamps):
        assert abs(stamp - (START + NS + index * NS // 2)) < 100_000_000
    assert (np.diff(stamps) > 0).all()


def test_a_looped_bag_starts_anew_and_counts_once():
    pipeline = make()
    first = [array.stamp_ns for array, _, _ in feed(pipeline, noise(2.2))]
    again = [array.stamp_ns for array, _, _ in feed(pipeline, noise(2.2))]
    assert first == again == [START + (k * 8_000 + 15_999) * SAMPLE_NS for k in range(3)]
    assert pipeline.health.backward == 1


def test_two_clocks_that_drift_lose_nothing():
    pipeline = make()
    stamps = []
    for index in range(800):
        pipeline.push(AudioChunk(START + index * 100_200_000, noise(0.1)[:, None], 16_000))
        while (window := pipeline.pop()) is not None:
            stamps.append(window.stamp_ns)
    health = pipeline.health
    assert (health.drifts, health.gaps, health.dropped) == (3, 0, 0)
    assert len(stamps) == (800 * 1_600 - 16_000) // 8_000 + 1
    assert min(np.diff(stamps)) == NS // 2
    assert abs(stamps[-1] - (START + 800 * 100_200_000)) < 60_000_000


def test_arrival_stamps_may_jitter_more():
    pipeline = make()
    for index in range(30):
        late = 150_000_000 if index % 4 == 1 else 0
        chunk = AudioChunk(
            START + index * 100_000_000 + late, noise(0.1)[:, None], 16_000, stamped=False
        )
        pipeline.push(chunk)
    assert pipeline.health.gaps == pipeline.health.backward == 0
    assert pipeline._buffer.ready == 5


def test_another_sample_rate_in_the_middle_goes_on():
    pipeline = make()
    feed(pipeline, noise(1.2))
    results = feed(pipeline, noise(1.2, rate=48_000), 48_000, START + 1_200_000_000, 960)
    assert [array.stamp_ns for array, _, _ in results] == [
        START + 1_200_000_000 + 15_999 * SAMPLE_NS
    ]
    assert pipeline.health.rate_changes == 1


def test_the_latest_window_first_and_the_activity_hears_the_rest():
    pipeline = make()
    for index in range(40):
        pipeline.push(AudioChunk(START + index * 100_000_000, noise(0.1)[:, None], 16_000))
    window = pipeline.pop(latest=True)
    assert window.stamp_ns == START + (4 * 16_000 - 1) * SAMPLE_NS
    assert window.speech.size == 31
    assert pipeline.pop() is None
    assert (pipeline.health.skipped, pipeline.health.dropped, pipeline.health.windows) == (6, 0, 1)


def test_the_background_is_learnt_from_where_there_is_no_speech():
    sound = noise(5.0, 0.001)
    sound[40_000:] = noise(2.5, 0.05)
    *_, (_, features, window) = feed(make(), sound)
    assert features['noise_dbfs'] == pytest.approx(-60.0, abs=1.0)
    assert features['snr_db'] == pytest.approx(34.0, abs=1.0)
    assert window.noise_spectrum.shape == (257,)


def test_clipping_is_seen_in_the_source_before_anything_is_filtered():
    sound = np.clip(noise(1.1, 1.0, 48_000), -1.0, 1.0)
    share = float(np.mean(np.abs(sound) >= 1.0))
    ((array, features, _),) = feed(make(), sound, 48_000, chunk=960)
    assert features['clipping'] == pytest.approx(share, abs=0.02)
    assert array.estimates[0].reliability <= 0.2


def test_the_classifier_gets_the_conditioned_sound():
    pipeline = make()
    feed(pipeline, noise(1.0, 0.03) + np.float32(0.3))
    (given,) = pipeline._classifier.seen
    assert abs(float(given.mean())) < 1e-3
    assert 20 * np.log10(np.sqrt(np.mean(given**2))) == pytest.approx(-23.0, abs=0.1)


class EmbeddingClassifier(LoudnessClassifier):
    """Has an embedding for each window: its first three samples."""

    def classify_with_embeddings(self, windows):
        return self.classify(windows), windows[:, :3]


def test_with_speech_the_window_has_the_embedding_it_was_classified_by():
    classifier = EmbeddingClassifier()
    pipeline = AudioPipeline(classifier, LevelActivity(), AudioSettings(embeddings=True))
    assert pipeline.embedder == 'loudness@1.0'
    ((_, _, window),) = feed(pipeline, noise(1.02))
    assert len(classifier.seen) == 1  # probabilities and embedding come of one pass
    assert pipeline.embedding == pytest.approx(classifier.seen[0][:3])
    pipeline.classify(replace(window, speech=np.zeros_like(window.speech)))
    assert pipeline.embedding is None


def test_nothing_is_embedded_unless_it_is_asked_for():
    pipeline = AudioPipeline(EmbeddingClassifier(), LevelActivity(), AudioSettings())
    feed(pipeline, noise(1.02))
    assert pipeline.embedding is None
    assert pipeline.embedder == ''


def test_a_classifier_without_embeddings_is_refused_where_they_are_asked_for():
    with pytest.raises(ModelError, match='set classifier to wav2vec2'):
        AudioPipeline(LoudnessClassifier(), LevelActivity(), AudioSettings(embeddings=True))


class VoicedClassifier(LoudnessClassifier):
    """One whose card says what is usual of a voice."""

    voice = Voice(np.zeros(7), 0.5, 2.0)


def voiced(**changes):
    return AudioPipeline(VoicedClassifier(), LevelActivity(), AudioSettings(**changes))


def happiness(results):
    return [
        array.estimates[0].probabilities[3]
        for array, _, _ in results
        if array.estimates[0].label != UNKNOWN
    ]


def test_a_window_is_answered_beside_those_of_some_time_before():
    pipeline = voiced(voice_memory_s=8e4)
    # Silence in between is neither answered nor remembered.
    sound = np.concatenate([noise(3.0), np.zeros(16_000 * 20, np.float32), noise(3.02)])
    said = happiness(feed(pipeline, sound))
    alone = np.full((1, 7), 0.05, np.float32)
    alone[0, 3] = 0.7
    before, after = said[: len(said) // 2], said[len(said) // 2 :]
    assert before == pytest.approx([0.7] * len(before))
    memory = Adaptation(VoicedClassifier.voice)
    memory.add(np.repeat(alone, len(before), axis=0), 0)
    assert after[-1] == pytest.approx(memory.adapt(alone)[0, 3], abs=0.01)
    assert (np.diff(after) <= 1e-6).all()
    assert pipeline.voice_heard_s == pytest.approx(0.5 * len(before), abs=0.6)


@pytest.mark.parametrize('hop_s', [0.25, 0.5, 1.0])
def test_how_often_windows_come_does_not_change_how_much_was_heard(hop_s):
    pipeline = voiced(voice_memory_s=8e4, hop_s=hop_s)
    feed(pipeline, noise(11.02))
    feed(pipeline, noise(1.02), start_ns=START + 60 * NS)
    assert pipeline.voice_heard_s == pytest.approx(10.0 + hop_s, abs=0.1)


def later(pipeline, start_ns=START):
    """Return the answers to two seconds of sound, and to two a minute after."""
    first = happiness(feed(pipeline, noise(2.02), start_ns=start_ns))
    return first, happiness(feed(pipeline, noise(2.02), start_ns=start_ns + 60 * NS))


def test_a_voice_is_forgotten_with_time_a_looped_bag_and_on_reset():
    pipeline = voiced(voice_memory_s=100.0)
    first, second = later(pipeline)
    assert first == pytest.approx([0.7] * 3)
    assert max(second) < 0.65
    assert later(pipeline, START + 10_000 * NS)[0] == pytest.approx(first)
    assert later(pipeline) == (pytest.approx(first), pytest.approx(second))
    pipeline.reset()
    assert pipeline.voice_heard_s == 0.0
    assert happiness(feed(pipeline, noise(2.02), start_ns=START + 90 * NS)) == pytest.approx(first)


def test_without_memory_or_a_fitted_voice_each_window_is_answered_by_itself():
    pipeline = voiced(voice_memory_s=0.0)
    assert later(pipeline) == (pytest.approx([0.7] * 3), pytest.approx([0.7] * 3))
    assert pipeline.voice_heard_s is None
    pipeline.settings = replace(pipeline.settings, voice_memory_s=60.0)
    first, second = later(pipeline, START + 200 * NS)
    assert first == pytest.approx([0.7] * 3)
    assert max(second) < 0.68
    plain = make()
    assert plain.adaptation() is None
    assert later(plain) == (pytest.approx([0.7] * 3), pytest.approx([0.7] * 3))
    assert plain.voice_heard_s is None


def test_the_speech_threshold_can_change_while_it_runs():
    pipeline = make(speech_threshold=0.0)
    ((array, _, _),) = feed(pipeline, np.zeros(16_000, np.float32))
    assert array.estimates[0].label == Emotion.SADNESS
    pipeline.settings = AudioSettings(speech_threshold=0.5)
    ((array, _, _),) = feed(pipeline, np.zeros(8_000, np.float32), start_ns=START + NS)
    assert array.estimates[0].label == UNKNOWN


def test_refused_chunks_are_counted_and_the_stream_goes_on():
    pipeline = make(channel=1)
    stereo = np.repeat(noise(1.0)[:, None], 2, 1)
    with pytest.raises(AudioError):
        pipeline.push(AudioChunk(START, stereo[:, :1], 16_000))
    assert len(feed(pipeline, stereo)) == 1
    assert pipeline.health.refused == 1


@pytest.mark.parametrize('values', [[np.nan] * 7, [2.0] * 7, [-1.0] + [2 / 6] * 6, [0.0] * 7])
def test_a_classifier_that_answers_nonsense_is_an_error(values):
    pipeline = make()
    answer = np.float32([values])
    pipeline._classifier.classify = lambda windows: answer.repeat(len(windows), axis=0)
    with pytest.raises(AudioError, match='no probabilities'):
        feed(pipeline, noise(1.0))


def test_reset_forgets_the_stream():
    pipeline = make()
    feed(pipeline, noise(0.9))
    pipeline.reset()
    assert feed(pipeline, noise(0.9), start_ns=0) == []
    (result,) = feed(pipeline, noise(0.1), start_ns=900_000_000)
    assert result[0].stamp_ns == 15_999 * SAMPLE_NS
    assert pipeline.health.backward == 0


def test_same_sound_same_payload_however_it_is_cut(silero, read_clip):
    clip = read_clip('speech/emodb/03a01Fa.flac')
    runs = [feed(make(silero), clip, chunk=chunk) for chunk in (160, 1_000, 16_000)]
    assert len({len(run) for run in runs}) == 1
    for results in zip(*runs, strict=True):
        arrays = [array for array, _, _ in results]
        assert len({(a.stamp_ns, a.speech_probability, a.estimates[0].label) for a in arrays}) == 1
        values = [features.values for _, features, _ in results]
        assert np.allclose(values[0], values[1], atol=1e-3)
        assert np.allclose(values[0], values[2], atol=1e-3)


def test_one_thread_pushes_while_another_pops():
    pipeline = make()
    chunks = [
        AudioChunk(START + i * 20_000_000, noise(0.02)[:, None], 16_000) for i in range(1_000)
    ]
    done = threading.Event()
    stamps, errors = [], []

    def work():
        try:
            while not done.is_set() or pipeline.health.buffered >= 16_000:
                window = pipeline.pop()
                if window is None:
                    time.sleep(0.001)
                else:
                    stamps.append(pipeline.classify(window)[0].stamp_ns)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    for chunk in chunks:
        pipeline.push(chunk)
    done.set()
    worker.join(timeout=30)
    assert not errors
    assert stamps == [START + (k * 8_000 + 15_999) * SAMPLE_NS for k in range(39)]


def test_pushing_is_cheap_even_while_a_window_is_classified():
    pipeline = make()
    chunk = np.repeat(noise(0.02, rate=48_000)[:, None], 2, 1)
    times = []
    for index in range(300):
        started = time.perf_counter()
        pipeline.push(AudioChunk(START + index * 20_000_000, chunk, 48_000))
        times.append(time.perf_counter() - started)
    assert np.median(times) < 0.002


def test_after_hours_nobody_popped_memory_is_that_of_the_buffer():
    pipeline = make(buffer_s=3.0)
    for index in range(100):
        pipeline.push(AudioChunk(START + index * NS, noise(1.0)[:, None], 16_000))
    health = pipeline.health
    assert health.buffered == 3 * 16_000
    assert health.dropped == 97 * 16_000
    window = pipeline.pop()
    assert window.stamp_ns == START + (98 * 16_000 - 1) * SAMPLE_NS
