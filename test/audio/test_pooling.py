"""A clip's answer from its windows: order, agreement, temperature."""

import numpy as np
import pytest

from mer_ros.audio.pooling import pool, pool_clips

ROW = np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], np.float32)


def test_agreeing_windows_give_what_each_says():
    assert pool(np.stack([ROW, ROW])) == pytest.approx(ROW, abs=1e-6)


def test_certain_windows_that_contradict_each_other_leave_a_distribution():
    pooled = pool(np.eye(7, dtype=np.float32)[:2])
    assert pooled.sum() == pytest.approx(1.0)
    assert pooled[0] == pytest.approx(pooled[1])


def test_the_temperature_sharpens_or_flattens_by_the_power_law():
    pooled = pool(np.stack([ROW, ROW]), 0.5)
    assert pooled == pytest.approx(ROW**2 / (ROW**2).sum(), abs=1e-6)
    assert pool(ROW[None], 2.0).max() < ROW.max()


def test_each_clip_is_pooled_over_its_own_windows():
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(7), 9)
    owner = np.array([0, 2, 1, 1, 0, 2, 2, 0, 0])
    pooled = pool_clips(table, owner, 3, 0.8)
    for clip in range(3):
        assert pooled[clip] == pytest.approx(pool(table[owner == clip], 0.8), abs=1e-6)


def test_a_temperature_that_is_none_is_refused():
    with pytest.raises(ValueError, match='temperature'):
        pool(ROW[None], 0.0)
