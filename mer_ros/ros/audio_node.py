"""The node that listens to speech: audio in, emotion/audio and emotion/audio/features out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.health import AudioHealth
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.timeline import Continuity
from mer_ros.audio.windows import Window
from mer_ros.models import registry
from mer_ros.msg import AudioEmbedding, AudioFeatures, EmotionArray
from mer_ros.ros import backends, memory, qos
from mer_ros.ros.audio_source import AudioSource
from mer_ros.ros.conversions import embedding_to_message, features_to_message, to_message
from mer_ros.ros.diagnostics import Finding, Level
from mer_ros.ros.node import EmotionNode
from mer_ros.ros.parameter_spec import Values
from mer_ros.ros.parameters import AUDIO_CLASSIFIER_OPTIONS, AUDIO_EMOTION
from mer_ros.ros.worker import Worker

NAME = 'audio_emotion'
UNREMARKABLE = (Continuity.CONTINUES, Continuity.START)

BURST_S = 1.25
"""Sound of a burst of chunks that is all listened to."""

BEHIND, LOOKED_AT = 0.1, 20
"""Share of windows passed over from which diagnostics say so, and of how many it is taken."""

PATIENCE_S = 0.5
"""What the windows before the newest may cost: nothing is gained by results that all come late."""


class Arrivals:
    """Tells how much sound came at once: in one chunk, or in a burst of them.

    Attributes:
        seconds: of sound.
        cost_s: what a window costs, on average of late.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Take the clock: seconds, never backwards."""
        self._now = now
        self._last = -math.inf
        self.seconds = 0.0
        self.cost_s = 0.0

    def add(self, seconds: float) -> None:
        """Take note of a chunk of so many seconds that has come now."""
        now = self._now()
        with_others = now - self._last < seconds / 2
        self._last = now
        burst = self.seconds + seconds if with_others else seconds
        self.seconds = max(seconds, min(burst, BURST_S))

    def spent(self, seconds: float) -> None:
        """Take note of what a window has cost."""
        self.cost_s += 0.3 * (seconds - self.cost_s)

    def windows(self, hop_s: float) -> int:
        """Return how many windows that sound completes and are worth the wait; 1 at least."""
        complete = math.ceil(self.seconds / hop_s - 1e-6)
        affordable = 1.0 + PATIENCE_S / max(self.cost_s, 1e-6)
        return max(1, min(complete, math.floor(affordable)))


class AudioEmotion(EmotionNode):
    """Estimates the displayed emotion of the speech in each window of sound."""

    def __init__(self, **options: Any) -> None:
        """Declare the parameters."""
        self._pipeline: AudioPipeline | None = None
        self._publisher: Any = None
        self._features_publisher: Any = None
        self._embeddings: Any = None
        self._source: AudioSource | None = None
        self._worker: Worker[bool] | None = None
        self._arrivals = Arrivals()
        self._seen, self._behind = AudioHealth(), ''
        super().__init__(NAME, AUDIO_EMOTION, **options)

    def check(self, values: Values) -> None:
        """Refuse settings that do not go together."""
        values.settings(AudioSettings)

    def configure(self) -> None:
        """Load the models and make the publishers."""
        values = self.values
        classifier = backends.create(
            self, values, 'audio_classifier', values.text('classifier'), AUDIO_CLASSIFIER_OPTIONS
        )
        activity = registry.create('speech_activity', values.text('activity'))
        classifier.load()
        activity.load()
        pipeline = AudioPipeline(classifier, activity, values.settings(AudioSettings))
        self._pipeline = pipeline
        self._seen, self._behind = pipeline.health, ''
        self._publisher = self.create_publisher(EmotionArray, 'emotion/audio', qos.result())
        self._features_publisher = self.create_publisher(
            AudioFeatures, 'emotion/audio/features', qos.result()
        )
        if pipeline.embedder:
            self._embeddings = self.create_publisher(
                AudioEmbedding, 'emotion/audio/embeddings', qos.result()
            )
            self.get_logger().warning(f'embeddings of {pipeline.embedder} are published')
        chosen = f' on {pipeline.chosen}' if pipeline.chosen else ''
        self.get_logger().info(f'configured {", ".join(pipeline.models)}{chosen}')
        memory.give_back()  # writing wav2vec2 in 8 bits takes 2 GB more than running it

    def activate(self) -> None:
        """Start the worker, look for sound."""
        if self._pipeline is not None:
            self._seen, self._behind = self._pipeline.health, ''
        self._worker = Worker('audio inference', self._process, self.failed)
        self._source = AudioSource(self, self._take)

    def deactivate(self) -> None:
        """Unsubscribe, stop the worker."""
        if self._source is not None:
            self._source.close()
            self._source = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        if self._pipeline is not None:
            self._pipeline.reset()

    def cleanup(self) -> None:
        """Free the models and the publishers."""
        self._pipeline = None
        for publisher in (self._publisher, self._features_publisher, self._embeddings):
            if publisher is not None:
                self.destroy_publisher(publisher)
        self._publisher = self._features_publisher = self._embeddings = None

    def apply(self, names: set[str]) -> None:
        """Take over what can change at run time."""
        if self._pipeline is not None:
            self._pipeline.settings = self.values.settings(AudioSettings)

    def _take(self, chunk: AudioChunk) -> None:
        """Buffer a chunk; the worker is told that there may be a window."""
        if self._pipeline is None or self._worker is None:
            return
        if not chunk.stamped:
            self.faults.note(
                'unstamped_audio',
                'audio has no stamps: times of arrival are used; publish AudioDataStamped on '
                'audio_stamped',
            )
        if chunk.repaired:
            self.faults.note(
                'not_finite', f'{chunk.repaired} audio samples are not finite: silence instead'
            )
        placement = self._pipeline.push(chunk)
        if placement.continuity not in UNREMARKABLE:
            self.faults.note(f'audio_{placement.continuity.value}', placement.describe())
        if placement.continuity is not Continuity.REPEATED:
            self._arrivals.add(chunk.seconds)
            self._worker.put(True)

    def _next(self, pipeline: AudioPipeline) -> Window | None:
        """Return the oldest window of those that came at once; older ones are too late."""
        waiting = self._arrivals.windows(pipeline.settings.hop_s)
        return pipeline.pop(latest=True, waiting=waiting)

    def _process(self, _: bool) -> None:
        pipeline = self._pipeline
        started = time.monotonic()
        while pipeline is not None and (window := self._next(pipeline)) is not None:
            array, features = pipeline.classify(window)
            if pipeline is not self._pipeline:
                return  # cleaned up meanwhile
            array = replace(array, latency=self.latency(array.stamp_ns))
            self._publisher.publish(to_message(array))
            self._features_publisher.publish(features_to_message(features))
            if self._embeddings is not None and pipeline.embedding is not None:
                self._embeddings.publish(
                    embedding_to_message(
                        pipeline.embedding, pipeline.embedder, array.stamp_ns, array.frame_id
                    )
                )
            self.results.tick()
            ended = time.monotonic()
            self._arrivals.spent(ended - started)
            started = ended

    def findings(self) -> Iterable[Finding]:
        """Return why there is no sound, or not all of it is listened to, if so."""
        if self._source is not None:
            yield from self._source.findings()
        self._look_back()
        if self._behind:
            yield Finding(Level.WARN, self._behind)

    def _look_back(self) -> None:
        """See, each few windows, whether too many of them were passed over."""
        if self._pipeline is None:
            return
        health = self._pipeline.health
        skipped = health.skipped - self._seen.skipped
        complete = health.windows - self._seen.windows + skipped
        if self.results.silence_s() > self.values.number('input_timeout'):
            self._seen, self._behind = health, ''
        if complete < LOOKED_AT:
            return
        self._seen, self._behind = health, ''
        if skipped > BEHIND * complete:
            self._behind = (
                f'{skipped} of {complete} windows were passed over for newer ones: choose a faster '
                'audio classifier or dtype, raise hop_s, or leave the node more of the processor'
            )

    def figures(self) -> Mapping[str, object]:
        """Return counts, rates and names."""
        values: dict[str, object] = {}
        if self._pipeline is not None:
            values['models'] = self._pipeline.models
            values['runs_on'] = self._pipeline.chosen
            values['embeddings'] = self._pipeline.embedder or 'off'
            heard = self._pipeline.voice_heard_s
            values['voice_heard_s'] = 'off' if heard is None else round(heard, 1)
            values.update(asdict(self._pipeline.health))
        if self._source is not None:
            values.update(self._source.figures())
        return values
