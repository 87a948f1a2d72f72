import numpy as np
import pytest

from mer_ros.face.embedding import unit
from mer_ros.face.gallery import Gallery

S = 1_000_000_000


@pytest.fixture
def people():
    """Vectors of five people, each far from the others."""
    return unit(np.random.default_rng(3).normal(size=(5, 128)))


def _view(vector, number, noise=0.05):
    return unit(vector + noise * np.random.default_rng(number).normal(size=vector.shape))


def test_who_comes_back_is_recalled_and_strangers_are_not(people):
    gallery = Gallery(0.6, keep_s=60.0)
    for index in range(4):
        gallery.note(f'face_{index + 1}', people[index], 0)
    for index in range(4):
        assert gallery.recall(_view(people[index], index), set()) == f'face_{index + 1}'
    assert gallery.recall(people[4], set()) is None


def test_a_name_that_another_face_has_is_not_given_twice(people):
    gallery = Gallery(0.6, keep_s=60.0)
    gallery.note('face_1', people[0], 0)
    assert gallery.recall(people[0], {'face_1'}) is None


def test_with_nothing_kept_no_name_is_given_again(people):
    gallery = Gallery(0.6, keep_s=0.0)
    gallery.note('face_1', people[0], 0)
    assert gallery.recall(people[0], set()) is None


def test_faces_are_forgotten_some_seconds_after_they_were_last_followed(people):
    gallery = Gallery(0.6, keep_s=10.0)
    gallery.note('face_1', people[0], 0)
    gallery.forget(100 * S, {'face_1'})
    gallery.forget(110 * S, set())
    assert gallery.recall(people[0], set()) == 'face_1'
    gallery.forget(111 * S, set())
    assert gallery.recall(people[0], set()) is None
    assert gallery.names == ()


def test_a_face_that_changes_slowly_is_still_known(people):
    gallery = Gallery(0.8, keep_s=10.0)
    steps = unit(np.linspace(people[0], people[1], 60))
    for number, vector in enumerate(steps):
        gallery.note('face_1', vector, number)
    assert gallery.recall(steps[-1], set()) == 'face_1'
    assert gallery.recall(people[0], set()) is None


def test_reset_forgets_everybody(people):
    gallery = Gallery(0.6, keep_s=10.0)
    gallery.note('face_1', people[0], 0)
    gallery.reset()
    assert gallery.recall(people[0], set()) is None
