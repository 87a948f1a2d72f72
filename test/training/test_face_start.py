"""A shipped face net comes back as one that can go on learning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')

from training.face_start import net_from_onnx, same_answers  # noqa: E402


@pytest.fixture(scope='module')
def embedded(repository: Path) -> Path:
    return repository / 'mer_ros' / 'models' / 'embedded'


@pytest.fixture(scope='module')
def images() -> np.ndarray:
    random = np.random.default_rng(0)
    coarse = random.uniform(0, 255, (64, 12, 12))
    return np.kron(coarse, np.ones((4, 4))).astype(np.uint8)


def test_the_net_answers_as_the_file_does(embedded: Path, images: np.ndarray) -> None:
    net = net_from_onnx(embedded / 'face_lite.onnx', images)

    assert same_answers(net, embedded / 'face_lite.onnx', images) < 1e-3


def test_what_the_norms_take_out_is_what_the_images_bring(
    embedded: Path, images: np.ndarray
) -> None:
    net = net_from_onnx(embedded / 'face_lite.onnx', images)
    batch = torch.from_numpy(images).float()[:, None]
    with torch.no_grad():
        net.dropout.eval()
        still = net.eval()(batch)[0]
        net.train().dropout.eval()
        learning = net(batch)[0]

    # By the statistics of the batch instead of those that are kept, which are of the same images.
    torch.testing.assert_close(learning, still, atol=0.05, rtol=0.01)


def test_another_network_is_refused(embedded: Path, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match='no face_lite'):
        net_from_onnx(embedded / 'face_points.onnx', images)
