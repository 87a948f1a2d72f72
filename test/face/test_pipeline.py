from dataclasses import replace

import cv2
import numpy as np
import pytest

from mer_ros.estimates import Modality
from mer_ros.face.classification import FaceScores
from mer_ros.face.detection import Detection
from mer_ros.face.errors import FaceError
from mer_ros.face.mesh import FaceMesh
from mer_ros.face.pipeline import FacePipeline, roi
from mer_ros.face.settings import FaceSettings
from mer_ros.models.errors import ModelError

S = 1_000_000_000


@pytest.fixture
def pipeline(yunet, brightness):
    return FacePipeline(yunet, brightness)


def _side_by_side(photos, *names):
    image = np.full((480, 640, 3), 90, np.uint8)
    for index, name in enumerate(names):
        side = 280 - 60 * index
        small = cv2.resize(photos[name], (side, side), interpolation=cv2.INTER_AREA)
        image[60 : 60 + side, 20 + 320 * index : 20 + 320 * index + side] = small
    return image


def _same(one, two):
    assert [e.subject_id for e in one.estimates] == [e.subject_id for e in two.estimates]
    for a, b in zip(one.estimates, two.estimates, strict=True):
        assert (a.label, a.roi, a.reliability, a.speaking) == (
            b.label, b.roi, b.reliability, b.speaking
        )  # fmt: skip
        np.testing.assert_array_equal(a.probabilities, b.probabilities)
        np.testing.assert_array_equal(a.landmarks, b.landmarks)


@pytest.mark.parametrize('detector', ['haar', 'yunet'])
def test_every_estimate_keeps_the_contract(request, brightness, photos, detector):
    pipeline = FacePipeline(request.getfixturevalue(detector), brightness)
    for stamp, photo in enumerate(photos.values(), start=5):
        array = pipeline.process(photo, stamp * S, 'camera')
        assert (array.stamp_ns, array.frame_id) == (stamp * S, 'camera')
        assert (array.image_height, array.image_width) == photo.shape[:2]
        assert array.modalities == Modality.FACE
        assert array.models == (f'face:{detector}+brightness@1',)
        assert len(array.estimates) == 1
        estimate = array.estimates[0]
        assert estimate.label == estimate.probabilities.argmax()
        assert estimate.confidence == estimate.probabilities[estimate.label]
        assert 0 <= estimate.reliability <= 1
        assert 0 <= estimate.speaking <= 1
        assert -1 <= estimate.valence <= 1
        assert estimate.label_since_ns == stamp * S
        x, y, w, h = estimate.roi
        assert all(isinstance(value, int) for value in estimate.roi)
        assert 0 <= x < x + w <= array.image_width
        assert 0 <= y < y + h <= array.image_height
        assert estimate.landmarks.dtype == np.float32
        assert detector == 'haar' or estimate.landmarks.shape == (5, 2)


def test_no_face_is_an_empty_array(pipeline):
    array = pipeline.process(np.zeros((480, 640, 3), np.uint8), 0)
    assert array.estimates == ()
    assert array.modalities == Modality.FACE


def test_all_faces_are_classified_in_one_batch_largest_first(pipeline, brightness, photos):
    image = _side_by_side(photos, 'image0000015.jpg', 'image0003909.jpg')
    array = pipeline.process(image, 0)
    assert [estimate.subject_id for estimate in array.estimates] == ['face_1', 'face_2']
    areas = [estimate.roi[2] * estimate.roi[3] for estimate in array.estimates]
    assert areas == sorted(areas, reverse=True)
    assert brightness.batches == [2]


def test_max_faces_keeps_the_largest(yunet, brightness, photos):
    image = _side_by_side(photos, 'image0000015.jpg', 'image0003909.jpg')
    one = FacePipeline(yunet, brightness, FaceSettings(max_faces=1)).process(image, 0)
    both = FacePipeline(yunet, brightness).process(image, 0)
    assert len(both.estimates) == 2
    assert [e.roi for e in one.estimates] == [both.estimates[0].roi]


def test_a_false_alarm_takes_no_faces_place(yunet, brightness, photographed):
    class Wall:
        name, version = 'wall', '1'

        def load(self):
            pass

        def detect(self, image):
            larger = Detection(np.array([0, 0, 200, 200], np.float32), 0.9)
            return [larger, *yunet.detect(image)]

    def even_is_none(crops):
        found = answer(crops)
        return FaceScores(found.probabilities, np.float32(crops.std(axis=(1, 2)) > 5))

    answer, brightness.classify = brightness.classify, even_is_none
    image = photographed('user_happy.jpg', 300, 200, 260)
    settings = FaceSettings(max_faces=1, min_face_score=0.5)
    found = FacePipeline(Wall(), brightness, settings).process(image, 0).estimates
    alone = FacePipeline(yunet, brightness, settings).process(image, 0).estimates
    assert len(alone) == 1
    assert [face.roi for face in found] == [face.roi for face in alone]
    assert brightness.batches == [1, 1, 1]


def test_too_small_or_too_unsure_faces_are_left_out(yunet, brightness, photographed):
    image = photographed('user_happy.jpg', 200, 100, 120)
    assert len(FacePipeline(yunet, brightness).process(image, 0).estimates) == 1
    for settings in (FaceSettings(min_face=150), FaceSettings(min_score=1.0)):
        assert FacePipeline(yunet, brightness, settings).process(image, 0).estimates == ()


def test_what_the_classifier_calls_no_face_is_left_out_only_when_asked(
    yunet, brightness, photographed
):
    image = photographed('user_happy.jpg', 200, 100, 300)
    brightness.face_score = 0.3
    kept = FacePipeline(yunet, brightness).process(image, 0).estimates
    assert len(kept) == 1
    strict = FacePipeline(yunet, brightness, FaceSettings(min_face_score=0.5))
    assert strict.process(image, 0).estimates == ()
    brightness.face_score = 0.99
    sure = FacePipeline(yunet, brightness).process(image, 0).estimates
    assert kept[0].reliability < sure[0].reliability


@pytest.mark.parametrize(
    ('row', 'score', 'words'),
    [
        ([2.0] * 7, [0.9], 'no probabilities'),
        ([-0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0.2], [0.9], 'no probabilities'),
        ([np.nan] * 7, [0.9], 'no probabilities'),
        ([1 / 7] * 7, [[0.9]], 'face scores'),
        ([1 / 7] * 7, [], 'face scores'),
        ([1 / 7] * 7, None, 'face scores'),
    ],
)
def test_answers_that_are_none_are_an_error_of_the_backend(
    yunet, brightness, photographed, row, score, words
):
    pipeline = FacePipeline(yunet, brightness)
    given = None if score is None else np.float32(score)
    brightness.classify = lambda crops: FaceScores(np.float32([row] * len(crops)), given)
    with pytest.raises(ModelError, match=words):
        pipeline.process(photographed('user_happy.jpg', 200, 100, 300), 0)


def test_dropped_images_change_no_label(yunet, brightness, clip):
    frames = list(clip('EDTalk_uncrop_Obama_20s.mp4', 24))
    every = FacePipeline(yunet, brightness)
    full = {stamp: every.process(image, stamp) for stamp, image in frames}
    third = FacePipeline(yunet, brightness)
    for stamp, image in frames[::3]:
        for a, b in zip(third.process(image, stamp).estimates, full[stamp].estimates, strict=True):
            assert (a.label, a.roi, a.subject_id) == (b.label, b.roi, b.subject_id)
            np.testing.assert_array_equal(a.probabilities, b.probabilities)


def test_the_same_images_give_the_same_results_after_a_jump_back(yunet, brightness, clip):
    pipeline = FacePipeline(yunet, brightness)
    frames = list(clip('face_recognition_short_hamilton_clip.mp4', 12, 4))
    first = [pipeline.process(image, stamp) for stamp, image in frames]
    again = [pipeline.process(image, stamp) for stamp, image in frames]
    fresh = [FacePipeline(yunet, brightness).process(frames[0][1], frames[0][0])]
    for one, two in zip(first, again, strict=True):
        _same(one, two)
    _same(first[0], fresh[0])


@pytest.mark.parametrize('value', [np.nan, np.inf, 50.0])
def test_landmarks_that_are_none_cost_no_other_face_its_result(yunet, brightness, photos, value):
    class Careless:
        name, version = 'careless', '1'

        def load(self):
            pass

        def detect(self, image):
            first, second = sorted(yunet.detect(image), key=lambda face: face.box[0])
            return [replace(first, landmarks=np.full((5, 2), value, np.float32)), second]

    image = _side_by_side(photos, 'image0000015.jpg', 'image0003909.jpg')
    found = FacePipeline(Careless(), brightness).process(image, 0).estimates
    wanted = FacePipeline(yunet, brightness).process(image, 0).estimates
    assert [each.roi for each in found] == [each.roi for each in wanted]
    np.testing.assert_array_equal(found[1].landmarks, wanted[1].landmarks)


def test_reset_starts_the_names_again(pipeline, photographed):
    pipeline.process(photographed('user_happy.jpg', 0, 0, 200), 0)
    pipeline.process(photographed('user_happy.jpg', 350, 200, 200), S)
    pipeline.reset()
    array = pipeline.process(photographed('user_happy.jpg', 0, 0, 200), 2 * S)
    assert [e.subject_id for e in array.estimates] == ['face_1']


def test_a_bad_image_is_an_error_and_stops_nothing(pipeline, photographed):
    image = photographed('user_happy.jpg', 100, 50, 300)
    before = pipeline.process(image, 0)
    for bad in (np.zeros((0, 0, 3), np.uint8), np.zeros((9, 9), np.uint8), image.astype(float)):
        with pytest.raises(FaceError):
            pipeline.process(bad, S // 60)
    after = pipeline.process(image, S // 30)
    assert after.estimates[0].subject_id == before.estimates[0].subject_id


def test_the_image_is_not_changed(pipeline, photographed):
    image = photographed('user_happy.jpg', 100, 50, 300)
    image.setflags(write=False)
    pipeline.process(image, 0)


def test_images_that_are_views_of_larger_ones_are_fine(pipeline, photographed):
    image = photographed('user_happy.jpg', 100, 50, 300)
    padded = np.zeros((480, 700, 3), np.uint8)
    padded[:, :640] = image
    _same(pipeline.process(padded[:, :640], 0), pipeline.process(image, 0))


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ((10.4, 10.6, 20, 20), (10, 11, 20, 20)),
        ((-10, -10, 30, 30), (0, 0, 20, 20)),
        ((90, 40, 30, 30), (90, 40, 10, 10)),
        ((200, 10, 30, 30), None),
        ((10, 10, 0.2, 0.2), None),
        ((float('nan'), 0, 5, 5), None),
    ],
)
def test_roi_is_clipped_to_the_image(box, expected):
    assert roi(Detection(np.float32(box), 1.0), 100, 50) == expected


def test_a_landmarker_gives_68_points_and_changes_nothing_else(yunet, brightness, photos):
    plain = FacePipeline(yunet, brightness)
    dense = FacePipeline(yunet, brightness, landmarker=FaceMesh())
    dense.load()
    image = _side_by_side(photos, 'user_happy.jpg', 'user_surprised.jpg')
    one, two = (each.process(image, S).estimates for each in (plain, dense))
    assert [len(estimate.landmarks) for estimate in two] == [68, 68]
    for five, many in zip(one, two, strict=True):
        assert (five.roi, five.reliability, five.subject_id) == (
            many.roi, many.reliability, many.subject_id
        )  # fmt: skip
        np.testing.assert_array_equal(five.probabilities, many.probabilities)
        x, y, width, height = many.roi
        centre = many.landmarks.mean(axis=0)
        assert x < centre[0] < x + width
        assert y < centre[1] < y + height
