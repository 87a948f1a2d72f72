"""``yunet``: YuNet (Wu et al., 2023, Machine Intelligence Research) in ONNX Runtime.

Same results as ``cv2.FaceDetectorYN``, which needs a newer OpenCV than the distributions have:
the decoding and the suppression below follow its ``face_detect.cpp`` (OpenCV 4.x, Apache-2.0).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.detection import Detection, Image, checked
from mer_ros.face.errors import FaceError
from mer_ros.models import store
from mer_ros.models.errors import ModelError
from mer_ros.models.session import THREADS, OnnxModel

STRIDES = (8, 16, 32)
TOP_K = 750
# The file fixes its input to 1x3x640x640 though the network does not need it. These are the
# protobuf bytes of that shape, and of 1x3xHxW with named dimensions: as long, so that nothing
# else in the file moves.
_FIXED_SHAPE = bytes.fromhex('0a0208010a0208030a030880050a03088005')
_FREE_SHAPE = bytes.fromhex('0a0208010a0208030a031201480a03120157')


class YuNetDetector:
    """Finds faces of any size with five landmarks.

    Args:
        long_side: pixels the image's longer side is shrunk to (never enlarged); the cost grows
            with its square; 0 takes the image as it is.
        threshold: least score of a face, 0..1.
        overlap: IoU from which the weaker of two faces is dropped.
        threads: of ONNX Runtime.
    """

    name = 'yunet'
    version = '2023mar'

    def __init__(
        self,
        long_side: int = 320,
        threshold: float = 0.7,
        overlap: float = 0.3,
        threads: int = THREADS,
    ) -> None:
        if (long_side and long_side < 64) or not 0 < threshold < 1 or not 0 < overlap <= 1:
            raise FaceError(
                f'yunet: long_side {long_side} must be 0 or ≥ 64, threshold {threshold} and '
                f'overlap {overlap} within 0..1'
            )
        self._long_side = long_side
        self._threshold = threshold
        self._overlap = overlap
        self._threads = threads
        self._net: OnnxModel | None = None
        # Kept from image to image: its edge stays black, and new memory would cost page faults.
        self._tensor = np.zeros((1, 3, 0, 0), np.float32)
        self._filled = (0, 0)

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing, damaged or another model's.
        """
        path = store.find('yunet')
        content = path.read_bytes()
        if content.count(_FIXED_SHAPE) != 1:
            raise ModelError(f'{path} is not the YuNet that this was written for (2023mar)')
        self._net = OnnxModel(content.replace(_FIXED_SHAPE, _FREE_SHAPE), self._threads)

    def detect(self, image_bgr: Image) -> list[Detection]:
        """Find the faces of a (H, W, 3) uint8 BGR image, best first.

        Raises:
            FaceError: it is not such an image.
            ModelError: the detector is not loaded.
        """
        if self._net is None:
            raise ModelError('the detector yunet is not loaded: call load() first')
        image = checked(image_bgr)
        height, width = image.shape[:2]
        scale = max(1.0, max(height, width) / self._long_side) if self._long_side else 1.0
        if scale > 1.0:
            size = (max(1, round(width / scale)), max(1, round(height / scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        rows, columns = image.shape[:2]
        factor = np.array([width / columns, height / rows], np.float32)
        whole = (rows + -rows % STRIDES[-1], columns + -columns % STRIDES[-1])
        if self._tensor.shape[2:] != whole or self._filled != (rows, columns):
            self._tensor, self._filled = np.zeros((1, 3, *whole), np.float32), (rows, columns)
        self._tensor[0, :, :rows, :columns] = image.transpose(2, 0, 1)
        outputs = self._net.run({'input': self._tensor})
        scores, boxes, points = decode(outputs, *whole, self._threshold)
        return [
            Detection(boxes[i] * np.tile(factor, 2), float(scores[i]), points[i] * factor)
            for i in suppress(boxes, scores, self._overlap)
        ]


def decode(
    outputs: dict[str, NDArray[np.float32]], height: int, width: int, threshold: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Turn the network's maps into the candidates at or above a threshold.

    Args:
        outputs: ``cls_S``, ``obj_S`` (1, n, 1), ``bbox_S`` (1, n, 4), ``kps_S`` (1, n, 10) for
            each stride S, n = height / S * width / S, row by row.
        height: of the network's input, a multiple of 32.
        width: likewise.
        threshold: least score, 0..1.

    Returns:
        Scores (K,), boxes (K, 4) x, y, width, height and landmarks (K, 5, 2), float32 pixels of
        the network's input.
    """
    scores, boxes, points = [], [], []
    for stride in STRIDES:
        likely, there = (outputs[f'{name}_{stride}'][0, :, 0] for name in ('cls', 'obj'))
        # Few cells hold a face: the score proper is worked out for those that may reach it.
        kept = np.flatnonzero((likely >= threshold * threshold) & (there >= threshold * threshold))
        score = np.sqrt(np.minimum(likely[kept], 1.0) * np.minimum(there[kept], 1.0))
        high = score >= threshold
        kept, score = kept[high], score[high]
        columns = width // stride
        cells = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
        box = outputs[f'bbox_{stride}'][0, kept]
        size = np.exp(box[:, 2:]) * stride
        corner = (cells + box[:, :2]) * stride - size / 2
        scores.append(score)
        boxes.append(np.concatenate([corner, size], axis=1))
        offsets = outputs[f'kps_{stride}'][0, kept].reshape(-1, 5, 2)
        points.append((offsets + cells[:, None]) * stride)
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> list[int]:
    """Return the indices of the boxes that no better box overlaps by more than an IoU.

    Boxes are cut to whole pixels first, as ``cv2.FaceDetectorYN`` does.
    """
    order = np.argsort(-scores, kind='stable')[:TOP_K]
    corners = np.trunc(boxes[:, :2])
    sizes = np.trunc(boxes[:, 2:])
    ends, areas = corners + sizes, sizes[:, 0] * sizes[:, 1]
    kept: list[int] = []
    while order.size:
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        common = np.prod(
            np.maximum(
                np.minimum(ends[rest], ends[best]) - np.maximum(corners[rest], corners[best]), 0.0
            ),
            axis=1,
        )
        order = rest[common <= overlap * (areas[rest] + areas[best] - common)]
    return kept
