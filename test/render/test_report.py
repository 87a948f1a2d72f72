import numpy as np
import pytest

from mer_ros.render import report
from mer_ros.render.palette import PAPER


def test_a_full_cell_is_darker_than_an_empty_one():
    picture = report.confusion(np.eye(7, dtype=int) * 5, 'perfect')
    on, off = (picture[64 + 5, 110 + 64 * column + 5] for column in (0, 1))
    assert on.sum() < off.sum()
    assert tuple(off) == PAPER


def test_classes_without_items_are_drawn_empty():
    assert report.confusion(np.zeros((7, 7), int) + np.diag([1, 0, 0, 0, 0, 0, 0]), 'one').size


def test_reliability_bars_rise_to_the_share_that_is_right():
    table = np.full((40, 7), 0.02)
    table[:, 2] = 0.88
    bar = 110 + 480 * 13 // 15 + 10
    heights = []
    for right in (10, 30):
        truth = [2] * right + [0] * (40 - right)
        column = report.reliability(truth, table, 't')[64 : 64 + 480, bar]
        heights.append(int((column == report._BLUE).all(axis=1).sum()))
    assert heights[0] == pytest.approx(120, abs=6)
    assert heights[1] == pytest.approx(360, abs=6)
