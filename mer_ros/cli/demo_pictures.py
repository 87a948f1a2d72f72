"""The two pictures that `mer demo` leaves behind."""

from __future__ import annotations

from pathlib import Path

from mer_ros.cli.observer import Observer
from mer_ros.render import image_file, timeline


def write(observer: Observer, output: Path) -> list[str]:
    """Write the annotated frame that shows most and the timeline; return their paths.

    Raises:
        RenderError: one of them can't be written.
    """
    written = []
    fused = observer.results['fused']
    if observer.debug_images:
        telling = {
            each.array.stamp_ns: round(
                max((one.confidence + one.speaking for one in each.array.estimates), default=0.0), 1
            )
            for each in fused
        }
        _, image = max(observer.debug_images, key=lambda pair: (telling.get(pair[0], 0.0), pair[0]))
        path = output / 'demo_frame.png'
        image_file.write(image, path)
        written.append(str(path))
    if fused:
        path = output / 'demo_timeline.png'
        timeline.plot([each.array for each in fused], path)
        written.append(str(path))
    return written
