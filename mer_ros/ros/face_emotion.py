"""The executable that watches a camera: image_raw in, emotion/face out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mer_ros.ros.spin import run

if TYPE_CHECKING:
    from mer_ros.ros.node import EmotionNode


def _make() -> EmotionNode:
    from mer_ros.ros.face_node import FaceEmotion  # after Ctrl-C is taken care of

    return FaceEmotion()


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(_make, args)


if __name__ == '__main__':
    sys.exit(main())
