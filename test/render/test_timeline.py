"""The timeline shows the decided labels where they were decided."""

import cv2
import numpy as np
import pytest

from mer_ros.emotions import UNKNOWN, Emotion
from mer_ros.estimates import Estimate, EstimateArray
from mer_ros.render.errors import RenderError
from mer_ros.render.palette import EMOTION_COLOURS, PAPER
from mer_ros.render.timeline import WIDTH, draw_timeline, plot

START = 1_700_000_000_000_000_000


def array(second, label, name='face_1'):
    estimates = () if label is None else (Estimate(name, label, confidence=0.5),)
    return EstimateArray(START + int(second * 1e9), estimates=estimates, speech_probability=0.5)


def label_strip(image):
    return image[58 + 6]


def test_the_strip_has_the_colour_of_each_decision_in_order():
    arrays = [array(i / 10, Emotion.ANGER if i < 50 else UNKNOWN) for i in range(100)]
    strip = label_strip(draw_timeline(arrays))
    assert tuple(strip[300]) == EMOTION_COLOURS[Emotion.ANGER]
    assert tuple(strip[1000]) == EMOTION_COLOURS[UNKNOWN]


def test_a_subject_that_is_gone_leaves_a_hole():
    arrays = [array(i / 10, Emotion.FEAR if i < 40 or i > 60 else None) for i in range(100)]
    strip = label_strip(draw_timeline(arrays))
    middle = 96 + (WIDTH - 120) * 55 // 100
    assert tuple(strip[middle]) == PAPER


def test_a_picture_is_written_and_order_does_not_matter(tmp_path):
    arrays = [array(i / 10, Emotion.SADNESS) for i in range(20)]
    plot(arrays, tmp_path / 'one.png')
    plot(arrays[::-1], tmp_path / 'two.png')
    first, second = (cv2.imread(str(tmp_path / f'{name}.png')) for name in ('one', 'two'))
    assert first is not None
    assert np.array_equal(first, second)


def test_a_single_result_and_many_subjects_are_drawn():
    assert draw_timeline([array(0, Emotion.NEUTRAL)]).shape[1] == WIDTH
    crowd = [array(i / 30, Emotion.NEUTRAL, f'face_{i % 9}') for i in range(90)]
    assert draw_timeline(crowd).shape[0] < 1300  # four of the nine subjects


def test_nothing_to_plot_and_nowhere_to_write_are_named(tmp_path):
    with pytest.raises(RenderError, match='no fused results'):
        plot([], tmp_path / 'x.png')
    with pytest.raises(RenderError, match='cannot write'):
        plot([array(0, 0)], tmp_path / 'missing' / 'x.png')
    with pytest.raises(RenderError, match='ending'):
        plot([array(0, 0)], tmp_path / 'x.unknown')


def test_a_sure_emotion_has_a_narrow_band_of_valence_and_a_torn_one_a_wide_one():
    def painted(probabilities):
        shares = np.asarray(probabilities, np.float32)
        arrays = [
            EstimateArray(
                START + int(i * 1e8), estimates=(Estimate('face_1', 3, probabilities=shares),)
            )
            for i in range(50)
        ]
        column = draw_timeline(arrays)[58 + 18 + 150 + 8 : 58 + 18 + 150 + 8 + 74, 600]
        return int((column != PAPER).any(axis=1).sum())

    sure = np.eye(7, dtype=np.float32)[Emotion.HAPPINESS]
    torn = (sure + np.eye(7, dtype=np.float32)[Emotion.SADNESS]) / 2
    assert painted(sure) < 10
    assert painted(torn) > 40
