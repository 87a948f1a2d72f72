"""The executable that stands in for drivers: a file or device in, image_raw and audio out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mer_ros.ros.spin import run

if TYPE_CHECKING:
    from mer_ros.ros.media_node import MediaSource


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop, or to the end of the file if so wanted."""
    nodes: list[MediaSource] = []

    def make() -> MediaSource:
        from mer_ros.ros.media_node import MediaSource  # after Ctrl-C is taken care of

        nodes.append(MediaSource())
        return nodes[0]

    return run(make, args) or max((node.status for node in nodes), default=0)


if __name__ == '__main__':
    sys.exit(main())
