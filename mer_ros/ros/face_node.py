"""Watches a camera: image_raw in, emotion/face out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mer_ros.face.pipeline import FacePipeline
from mer_ros.face.settings import JUMP_NS, FaceSettings
from mer_ros.models import registry
from mer_ros.msg import EmotionArray, FaceEmbeddings
from mer_ros.ros import backends, images, qos
from mer_ros.ros.bit_depth import BitDepths
from mer_ros.ros.conversions import embeddings_to_message, from_time, to_message
from mer_ros.ros.counters import Rate
from mer_ros.ros.diagnostics import Finding, Level
from mer_ros.ros.image_input import ImageInput, image_input
from mer_ros.ros.node import EmotionNode
from mer_ros.ros.pacing import Pacer
from mer_ros.ros.parameter_spec import Values
from mer_ros.ros.parameters import FACE_BACKEND_OPTIONS, FACE_EMOTION
from mer_ros.ros.publishers import Crowd
from mer_ros.ros.worker import Worker

NAME = 'face_emotion'
OFF = 'off'


class FaceEmotion(EmotionNode):
    """Estimates the displayed emotion of every face of every image it can keep up with."""

    def __init__(self, **options: Any) -> None:
        """Declare the parameters."""
        self._pipeline: FacePipeline | None = None
        self._publisher: Any = None
        self._embeddings: Any = None
        self._input: ImageInput | None = None
        self._worker: Worker[tuple[Any, int]] | None = None
        self._pacer = Pacer()
        self._depths = BitDepths()
        self._processed = Rate()
        self._newest_ns = 0
        self._dropped = 0
        self._skipped = 0
        super().__init__(NAME, FACE_EMOTION, **options)
        self._crowd = Crowd(self, 'images', 'are taken for one camera', 'remap one of them')

    def check(self, values: Values) -> None:
        """Refuse settings that do not go together."""
        values.settings(FaceSettings)

    def configure(self) -> None:
        """Load the models and make the publisher."""
        values = self.values
        pipeline = FacePipeline(
            self._backend('face_detector', values.text('detector')),
            self._backend('face_classifier', values.text('classifier')),
            values.settings(FaceSettings),
            self._optional('face_embedder', values.text('embedder')),
            self._optional('face_landmarks', values.text('landmarker')),
        )
        pipeline.load()
        self._pipeline = pipeline
        self._publisher = self.create_publisher(EmotionArray, 'emotion/face', qos.result())
        if pipeline.embedder:
            self._embeddings = self.create_publisher(
                FaceEmbeddings, 'emotion/face/embeddings', qos.result()
            )
            self.get_logger().warning(f'faces are recognised again by {pipeline.embedder}')
        if images.BRIDGE_PROBLEM:
            self.get_logger().warning(images.BRIDGE_PROBLEM)
        self.get_logger().info(f'configured {", ".join(pipeline.models)}')

    def _backend(self, task: str, name: str) -> Any:
        return backends.create(self, self.values, task, name, FACE_BACKEND_OPTIONS)

    @staticmethod
    def _optional(task: str, name: str) -> Any:
        return None if name == OFF else registry.create(task, name)

    def activate(self) -> None:
        """Start the worker, subscribe to the image."""
        self._newest_ns = 0
        self._worker = Worker('face inference', self._process, self.failed)
        self._input = image_input(self, self._enqueue)
        self.get_logger().info(f'watching {self._input.topic}')

    def deactivate(self) -> None:
        """Unsubscribe, stop the worker."""
        if self._input is not None:
            self._input.close()
            self._input = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        if self._pipeline is not None:
            self._pipeline.reset()

    def cleanup(self) -> None:
        """Free the models and the publisher."""
        self._pipeline = None
        for publisher in (self._publisher, self._embeddings):
            if publisher is not None:
                self.destroy_publisher(publisher)
        self._publisher = self._embeddings = None

    def apply(self, names: set[str]) -> None:
        """Take over what can change at run time."""
        if self._pipeline is not None:
            self._pipeline.settings = self.values.settings(FaceSettings)

    def _enqueue(self, message: Any) -> None:
        stamp_ns = from_time(message.header.stamp)
        if stamp_ns <= 0:
            stamp_ns = self.now_ns()
            self.faults.note(
                'zero_stamp', 'images have no stamp: the time of arrival is used, set header.stamp'
            )
        if stamp_ns < self._newest_ns - JUMP_NS:
            self.faults.note(
                'stamp_back', 'image stamps jumped back by more than a second: faces get new names'
            )
        elif stamp_ns < self._newest_ns:
            self.faults.note(
                'stamp_late',
                'an image is older than the one before, and the fusion leaves it out: let one '
                'camera publish here, and do not set the clock back while it runs',
            )
        elif stamp_ns == self._newest_ns:
            self.faults.note(
                'stamp_repeated',
                'images have the stamp of the image before, so nothing can be told of time and '
                'the fusion leaves them out: set header.stamp, or start what publishes /clock',
            )
        self._newest_ns = stamp_ns
        if self._input is not None and self._input.is_depth(message):
            self.faults.note(
                'depth_image',
                f'{self._input.topic} has depth images, in which no face is found: remap '
                'image_raw to the images in colour',
            )
        if not self._pacer.due(stamp_ns, self.values.number('max_rate')):
            self._skipped += 1
        elif self._worker is not None:
            self._dropped += self._worker.put((message, stamp_ns))

    def _process(self, item: tuple[Any, int]) -> None:
        message, stamp_ns = item
        pipeline = self._pipeline
        if pipeline is None:
            return
        pixels = images.to_bgr(message, self._depths)
        array = pipeline.process(pixels, stamp_ns, message.header.frame_id)
        if pipeline is not self._pipeline:
            return  # cleaned up meanwhile
        self._processed.tick()
        array = replace(array, latency=self.latency(stamp_ns))
        self._publisher.publish(to_message(array))
        self.results.tick()
        if self._embeddings is not None and pipeline.embeddings:
            self._embeddings.publish(
                embeddings_to_message(
                    pipeline.embeddings, pipeline.embedder, stamp_ns, array.frame_id
                )
            )

    def findings(self) -> Iterable[Finding]:
        """Return why there are no images, or only some of them, or several cameras', if so."""
        if self._input is not None:
            why = self._input.why_silent(self.values.number('input_timeout'))
            why = why or self._input.why_lossy()
            for each in (why, self._crowd.complaint(self._input.topic)):
                if each:
                    yield Finding(Level.WARN, each)

    def figures(self) -> Mapping[str, object]:
        """Return counts, rates and names."""
        source = self._input
        return {
            'models': self._pipeline.models if self._pipeline is not None else (),
            'embedder': (self._pipeline.embedder if self._pipeline is not None else '') or OFF,
            'topic': source.topic if source is not None else '',
            'converter': 'cv_bridge' if images.BRIDGE is not None else 'mer_ros',
            'received': source.rate.count if source is not None else 0,
            'received_hz': source.rate.hz() if source is not None else 0.0,
            'processed': self._processed.count,
            'dropped': self._dropped,
            'skipped_by_max_rate': self._skipped,
            'lost_by_transport': source.lost if source is not None else 0,
        }
