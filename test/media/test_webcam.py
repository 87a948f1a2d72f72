"""A camera gives its latest picture, says what is wrong, and comes back when it is plugged in.

There is no camera here: OpenCV's reader is the real one, reading a film whose end is the pulled
plug.
"""

import itertools
import threading
import time

import cv2
import numpy as np
import pytest

from mer_ros.media.sources import MediaError
from mer_ros.media.webcam import WebcamSource


@pytest.fixture
def capture(film):
    path = str(film('film.avi', audio=False, seconds=0.4))
    return lambda: cv2.VideoCapture(path)


def test_pictures_are_stamped_with_the_clock_that_is_given(capture):
    clock = itertools.count(100.0)
    source = WebcamSource(0, clock=lambda: next(clock), capture=capture, retry_s=0.01)
    frames = list(itertools.islice(source, 3))
    stamps = [frame.stamp_s for frame in frames]
    assert stamps == sorted(stamps)
    assert stamps[0] >= 100.0
    assert frames[0].image_bgr.shape == (48, 64, 3)


def test_a_lost_camera_is_reported_and_opened_again(capture):
    opened = []

    def counted():
        opened.append(time.monotonic())
        return capture()

    source = WebcamSource(0, capture=counted, retry_s=0.05)
    problems = set()
    for _ in source:
        problems.add(source.problem)
        if len(opened) >= 3:
            source.close()
    assert len(opened) >= 3
    assert min(b - a for a, b in itertools.pairwise(opened)) >= 0.05


def test_without_retry_a_lost_camera_is_an_error(capture):
    source = WebcamSource(0, capture=capture, retry_s=None)
    with pytest.raises(MediaError, match='unplugged'):
        list(source)
    assert 'unplugged' in source.problem


def test_a_missing_camera_is_named():
    with pytest.raises(MediaError, match='/dev/video97'):
        list(WebcamSource(97, retry_s=None))


def test_a_file_that_is_no_camera_is_refused(tmp_path):
    path = tmp_path / 'video0'
    path.write_bytes(b'')
    with pytest.raises(MediaError, match='cannot open'):
        list(WebcamSource(str(path), retry_s=None))


def test_a_missing_camera_is_tried_again_until_closed():
    source = WebcamSource(97, retry_s=0.01)
    taken = []
    reader = threading.Thread(target=lambda: taken.extend(source))
    reader.start()
    deadline = time.monotonic() + 5.0
    while not source.problem and time.monotonic() < deadline:
        time.sleep(0.01)
    assert '/dev/video97' in source.problem
    source.close()
    reader.join(timeout=5.0)
    assert not reader.is_alive()
    assert not taken


def test_a_slow_reader_gets_the_latest_picture(capture):
    source = WebcamSource(0, capture=capture, retry_s=0.01)
    for taken, _ in enumerate(source, start=1):
        time.sleep(0.1)
        if taken == 3:
            source.close()
    assert source.lost > 0


class FailingOnce:
    """OpenCV's reader, whose second picture is an error of OpenCV's own the first time."""

    def __init__(self, capture):
        self._capture = capture
        self.opened = 0

    def __call__(self):
        self.opened += 1
        self._camera = self._capture()
        self._left = 1 if self.opened == 1 else 1_000
        return self

    def read(self):
        self._left -= 1
        if self._left < 0:
            cv2.cvtColor(np.zeros((2, 2), np.uint8), cv2.COLOR_BGR2GRAY)
        return self._camera.read()

    def __getattr__(self, name):
        return getattr(self._camera, name)


def test_an_error_of_the_reader_is_told_and_the_camera_opened_again(capture):
    failing = FailingOnce(capture)
    source = WebcamSource(0, capture=failing, retry_s=0.2)
    problems = set()
    watch = threading.Timer(10.0, source.close)  # else a reader that died would hang the test
    watch.start()
    for _ in source:
        deadline = time.monotonic() + 5.0
        while failing.opened == 1 and not source.problem and time.monotonic() < deadline:
            time.sleep(0.01)
        problems.add(source.problem)
        if failing.opened == 2:
            source.close()
    watch.cancel()
    assert failing.opened == 2
    (problem,) = problems - {''}
    assert 'cannot read webcam:0' in problem
    assert 'OpenCV' in problem
    assert '\n' not in problem


def test_without_retry_an_error_of_the_reader_is_an_error(capture):
    source = WebcamSource(0, capture=FailingOnce(capture), retry_s=None)
    watch = threading.Timer(10.0, source.close)
    watch.start()
    with pytest.raises(MediaError, match='OpenCV'):
        list(source)
    watch.cancel()
