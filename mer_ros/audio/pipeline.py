"""The audio pipeline: chunks in, one estimate and one set of descriptors for each window out.

``push`` may be called from one thread (a ROS callback) while another pops and classifies.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mer_ros.audio import quality
from mer_ros.audio.activity import ActivityDetector
from mer_ros.audio.adaptation import Adaptation
from mer_ros.audio.answering import Answering
from mer_ros.audio.background import Background
from mer_ros.audio.chunk import AudioChunk, AudioError, Samples
from mer_ros.audio.classification import AudioClassifier
from mer_ros.audio.conditioning import normalise, reduce_noise
from mer_ros.audio.feature_record import AudioFeatures
from mer_ros.audio.features import extract
from mer_ros.audio.health import COUNTED, AudioHealth
from mer_ros.audio.intake import Intake
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.timeline import Continuity, Placement
from mer_ros.audio.windows import SAMPLE_NS, Window, WindowBuffer
from mer_ros.emotions import COUNT, valence_arousal
from mer_ros.estimates import Estimate, EstimateArray, Modality

SUBJECT = 'audio'


class AudioPipeline:
    """Sound to emotion.

    Args:
        classifier: loaded.
        activity: loaded; owned by this pipeline from now on, since it holds a stream's state.
        settings: see :class:`AudioSettings`.

    Attributes:
        settings: may be replaced while it runs; the speech threshold, normalisation, noise
            reduction and memory of the voice follow with the next window, the rest stays as the
            pipeline was made.
        embedding: (E,) float32 that the last window was classified by; None without speech, or
            where the settings do not ask for embeddings.

    Raises:
        ModelError: embeddings are asked for, and the classifier has none.
    """

    def __init__(
        self,
        classifier: AudioClassifier,
        activity: ActivityDetector,
        settings: AudioSettings | None = None,
    ) -> None:
        self.settings = settings or AudioSettings()
        self._classifier = classifier
        self._activity = activity
        self._background = Background(activity)
        self._buffer = WindowBuffer(
            self.settings.window_s, self.settings.hop_s, self.settings.buffer_s
        )
        self._intake = Intake(self._buffer, self.settings)
        self._prior = self.settings.prior()
        self.embedding: Samples | None = None
        self._answering = Answering(classifier, self.settings.embeddings)
        self._lock = threading.Lock()
        self._work = threading.Lock()
        self._frame_id = ''
        self._stale_background = False
        self._counts: Counter[str] = Counter()

    @property
    def models(self) -> tuple[str, ...]:
        """What is running: ``('audio:silero+lite@1.0',)``."""
        classifier = self._classifier
        return (f'audio:{self._activity.name}+{classifier.name}@{classifier.version}',)

    @property
    def embedder(self) -> str:
        """What makes the embeddings, ``'wav2vec2@1.0'``; empty where none are asked for."""
        return self._answering.embedder

    @property
    def chosen(self) -> str:
        """What the classifier chose to run on, in words; empty where it has no choice."""
        return str(getattr(self._classifier, 'chosen', ''))

    @property
    def voice_heard_s(self) -> float | None:
        """Seconds of speech that the answers are beside, faded ones less; None: of no voice."""
        return self._answering.heard_s if self.settings.voice_memory_s else None

    @property
    def health(self) -> AudioHealth:
        """Counts up to now."""
        with self._lock:
            return AudioHealth(
                **self._counts,
                dropped=self._buffer.dropped,
                skipped=self._buffer.skipped,
                buffered=self._buffer.buffered,
            )

    def push(self, chunk: AudioChunk) -> Placement:
        """Take a chunk: resample, filter, buffer. Well under a millisecond for 20 ms of sound.

        Returns:
            Where it lies in time; ``continuity`` other than CONTINUES is worth a log line.

        Raises:
            AudioError: it cannot be used; counted, and the stream goes on with the next.
        """
        with self._lock:
            try:
                placement = self._intake.push(chunk)
            except AudioError:
                self._counts['refused'] += 1
                raise
            if placement.continuity in COUNTED:
                self._counts[COUNTED[placement.continuity]] += 1
            if placement.continuity is not Continuity.REPEATED:
                self._counts['chunks'] += 1
                self._counts['samples'] += chunk.samples.shape[0]
                self._counts['repaired'] += chunk.repaired
                self._frame_id = chunk.frame_id
            return placement

    def pop(self, latest: bool = False, waiting: int = 1) -> Window | None:
        """Return a complete window with its speech activity, or None when there is none.

        Args:
            latest: older ones than the newest ``waiting`` are skipped and counted. The speech
                activity hears what was skipped all the same.
            waiting: see :meth:`WindowBuffer.pop`.

        Raises:
            ModelError, AudioError: the speech activity failed.
        """
        with self._work:
            with self._lock:
                window = self._buffer.pop(latest, waiting)
                if window is None:
                    return None
                self._counts['windows'] += 1
                stale, self._stale_background = self._stale_background, False
                window = replace(window, frame_id=self._frame_id)
            if stale:
                self._background.reset()
            return self._background.annotate(window)

    def reset(self) -> None:
        """Forget the sound and the voice, for example after a time jump; counts stay."""
        with self._lock:
            self._intake.reset()
            self._buffer.reset()
            self._stale_background = True
        self._answering.reset()

    def classify(self, window: Window) -> tuple[EstimateArray, AudioFeatures]:
        """Return what a popped window displays, and its descriptors.

        Without speech the estimate is UNKNOWN, its probabilities the deployed prior, confidence
        and reliability 0. With speech it is beside what the windows before said of the voice,
        and is remembered for the next: to be called in order, from one thread.

        Raises:
            ModelError, AudioError: the classifier failed.
        """
        speech = speech_probability(window)
        assessed = quality.assess(window)
        estimate = Estimate(SUBJECT, speaking=speech, label_since_ns=window.stamp_ns)
        self.embedding = None
        if speech >= self.settings.speech_threshold and window.speech.size:
            answer = self._answering.answer(
                self._conditioned(window),
                window.stamp_ns,
                self.settings.voice_memory_s,
                self.settings.hop_s,
            )
            self.embedding = self._answering.embedding
            estimate = _decided(estimate, answer, assessed.reliability)
        else:
            estimate = replace(estimate, probabilities=self._prior.copy())
        array = EstimateArray(
            stamp_ns=window.stamp_ns,
            frame_id=window.frame_id,
            modalities=Modality.AUDIO,
            models=self.models,
            window_ns=window.samples.size * SAMPLE_NS,
            estimates=(estimate,),
            speech_probability=speech,
        )
        extra = {
            'speech_probability': speech,
            'clipping': assessed.clipping,
            'snr_db': assessed.snr_db,
            'noise_dbfs': window.noise_dbfs,
        }
        features = extract(
            window.samples, stamp_ns=window.stamp_ns, frame_id=window.frame_id, extra=extra
        )
        return array, features

    def probabilities(self, windows: Sequence[Window]) -> Samples:
        """Return (N, 7) float32: the classifier's answer to each window alone, speech or not.

        Raises:
            ModelError, AudioError: the classifier failed.
        """
        if not windows:
            return np.zeros((0, COUNT), np.float32)
        return self._answering.alone(self._batch(windows))

    def adaptation(self) -> Adaptation | None:
        """Return what adapts answers to a new voice; None: the classifier has no such thing."""
        return self._answering.adaptation()

    def _batch(self, windows: Sequence[Window]) -> Samples:
        return np.stack([self._conditioned(window) for window in windows])

    def _conditioned(self, window: Window) -> Samples:
        samples, settings = window.samples, self.settings
        if settings.noise_reduction:
            samples = reduce_noise(
                samples, window.noise_spectrum, settings.noise_reduction_strength
            )
        if settings.normalise:
            samples = normalise(samples, settings.normalise_dbfs, settings.normalise_max_gain_db)
        return samples


def speech_probability(window: Window) -> float:
    """Return P(there is speech in the window), 0..1.

    The mean of the upper half of the frames' probabilities: half a window of certain speech is
    speech for certain, and a single click is not. At the threshold of 0.5 a quarter of the
    window must be speech.
    """
    if not window.speech.size:
        return 0.0
    upper = np.sort(window.speech)[window.speech.size // 2 :]
    return float(np.clip(upper.mean(), 0.0, 1.0))


def _decided(estimate: Estimate, probabilities: Samples, reliability: float) -> Estimate:
    label = int(probabilities.argmax())
    valence, arousal = valence_arousal(probabilities)
    return replace(
        estimate,
        label=label,
        probabilities=probabilities,
        confidence=float(probabilities[label]),
        reliability=reliability,
        valence=float(valence),
        arousal=float(arousal),
    )
