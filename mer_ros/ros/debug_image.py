"""The debug image: what is estimated, drawn over the image it was estimated on."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sensor_msgs.msg import Image

from mer_ros.face.settings import JUMP_NS
from mer_ros.render.overlay import Scene, draw
from mer_ros.ros import qos
from mer_ros.ros.bit_depth import BitDepths
from mer_ros.ros.conversions import from_time
from mer_ros.ros.counters import Rate
from mer_ros.ros.diagnostics import Finding, Level
from mer_ros.ros.image_input import image_input
from mer_ros.ros.images import from_bgr, to_bgr
from mer_ros.ros.inputs import Input
from mer_ros.ros.kept_images import KeptImages
from mer_ros.ros.node import EmotionNode
from mer_ros.ros.pacing import Pacer
from mer_ros.ros.worker import Worker

TOPIC = 'emotion/debug_image'
LOOK_S = 0.2

UNSEEN_S = 1.0
"""Without a fused face result to draw for this long, images are shown as they come; where results
come more slowly, for twice their interval."""

PAUSE_S = 2.5
"""What is longer than this between two results is a pause and no interval."""


class DebugImage:
    """Draws while someone subscribes; costs nothing while no one does."""

    def __init__(self, node: EmotionNode, scene: Callable[[int], Scene]) -> None:
        """Advertise the topic.

        Args:
            node: that publishes.
            scene: returns what there is to draw at a stamp.
        """
        self._node = node
        self._scene = scene
        self._publisher = node.create_publisher(Image, TOPIC, qos.debug_image())
        self._input: Input | None = None
        self._worker: Worker[tuple[Any, Scene]] | None = None
        self._pacer = Pacer()
        self._images = KeptImages()
        self._depths = BitDepths()
        self._guessed = False
        self._awaited: tuple[int, Scene] | None = None
        self._offered_s = -math.inf
        self._interval_s = 0.0
        self._drawn_ns = 0
        self._lock = threading.Lock()
        self.published = Rate()
        self._timer = node.create_timer(LOOK_S, self._look, clock=node.steady)

    def close(self) -> None:
        """Stop and free everything."""
        self._node.destroy_timer(self._timer)
        self._stop()
        self._node.destroy_publisher(self._publisher)

    def offer(self, stamp_ns: int) -> None:
        """Draw the image of a stamp, whose faces have been fused now; from any thread."""
        with self._lock:
            newest_ns = self._images.newest_ns
            if self._worker is None or newest_ns is None:
                return
            told: tuple[int, Scene] | None = stamp_ns, self._scene(stamp_ns)
            waited, self._awaited = self._awaited, None
            if newest_ns < stamp_ns and not self._guessed:
                # Its image is on its way, until the next result at most.
                self._awaited, told = told, waited
            if told is not None:
                self._hand_over(*told)

    def _hand_over(self, stamp_ns: int, scene: Scene) -> None:
        """Have a scene drawn on the image of its stamp, if one is due; to be called locked."""
        found = self._images.find(stamp_ns, guessed=self._guessed)
        if found is None or self._worker is None:
            return
        now_s = time.monotonic()
        passed_s, self._offered_s = now_s - self._offered_s, now_s
        self._interval_s = passed_s if passed_s < PAUSE_S else 0.0
        if self._due(found[0]):  # by the image's own stamp, as where it arrives
            self._worker.put((found[1], scene))

    def findings(self) -> Iterable[Finding]:
        """Return why there is nothing to draw on, or not all of it, while someone looks."""
        if self._input is not None:
            why = self._input.why_silent(self._node.values.number('input_timeout'))
            why = why or self._input.why_lossy()
            if why:
                yield Finding(Level.WARN, f'debug image: {why}')

    def figures(self) -> Mapping[str, object]:
        """Return what was drawn."""
        return {'debug_images': self.published.count, 'debug_images_hz': self.published.hz()}

    def _look(self) -> None:
        watched = self._publisher.get_subscription_count() > 0
        if watched and self._input is None:
            self._worker = Worker('debug image', self._draw, self._node.failed)
            self._input = image_input(self._node, self._arrived)
        elif not watched and self._input is not None:
            self._stop()

    def _stop(self) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None
        with self._lock:
            worker, self._worker = self._worker, None
            self._awaited = None
            self._images.clear()
        if worker is not None:
            worker.stop()

    def _arrived(self, message: Any) -> None:
        stamp_ns = from_time(message.header.stamp)
        guessed = stamp_ns <= 0
        if guessed:  # as the face node does, or nothing fused would be of this image
            stamp_ns = self._node.now_ns()
            self._node.faults.note(
                'zero_stamp',
                'images of the debug image have no stamp: the time of arrival is used, set '
                'header.stamp',
            )
        with self._lock:
            worker = self._worker
            newest_ns = self._images.newest_ns
            if newest_ns is not None and stamp_ns < newest_ns:
                self._images.clear()
            if stamp_ns < self._drawn_ns - JUMP_NS:  # a new start, not older than what was drawn
                self._drawn_ns = 0
            self._images.add(stamp_ns, message, len(message.data))
            self._guessed = guessed
            if self._awaited is not None and self._awaited[0] <= stamp_ns:
                told, self._awaited = self._awaited, None
                self._hand_over(*told)
            # By the clock, not by stamps: results that are merely late are still to be drawn.
            patience_s = max(UNSEEN_S, 2.0 * self._interval_s)
            unseen = time.monotonic() - self._offered_s > patience_s
            due = unseen and self._due(stamp_ns)
        if due and worker is not None:
            worker.put((message, _without_faces(self._scene(stamp_ns))))

    def _due(self, stamp_ns: int) -> bool:
        """Say whether an image is to be drawn now: at the rate asked for, never back in time."""
        if stamp_ns < self._drawn_ns:
            return False
        if not self._pacer.due(stamp_ns, self._node.values.number('debug_rate')):
            return False
        self._drawn_ns = stamp_ns
        return True

    def _draw(self, item: tuple[Any, Scene]) -> None:
        message, scene = item
        pixels = to_bgr(message, self._depths)
        picture = from_bgr(draw(pixels, scene), 'bgr8', message.header)
        self._publisher.publish(picture)
        self.published.tick()


def _without_faces(scene: Scene) -> Scene:
    """Leave out the faces, which are not of the image that this is drawn on."""
    fused = scene.fused
    faces = fused is not None and fused.image_width > 0
    return replace(scene, face=None, fused=None if faces else fused)
