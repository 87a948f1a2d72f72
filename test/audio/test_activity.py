"""Silero hears speech in real clips, frame by frame, the same however the stream is cut."""

import subprocess
import sys

import numpy as np
import pytest

from mer_ros.audio.activity import FRAME, SpeechActivity
from mer_ros.audio.chunk import AudioError
from mer_ros.models import store
from mer_ros.models.session import OnnxModel


@pytest.fixture(scope='module')
def activity():
    detector = SpeechActivity()
    detector.load()
    return detector


@pytest.fixture(scope='module')
def clip(read_clip):
    return read_clip('speech/emodb/03a01Fa.flac')


def test_speech_is_heard_and_silence_is_not(activity, clip):
    activity.reset()
    assert np.median(activity.process(clip)) > 0.9
    activity.reset()
    assert activity.process(np.zeros(32_000, np.float32)).max() < 0.1
    activity.reset()
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(32_000) / 16_000)
    assert np.median(activity.process(hum.astype(np.float32))) < 0.2


def test_a_frame_is_512_samples_and_the_cut_of_the_stream_does_not_matter(activity, clip):
    activity.reset()
    whole = activity.process(clip)
    assert len(whole) == clip.size // FRAME
    activity.reset()
    pieces = [activity.process(part) for part in np.array_split(clip, 37)]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_reset_forgets(activity, clip):
    activity.reset()
    first = activity.process(clip)
    activity.process(np.ones(700, np.float32))
    activity.reset()
    assert np.array_equal(activity.process(clip), first)


def test_it_answers_as_the_packages_own_export_for_whole_recordings_does(activity, clip):
    """That one keeps state and context between frames inside the graph."""
    reference = OnnxModel(store.find('silero').with_name('silero_vad_16k_sequence.onnx'))
    frames = clip[: clip.size // FRAME * FRAME].reshape(-1, FRAME)
    context = np.concatenate((np.zeros((1, 64), np.float32), frames[:-1, -64:]))
    state = np.zeros((1, 1, 128), np.float32)
    inputs = {'input': np.hstack((context, frames)), 'h': state, 'c': state}
    activity.reset()
    assert np.allclose(activity.process(clip), reference.run(inputs)['speech_probs'], atol=1e-4)


def test_neither_torch_nor_the_package_is_imported():
    code = (
        'import sys; from mer_ros.audio.activity import SpeechActivity; '
        'SpeechActivity().load(); assert not {"torch", "silero_vad"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_it_must_be_loaded_first():
    with pytest.raises(AudioError, match='load'):
        SpeechActivity().process(np.zeros(512, np.float32))
