"""The overlay shows what it is given, where it is, and changes nothing else."""

import time

import numpy as np
import pytest

from mer_ros.emotions import UNKNOWN, Emotion
from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality
from mer_ros.render.errors import RenderError
from mer_ros.render.overlay import Scene, draw
from mer_ros.render.palette import EMOTION_COLOURS

STAMP = 1_700_000_000_000_000_000


def peaked(index, top=0.7):
    values = np.full(7, (1 - top) / 6, np.float32)
    values[index] = top
    return values


def fused_array(*subjects, width=640, height=480):
    return EstimateArray(
        STAMP, 'camera', Modality.FACE | Modality.AUDIO, (), 10**9, width, height, subjects, 0.9
    )


def fused_face(name='face_1', label=Emotion.HAPPINESS, roi=(220, 90, 130, 150), **more):
    return Estimate(name, label, peaked(3), 0.7, 0.9, roi=roi, **more)


def grey(width=640, height=480):
    return np.full((height, width, 3), 127, np.uint8)


def share_of(image, colour, box):
    x, y, width, height = box
    part = image[y : y + height, x : x + width].astype(int)
    return float(np.mean(np.abs(part - np.array(colour)).max(axis=2) < 25))


def test_the_image_given_is_not_changed():
    image = grey()
    out = draw(image, Scene(fused=fused_array(fused_face())))
    assert (image == 127).all()
    assert out.shape == image.shape
    assert out.dtype == np.uint8
    assert (out != image).any()


@pytest.mark.parametrize('label', [*Emotion, UNKNOWN])
def test_the_frame_has_the_colour_of_the_decided_label(label):
    out = draw(grey(), Scene(fused=fused_array(fused_face(label=label))))
    assert share_of(out, EMOTION_COLOURS[label], (220, 90, 130, 1)) > 0.9


def test_points_far_outside_and_endless_names_are_drawn_as_far_as_they_can_be():
    points = np.float32([[1e10, 5], [np.nan, 5], [300, -1e30], [300, 150]])
    strange = fused_face('face_' + 'x' * 4000, landmarks=points)
    plain = fused_face('face_' + 'x' * 400, landmarks=points[3:])
    began = time.monotonic()
    out = draw(grey(), Scene(fused=fused_array(strange)))
    assert time.monotonic() - began < 2.0  # each length of the name tried out took a minute
    assert (out == draw(grey(), Scene(fused=fused_array(plain)))).all()


def test_boxes_are_scaled_to_an_image_of_another_size():
    scene = Scene(fused=fused_array(fused_face()))
    out = draw(grey(1280, 960), scene)
    assert share_of(out, EMOTION_COLOURS[Emotion.HAPPINESS], (440, 180, 260, 2)) > 0.9


@pytest.mark.parametrize('size', [(640, 480), (1280, 720), (480, 640), (320, 240), (1920, 1080)])
def test_a_face_gets_its_card_beside_it_at_every_size(size):
    width, height = size
    roi = (width // 8, height // 5, width // 5, height // 4)
    array = fused_array(fused_face(roi=roi), width=width, height=height)
    before = grey(width, height)
    changed = (draw(before, Scene(fused=array)) != before).any(axis=2)
    changed[:, roi[0] : roi[0] + roi[2]] &= False
    changed[height - 40 :] = False
    assert changed.sum() > 80 * 150 * 0.8


def test_speaking_is_marked():
    silent = draw(grey(), Scene(fused=fused_array(fused_face(speaking=0.1))))
    speaking = draw(grey(), Scene(fused=fused_array(fused_face(speaking=0.9))))
    assert (silent != speaking).any()


def test_audio_evidence_bound_to_a_face_is_in_its_card_and_the_voice_has_none_of_its_own():
    evidence = Evidence(Modality.AUDIO, STAMP, peaked(0), 0.8, 0.4)
    bound = fused_array(fused_face(evidence=(evidence,)))
    voice = EstimateArray(
        STAMP, modalities=Modality.AUDIO, estimates=(Estimate('audio', 0, peaked(0), 0.7),)
    )
    assert (draw(grey(), Scene(fused=bound)) != draw(grey(), Scene(audio=voice, fused=bound))).sum(
        axis=2
    )[:440].sum() == 0
    apart = draw(grey(), Scene(audio=voice, fused=fused_array(fused_face())))
    assert (apart[:440] != draw(grey(), Scene(fused=bound))[:440]).any()


def test_speech_meter_grows_with_the_probability_of_speech():
    def green(level):
        array = EstimateArray(STAMP, modalities=Modality.AUDIO, speech_probability=level)
        foot = draw(grey(), Scene(audio=array))[460:].astype(int)
        return int(((foot[..., 1] > foot[..., 2] + 40) & (foot[..., 1] > 150)).sum())

    assert green(0.0) < green(0.5) < green(1.0)


def test_a_crowd_is_drawn_without_a_card_left_over_another_face():
    rois = [(10 + 90 * (i % 7), 20 + 110 * (i // 7), 70, 80) for i in range(21)]
    faces = tuple(fused_face(f'face_{i}', Emotion(i % 7), roi) for i, roi in enumerate(rois))
    out = draw(grey(), Scene(fused=fused_array(*faces)))
    assert out.shape == (480, 640, 3)


def test_regions_and_landmarks_outside_the_image_are_no_error():
    wild = np.array([[-50, 10], [np.nan, 5], [9000, 9000]], np.float32)
    for roi in ((-20, -20, 60, 60), (600, 460, 400, 400), (5000, 5000, 10, 10), (0, 0, 0, 0)):
        draw(grey(), Scene(fused=fused_array(fused_face(roi=roi, landmarks=wild))))


def test_an_empty_scene_still_has_its_status_line():
    assert (draw(grey(), Scene()) != 127).any()


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((0, 640, 3), np.uint8),
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        np.zeros((480, 640, 4), np.uint8),
    ],
)
def test_what_is_no_bgr_image_is_refused_with_the_mend(image):
    with pytest.raises(RenderError, match=r'give \(height, width, 3\) uint8'):
        draw(image, Scene())
