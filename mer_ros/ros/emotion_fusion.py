"""The executable that fuses: emotion/fused and emotion/debug_image."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mer_ros.ros.spin import run

if TYPE_CHECKING:
    from mer_ros.ros.node import EmotionNode


def _make() -> EmotionNode:
    from mer_ros.ros.fusion_node import EmotionFusion  # after Ctrl-C is taken care of

    return EmotionFusion()


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(_make, args)


if __name__ == '__main__':
    sys.exit(main())
