"""The node that says what face and voice show together: emotion/fused, emotion/debug_image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

from message_filters import Subscriber
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration

from mer_ros.estimates import EstimateArray
from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.parameters import ParameterTable
from mer_ros.fusion.settings import FusionSettings
from mer_ros.models import store
from mer_ros.msg import AudioFeatures, EmotionArray
from mer_ros.render.overlay import Scene
from mer_ros.ros import qos
from mer_ros.ros.conversions import from_time, to_message
from mer_ros.ros.debug_image import DebugImage
from mer_ros.ros.diagnostics import Finding, Level
from mer_ros.ros.fusion_feed import AUDIO, FACE, FEATURES, TOPICS, Feed
from mer_ros.ros.inputs import Input, Monitor
from mer_ros.ros.node import EmotionNode
from mer_ros.ros.pairing import BackwardWatch, Pairing
from mer_ros.ros.parameter_spec import Values
from mer_ros.ros.parameters import EMOTION_FUSION
from mer_ros.ros.worker import Worker

NAME = 'emotion_fusion'
JUMP, SETTINGS = 'jump', 'settings'

JUMP_BACK = Duration(seconds=-0.1)
"""Two sources of /clock differ by less."""

LATE_S = 0.5
"""Faces this much later than the voice of their stamps are worth a word."""

SETTING_NAMES = {each.name for each in fields(FusionSettings)}

SHOWN_NS = 2_000_000_000
"""What is older than this is not drawn any more."""


class EmotionFusion(EmotionNode):
    """Fuses face and audio results by their stamps."""

    def __init__(self, **options: Any) -> None:
        """Declare the parameters."""
        self._table: ParameterTable | None = None
        self._feed: Feed | None = None
        self._publisher: Any = None
        self._debug: DebugImage | None = None
        self._monitors: dict[str, Monitor] = {}
        self._subscribers: list[Subscriber] = []
        self._features: Input | None = None
        self._pairing: Pairing | None = None
        self._worker: Worker[tuple[str, Any]] | None = None
        self._jump_handle: Any = None
        self._fused: EstimateArray | None = None
        self._jumps = 0
        super().__init__(NAME, EMOTION_FUSION, **options)

    def check(self, values: Values) -> None:
        """Refuse settings that do not go together."""
        values.settings(FusionSettings)

    def configure(self) -> None:
        """Read the fitted parameters, make the publishers."""
        self._table = ParameterTable.read(store.find('fusion'))
        self._publisher = self.create_publisher(EmotionArray, 'emotion/fused', qos.result())

    def activate(self) -> None:
        """Start the worker, subscribe to the results."""
        if self._table is None:
            return
        self._feed = Feed(self, self.values.settings(FusionSettings), self._table)
        self._worker = Worker('fusion', self._work, self.failed, capacity=None, tend=self._tend)
        self._debug = DebugImage(self, self._scene)
        watch = BackwardWatch(self._forget_pairs)
        for stream in (FACE, AUDIO):
            monitor = Monitor(self, f'{stream} result')
            subscriber = Subscriber(
                self,
                EmotionArray,
                TOPICS[stream],
                qos_profile=qos.result_input(),
                event_callbacks=monitor.events(),
            )
            monitor.watch(EmotionArray, subscriber.sub)
            subscriber.registerCallback(partial(self._enqueue, stream, watch))
            self._monitors[stream] = monitor
            self._subscribers.append(subscriber)
        self._features = Input(
            self,
            AudioFeatures,
            TOPICS[FEATURES],
            qos.result_input(),
            partial(self._put, FEATURES),
            what='sound envelope',
        )
        self._pairing = Pairing(
            (FACE, AUDIO),
            self.values.integer('sync_queue_size'),
            self.values.number('sync_slop'),
        )
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=JUMP_BACK, on_clock_change=True),
            post_callback=self._clock_jumped,
        )

    def deactivate(self) -> None:
        """Unsubscribe, stop the worker."""
        if self._jump_handle is not None:
            self._jump_handle.unregister()
            self._jump_handle = None
        for subscriber in self._subscribers:
            self.destroy_subscription(subscriber.sub)
        self._subscribers.clear()
        self._monitors.clear()
        if self._features is not None:
            self._features.close()
            self._features = None
        self._pairing = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        if self._debug is not None:
            self._debug.close()
            self._debug = None
        self._feed = self._fused = None

    def cleanup(self) -> None:
        """Free the parameters and the publisher."""
        self._table = None
        if self._publisher is not None:
            self.destroy_publisher(self._publisher)
            self._publisher = None

    def apply(self, names: set[str]) -> None:
        """Go on with new settings; nothing that is known is forgotten."""
        if self._worker is not None and names & SETTING_NAMES:
            self._worker.put((SETTINGS, self.values.settings(FusionSettings)))

    # On the executor's thread: only enqueue.

    def _enqueue(self, stream: str, watch: BackwardWatch, message: Any) -> None:
        self._monitors[stream].rate.tick()
        if from_time(message.header.stamp) < 0:
            # The synchroniser would raise, and on the executor's thread that ends the node.
            self.faults.note('bad_stamp', f'a {stream} result of a time before 1970: left out')
            return
        watch.see(stream, message)
        if self._pairing is not None:
            self._pairing.add(stream, message)
        self._put(stream, message)

    def _put(self, what: str, message: Any) -> None:
        if self._worker is not None:
            self._worker.put((what, message))

    def _clock_jumped(self, jump: Any) -> None:
        # The engine starts anew where the results' own stamps go back (fusion/sequencing.py): the
        # clock's jump comes earlier or later than they do, differently at each replay.
        self._forget_pairs()
        self._put(JUMP, self.now_ns())

    def _forget_pairs(self) -> None:
        self._jumps += 1
        if self._pairing is not None:
            self._pairing.clear()

    # On the worker's thread.

    def _work(self, item: tuple[str, Any]) -> None:
        what, message = item
        if self._feed is None:
            return
        if what == SETTINGS:
            self._feed.engine.settings = message
        elif what == JUMP:
            self._feed.clock_jumped(message)
        else:
            self._publish(self._feed.take(what, message))

    def _tend(self) -> float | None:
        """Fuse what was held long enough; return when to look again."""
        if self._feed is None:
            return None
        fused, again_s = self._feed.tend()
        self._publish(fused)
        return again_s

    def _publish(self, fused: Iterable[EstimateArray]) -> None:
        for array in fused:
            timed = replace(array, latency=self.latency(array.stamp_ns))
            self._publisher.publish(to_message(timed))
            self.results.tick()
            self._fused = timed
            if self._debug is not None and array.image_width:
                self._debug.offer(array.stamp_ns)

    def _scene(self, stamp_ns: int) -> Scene:
        """Return what is known at a stamp."""
        fused = self._fused
        known = {} if self._feed is None else self._feed.newest.copy()
        if fused is not None:
            known['fused'] = fused
        newest = {
            name: array
            for name, array in known.items()
            if abs(array.stamp_ns - stamp_ns) < SHOWN_NS
        }
        rates = {stream: monitor.rate.hz() for stream, monitor in self._monitors.copy().items()}
        fused = newest.get('fused')
        return Scene(
            face=newest.get(FACE),
            audio=newest.get(AUDIO),
            fused=fused,
            rates={**rates, 'fused': self.results.hz()},
            latency=fused.latency if fused is not None else None,
        )

    def findings(self) -> Iterable[Finding]:
        """Return which modality is missing, and why nothing is drawn while someone looks."""
        timeout_s = self.values.number('input_timeout')
        for monitor in self._monitors.values():
            why = monitor.why_silent(timeout_s)
            if why:
                yield Finding(Level.WARN, why)
        if self._feed is not None:
            yield from _said_of(self._feed.engine)
        if self._debug is not None:
            yield from self._debug.findings()

    def figures(self) -> Mapping[str, object]:
        """Return counts, rates and names."""
        values: dict[str, object] = {}
        newest = {} if self._feed is None else self._feed.newest.copy()
        for stream, monitor in self._monitors.items():
            values[f'{stream}_received'] = monitor.rate.count
            values[f'{stream}_received_hz'] = monitor.rate.hz()
            values[f'{stream}_models'] = newest[stream].models if stream in newest else ()
        if self._features is not None:
            values['features_received'] = self._features.rate.count
        values['jumps_back'] = self._jumps
        if self._feed is not None:
            values['faces_late_s'] = self._feed.engine.late_s
        if self._worker is not None:
            values['waiting'] = self._worker.waiting()
        if self._pairing is not None:
            values.update(self._pairing.figures())
        if self._debug is not None:
            values.update(self._debug.figures())
        return values


def _said_of(engine: FusionEngine) -> Iterable[Finding]:
    if engine.note:
        yield Finding(Level.WARN, engine.note)
    if engine.unused_s:
        yield Finding(
            Level.WARN,
            f'the voice is {engine.unused_s:.1f} s older than the faces and is not used: '
            'let one clock stamp images and sound, or raise audio_timeout_s',
        )
    if engine.late_s >= LATE_S:
        yield Finding(
            Level.WARN,
            f'faces come up to {engine.late_s:.1f} s after the voice of their stamps: a slow '
            'camera or face node (latency_p95_ms in its diagnostics), or a camera clock that is '
            'behind, which would pair faces with the wrong words: let one clock stamp both',
        )
