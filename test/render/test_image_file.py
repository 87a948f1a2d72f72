"""Pictures get to the disk under any name, or the fault is named."""

import cv2
import numpy as np
import pytest

from mer_ros.render import image_file
from mer_ros.render.errors import RenderError

PICTURE = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)


@pytest.mark.parametrize('name', ['p.png', 'Müller.PNG', 'M\udcfcller.png'])
def test_a_picture_is_written_under_any_name(tmp_path, name):
    image_file.write(PICTURE, tmp_path / name)
    data = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR), PICTURE)


@pytest.mark.parametrize(
    ('name', 'words'),
    [('no/p.png', 'does its folder exist'), ('p.what', 'use .png'), ('p', '.png')],
)
def test_what_cannot_be_written_is_named(tmp_path, name, words):
    with pytest.raises(RenderError, match=words):
        image_file.write(PICTURE, tmp_path / name)
