import math

import numpy as np
import pytest

from mer_ros import metrics


def _certain(labels):
    return np.eye(7)[labels]


def test_confusion_has_the_truth_in_rows():
    matrix = metrics.confusion_matrix([0, 0, 1], [0, 1, 1])
    assert matrix.sum() == 3
    assert matrix[0].tolist()[:2] == [1, 1]
    assert matrix[1].tolist()[:2] == [0, 1]


def test_uar_is_the_mean_recall_of_the_classes_present():
    matrix = metrics.confusion_matrix([0, 0, 0, 0, 5], [0, 0, 0, 1, 2])
    assert metrics.uar(matrix) == pytest.approx((0.75 + 0.0) / 2)


def test_f1_counts_false_alarms_of_absent_classes_against_nobody():
    matrix = metrics.confusion_matrix([0, 0, 1, 1], [0, 6, 1, 0])
    # class 0: precision 1/2, recall 1/2; class 1: precision 1, recall 1/2; 6 is not in the truth
    assert metrics.macro_f1(matrix) == pytest.approx((0.5 + 2 / 3) / 2)


def test_ece_of_a_model_that_is_as_sure_as_it_is_right_is_zero():
    probabilities = np.full((10, 7), 0.2 / 6)
    probabilities[:, 3] = 0.8
    truth = [3] * 8 + [0, 1]
    assert metrics.expected_calibration_error(truth, probabilities) == pytest.approx(0, abs=1e-9)


def test_ece_of_a_model_that_is_always_sure_is_its_error_rate():
    probabilities = _certain([0] * 10)
    assert metrics.expected_calibration_error([0] * 6 + [1] * 4, probabilities) == pytest.approx(
        0.4
    )


def test_score_has_the_fixed_fields():
    scores = metrics.score([0, 1, 2], _certain([0, 1, 3]))
    assert list(scores) == ['n', 'accuracy', 'uar', 'macro_f1', 'ece', 'confusion']
    assert scores['n'] == 3
    assert scores['accuracy'] == pytest.approx(2 / 3)
    assert np.array(scores['confusion']).shape == (7, 7)


def test_score_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r'\(2, 7\), not \(3, 7\)'):
        metrics.score([0, 1, 2], _certain([0, 1]))


def test_nothing_scores_nan_not_zero():
    scores = metrics.score([], np.zeros((0, 7)))
    assert scores['n'] == 0
    assert all(math.isnan(scores[name]) for name in ('accuracy', 'uar', 'macro_f1', 'ece'))


def test_a_calibrated_classifier_has_the_ece_that_calibration_gives():
    rng = np.random.default_rng(1)
    table = rng.dirichlet(np.full(7, 0.5), 1200)
    truth = (rng.random((1200, 1)) > table.cumsum(axis=1)).sum(axis=1)
    check = metrics.calibration_check(truth, table, 200)
    assert check['ece_if_calibrated_95'][0] < check['ece'] < check['ece_if_calibrated_95'][1]
    assert check['ece_debiased'] < check['ece'] < check['ece_95'][1]
    assert check['ece_basic_95'][0] < 0.01
    sure = table**3 / (table**3).sum(axis=1, keepdims=True)
    assert metrics.calibration_check(truth, sure, 200)['ece_basic_95'][0] > 0.05
