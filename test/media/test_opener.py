"""One word names any source."""

import pytest

from mer_ros.media.image_folder import ImageFolderSource
from mer_ros.media.microphone import MicrophoneSource
from mer_ros.media.opener import open_source
from mer_ros.media.sources import MediaError, is_device
from mer_ros.media.video_file import VideoFileSource
from mer_ros.media.webcam import WebcamSource


def test_files_and_folders(film, shared_data):
    path = film()
    source = open_source(str(path))
    assert isinstance(source, VideoFileSource)
    assert (source.frame_rate, source.audio_format.rate, source.live) == (25.0, 16_000, False)
    assert open_source(str(path), audio=False).audio_format is None
    folder = open_source(str(shared_data / 'photos'), frame_rate=2.0)
    assert isinstance(folder, ImageFolderSource)
    assert folder.frame_rate == 2.0


@pytest.mark.parametrize(
    ('spec', 'name'),
    [('webcam:2', 'webcam:2'), ('webcam', 'webcam:0'), ('webcam:/dev/v4l/x', 'webcam:/dev/v4l/x')],
)
def test_cameras(spec, name):
    source = open_source(spec)
    assert isinstance(source, WebcamSource)
    assert (source.name, source.live, source.frame_rate) == (name, True, 30.0)


@pytest.mark.parametrize(
    ('spec', 'name'),
    [('microphone', 'microphone'), ('mic:3', 'microphone:3'), ('mic:USB', 'microphone:USB')],
)
def test_microphones(spec, name):
    source = open_source(spec, audio_rate=None)
    assert isinstance(source, MicrophoneSource)
    assert (source.name, source.live, source.audio_format.rate) == (name, True, 16_000)


@pytest.mark.parametrize(
    'spec',
    ['', 'nowhere.mp4', 'webcam:front', 'http://a.org/a.mp4', 'webcam:²', '~nobody_/a', 'x:a'],
)
def test_anything_else_is_refused(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError):
        open_source(spec)


@pytest.mark.parametrize(
    ('spec', 'device'),
    [
        ('webcam', True),
        ('camera:1', True),
        ('mic:USB', True),
        ('microphone', True),
        ('camera_film.mp4', False),
        ('microscope.mp4', False),
        ('webcams/one.mp4', False),
        ('', False),
    ],
)
def test_a_file_is_no_device_whatever_its_name_begins_with(spec, device):
    assert is_device(spec) is device
