"""A file, a folder of images, a webcam or a microphone in the place of robot drivers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from mer_ros.media.opener import open_source
from mer_ros.media.sources import AudioBlock, MediaError, Source, VideoFrame, is_device
from mer_ros.ros.counters import Quantiles, Rate
from mer_ros.ros.diagnostics import Finding, Level
from mer_ros.ros.errors import NodeError, ParameterError
from mer_ros.ros.media_outputs import Offer, Outputs
from mer_ros.ros.node import EmotionNode
from mer_ros.ros.parameter_spec import Values
from mer_ros.ros.parameters import NODES
from mer_ros.ros.playout import Beginning, in_due_order
from mer_ros.ros.read_ahead import ReadAhead

CLOCK_PERIOD_S = 0.01
SETTLE_S = 0.3
"""A publisher sees a subscription a little before the subscription sees the publisher."""

FAREWELL_S = 0.5
"""How long the last messages get before the process ends."""


class MediaSource(EmotionNode):
    """Publishes pictures and sound in step: stamp = start + presentation time."""

    def __init__(self, **options: Any) -> None:
        """Declare the parameters; see :class:`EmotionNode`."""
        super().__init__('media_source', NODES['media_source'], **options)
        self.status = 0
        self.images = Rate()
        self.blocks = Rate()
        self._behind = Quantiles()
        self._sources: list[Source] = []
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._ended = 0
        self._problem = ''
        self._outputs = Outputs(self)

    # Lifecycle.

    def check(self, values: Values) -> None:
        """Refuse what does not go together."""
        live = is_device(values.text('source'))
        if values.flag('publish_clock') and (live or not values.text('source')):
            raise ParameterError('publish_clock needs a file or folder as source')
        if values.number('rate') != 1.0 and (live or values.flag('microphone')):
            raise ParameterError('rate must be 1.0 with a webcam or microphone')

    def configure(self) -> None:
        """Look at what the sources give and make the publishers for it."""
        sources = self._open()
        offer = Offer(
            any(source.frame_rate > 0 for source in sources),
            next((source.audio_format for source in sources if source.audio_format), None),
        )
        for source in sources:
            source.close()
        self._outputs.open(offer)

    def activate(self) -> None:
        """Open the sources and make a thread for each, which plays it once the node is active."""
        self._stop = threading.Event()
        self._ended = 0
        self._sources = self._open()
        self._threads = [
            threading.Thread(
                target=self._run, args=(source, self._stop), name=source.name, daemon=True
            )
            for source in self._sources
        ]

    def deactivate(self) -> None:
        """Stop playing and free the devices."""
        self._stop.set()
        for source in self._sources:
            source.close()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(5.0)

    def cleanup(self) -> None:
        """Take the publishers away."""
        self._outputs.close()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure; without a source the process may end at once."""
        result = super().on_configure(state)
        if result != TransitionCallbackReturn.SUCCESS:
            self._end(1)
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate and begin to play.

        Not sooner: activating ends with taking old trouble back, and would take back that of a
        source which fails at once.
        """
        result = super().on_activate(state)
        if result == TransitionCallbackReturn.SUCCESS:
            for thread in self._threads:
                thread.start()
        return result

    def _open(self) -> list[Source]:
        values = self.values
        microphone = values.flag('microphone')
        if not values.text('source') and not microphone:
            raise NodeError('nothing to play: set the parameter source or microphone')
        specs = [values.text('source')] if values.text('source') else []
        if microphone:
            device = values.text('microphone_device')
            specs.append(f'microphone:{device}' if device else 'microphone')
        return [
            open_source(
                spec,
                loop=values.flag('loop'),
                frame_rate=values.number('frame_rate'),
                width=values.integer('width'),
                height=values.integer('height'),
                audio=values.flag('audio') and not microphone,
                retry_s=values.number('retry_period'),
            )
            for spec in specs
        ]

    # Playing.

    def _run(self, source: Source, stop: threading.Event) -> None:
        """Play one source to its end; a thread's whole life.

        It has its own event: a device that hangs may outlast the node's being deactivated.
        """
        try:
            self._await_subscribers(stop)
            if source.live:
                for item in source:
                    self._publish(item, round(item.stamp_s * 1e9))
            else:
                self._play(source, stop)
        except MediaError as error:
            if stop.is_set():
                return
            self.trouble = str(error)
            self.get_logger().error(self.trouble)
            self._end(1)
            return
        except Exception as error:  # noqa: BLE001 - logged and counted; a thread has no caller
            if stop.is_set() or not self.context.ok():  # Ctrl-C between looking and publishing
                return
            self.failed(error)
            # A fault is shown for some seconds only, and nothing is played from here on.
            self.trouble = (
                f'{source.name} is no longer played: {type(error).__name__}: {error}; deactivate '
                'and activate the node to play it again'
            )
            self._end(1)
            return
        if not stop.is_set():
            self._ended += 1
            self.get_logger().info(f'{source.name} has come to its end')
            if self._ended == len(self._sources):
                self._end(0)

    def _play(self, source: Source, stop: threading.Event) -> None:
        """Publish the items of a file at their times, by the steady clock."""
        rate = self.values.number('rate')
        with ReadAhead(in_due_order(source)) as items:
            beginning: Beginning | None = None
            start_ns, begun, tick_s = 0, 0.0, 0.0
            for due_s, item in items:
                if beginning is None:
                    start_ns, begun = time.time_ns(), time.monotonic()
                    real_time = rate == 1.0 and not self._outputs.has_clock
                    beginning = Beginning(start_ns, follows=real_time)
                while self._outputs.has_clock and tick_s <= due_s:
                    if stop.wait(max(begun + tick_s / rate - time.monotonic(), 0.0)):
                        return
                    self._outputs.publish_clock(start_ns + round(tick_s * 1e9))
                    tick_s += CLOCK_PERIOD_S
                due = begun + due_s / rate
                if stop.wait(max(due - time.monotonic(), 0.0)):
                    return
                self._behind.add(time.monotonic() - due)
                before_ns = start_ns
                start_ns = beginning.start_ns(time.time_ns(), time.monotonic() - begun)
                if start_ns != before_ns:
                    moved_s = (start_ns - before_ns) * 1e-9
                    self.get_logger().warning(f'the clock was set by {moved_s:+.3f} s: stamps too')
                self._publish(item, start_ns + round(item.stamp_s * 1e9))

    def _publish(self, item: VideoFrame | AudioBlock, stamp_ns: int) -> None:
        if not self.context.ok():
            return
        if isinstance(item, AudioBlock):
            self._outputs.publish_audio(item, stamp_ns)
            self.blocks.tick()
            if not self._outputs.offer.pictures:
                self.results.tick()
            return
        self._outputs.publish_image(item.image_bgr, stamp_ns)
        self.images.tick()
        self.results.tick()
        self.latency(stamp_ns)

    def _await_subscribers(self, stop: threading.Event) -> None:
        """Wait until what is offered is subscribed, or for as long as the parameter says."""
        patience = self.values.number('wait_for_subscribers')
        if not patience:
            return
        end = time.monotonic() + patience
        while unheard := self._outputs.unheard():
            if time.monotonic() > end:
                self.get_logger().warning(f'nobody subscribes to {", ".join(unheard)}')
                return
            if stop.wait(0.02):
                return
        stop.wait(SETTLE_S)

    def _end(self, status: int) -> None:
        """End the process when that is wanted at the end of a file."""
        self.status = status
        if not self.values.flag('exit_at_end'):
            return
        self.diagnose()
        time.sleep(FAREWELL_S)
        self.context.try_shutdown()

    # Diagnostics.

    def findings(self) -> Iterable[Finding]:
        """Return what is wrong with the devices, and the end of a file."""
        problem = '; '.join(source.problem for source in self._sources if source.problem)
        if problem != self._problem:
            self._problem = problem
            if problem:
                self.get_logger().error(problem)
            else:
                self.get_logger().info('the device is back')
        if problem:
            yield Finding(Level.ERROR, problem)
        if self._ended:
            yield Finding(Level.STALE, 'the source has come to its end')

    def figures(self) -> Mapping[str, object]:
        """Return the counts."""
        return {
            'source': [source.name for source in self._sources],
            'images': self.images.count,
            'images_hz': self.images.hz(),
            'audio_blocks': self.blocks.count,
            'lost': sum(source.lost for source in self._sources),
            'behind_p95_ms': self._behind.p50_p95()[1] * 1e3,
            'ended': bool(self._sources) and self._ended == len(self._sources),
        }
