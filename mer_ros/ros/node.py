"""What every node of ours is: a lifecycle node that starts by itself and says how it is.

A node gives ``configure``, ``activate``, ``deactivate`` and ``cleanup``; errors that they raise
fail the transition with one line in the log and in diagnostics, and the node lives on.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from mer_ros.msg import EmotionArray
from mer_ros.ros import memory
from mer_ros.ros.counters import Announcements, Faults, Quantiles, Rate
from mer_ros.ros.diagnostics import PERIOD_S, DiagnosticsPublisher, Finding, Level
from mer_ros.ros.errors import EXPECTED, kind_of
from mer_ros.ros.parameter_server import ParameterServer, misspelt
from mer_ros.ros.parameter_spec import ParameterSpec, Values
from mer_ros.ros.parameters import NODES
from mer_ros.ros.publishers import Crowd
from mer_ros.ros.qos_overrides import OverridableNode

IMPLAUSIBLE_LATENCY_S = 10.0
"""Results this late are rather stamped on another clock than slow."""

NOT_BEGUN = 'has not begun: mend that, then configure and activate it'
NO_CLOCK = 'use_sim_time is set and /clock does not move: start or unpause what publishes it'


class State(Enum):
    """The primary states of a lifecycle node."""

    UNCONFIGURED = 'unconfigured'
    INACTIVE = 'inactive'
    ACTIVE = 'active'
    FINALIZED = 'finalized'


class EmotionNode(OverridableNode):
    """Base of the nodes: parameters, lifecycle, counters, diagnostics.

    Attributes:
        state: where the lifecycle is.
        faults: what was wrong with single messages.
        results: rate of what is published.
        latencies: seconds from header stamp to publishing.
    """

    def __init__(self, name: str, specs: Iterable[ParameterSpec], **options: Any) -> None:
        """Declare the parameters; configure and activate as soon as the node spins.

        Args:
            name: of the node; the command line can change it.
            specs: its parameters, among them ``autostart``.
            options: passed on to rclpy.

        Raises:
            ParameterError: a given value is refused.
        """
        super().__init__(name, **options)
        self.state = State.UNCONFIGURED
        self.trouble = ''
        self.results = Rate()
        self.latencies = Quantiles()
        self.faults = Faults(self.get_logger())
        self._announcements = Announcements(self.get_logger())
        specs = tuple(specs)
        self._outdated = False
        self._live = {spec.name for spec in specs if spec.dynamic}
        self._server = ParameterServer(
            self, specs, self.check, self._why_frozen, self._parameters_changed
        )
        others = {spec.name for table in NODES.values() for spec in table}
        for warning in misspelt(self._parameter_overrides, specs, others):
            self.get_logger().warning(warning)
        self._diagnostics = DiagnosticsPublisher(self)
        self._rivals = Crowd(
            self, 'results', 'are mixed up for who listens', 'end one, or remap it'
        )
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._clock_seen_ns = 0
        self.create_timer(PERIOD_S, self.diagnose, clock=self.steady)
        self._start_timer = self.create_timer(0.0, self._autostart, clock=self.steady)

    @property
    def values(self) -> Values:
        """The parameters' values in force."""
        return self._server.values

    # What a node gives.

    def check(self, values: Values) -> None:
        """Raise an error of ours when values do not go together."""

    def configure(self) -> None:
        """Load the models and make the publishers."""

    def activate(self) -> None:
        """Start the worker and subscribe."""

    def deactivate(self) -> None:
        """Unsubscribe and stop the worker."""

    def cleanup(self) -> None:
        """Free what ``configure`` made; also called when it failed half-way."""

    def apply(self, names: set[str]) -> None:
        """Take over dynamic parameters that have changed while configured."""

    def findings(self) -> Iterable[Finding]:
        """Return what is wrong while active."""
        return ()

    def figures(self) -> Mapping[str, object]:
        """Return what to show in diagnostics while configured."""
        return {}

    # Lifecycle.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure; on failure the node stays unconfigured and can be tried again."""
        if not self._attempt('configure', self.configure):
            self._attempt('clean up', self.cleanup, quietly=True)
            return TransitionCallbackReturn.FAILURE
        self._outdated = False
        self.state = State.INACTIVE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate, with new models first when their parameters have changed meanwhile."""
        if self._outdated:
            self._free()
            if not self._attempt('configure', self.configure):
                self._attempt('clean up', self.cleanup, quietly=True)
                return TransitionCallbackReturn.FAILURE
            self._outdated = False
        if not self._attempt('activate', self.activate):
            self._attempt('deactivate', self.deactivate, quietly=True)
            return TransitionCallbackReturn.FAILURE
        self.state = State.ACTIVE
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate."""
        self._attempt('deactivate', self.deactivate)
        self.state = State.INACTIVE
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything; other models can be configured then."""
        self._free()
        self.state = State.UNCONFIGURED
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything for good."""
        self.release()
        self.state = State.FINALIZED
        return TransitionCallbackReturn.SUCCESS

    def release(self) -> None:
        """Stop and free what runs, whatever the state."""
        if self.state is State.ACTIVE:
            self._attempt('deactivate', self.deactivate)
        if self.state in (State.ACTIVE, State.INACTIVE):
            self._attempt('clean up', self.cleanup)
        self.state = State.UNCONFIGURED

    def destroy_node(self) -> Any:
        """Free everything first: where nodes share a process, threads would go on without it."""
        self.release()
        return super().destroy_node()

    def _free(self) -> None:
        self._attempt('clean up', self.cleanup)
        memory.give_back()

    def _attempt(self, what: str, work: Callable[[], None], quietly: bool = False) -> bool:
        try:
            work()
        except EXPECTED as error:
            trouble = f'cannot {what}: {error}'
        except Exception as error:  # noqa: BLE001 - rclpy would swallow it without a word
            if not self.context.ok():
                return False  # the process is being ended
            trouble = f'cannot {what}: {type(error).__name__}: {error}'
            self.get_logger().error(traceback.format_exc())
        else:
            self.trouble = self.trouble if quietly else ''
            return True
        if not quietly:
            self.trouble = trouble
            self.get_logger().error(trouble)
        return False

    def _autostart(self) -> None:
        self._start_timer.cancel()
        if not self.values.flag('autostart') or self.state is not State.UNCONFIGURED:
            return
        fine = TransitionCallbackReturn.SUCCESS
        if self.trigger_configure() != fine or self.trigger_activate() != fine:
            self.get_logger().error(NOT_BEGUN)  # mer up waits for these words

    # Parameters.

    def _why_frozen(self) -> str:
        return 'the node is active, deactivate it first' if self.state is State.ACTIVE else ''

    def _parameters_changed(self, names: set[str]) -> None:
        if self.state is State.INACTIVE and not names <= self._live:
            self._outdated = True
        elif self.state in (State.INACTIVE, State.ACTIVE):
            self.apply(names)

    # What single messages do.

    def failed(self, error: Exception, *, logged: bool = False) -> None:
        """Count what a message, or work on it, has raised; log what is new and not `logged`."""
        if not self.context.ok():
            return  # publishing fails while the process is being ended
        if isinstance(error, EXPECTED):
            self.faults.note(kind_of(error), str(error), logged=logged)
            return
        place = traceback.extract_tb(error.__traceback__)
        where = f' ({place[-1].filename}:{place[-1].lineno})' if place else ''
        self.faults.note('internal', f'{type(error).__name__}: {error}{where}')

    def now_ns(self) -> int:
        """Return the time of the node's clock."""
        return int(self.get_clock().now().nanoseconds)

    def latency(self, stamp_ns: int) -> float:
        """Return the seconds since a stamp on the node's clock, and keep it for diagnostics."""
        seconds = (self.now_ns() - stamp_ns) * 1e-9
        self.latencies.add(seconds)
        return seconds

    # Diagnostics.

    def diagnose(self) -> None:
        """Publish how the node is."""
        p50, p95 = self.latencies.p50_p95()
        values: dict[str, object] = {'state': self.state.value}
        if self.state in (State.ACTIVE, State.INACTIVE):
            values.update(
                {
                    'published': self.results.count,
                    'published_hz': self.results.hz(),
                    'latency_p50_ms': p50 * 1e3,
                    'latency_p95_ms': p95 * 1e3,
                }
            )
            values.update(self.figures())
        values['faults'] = self.faults.total()
        values.update({f'fault.{kind}': n for kind, n in sorted(self.faults.counts().items())})
        fine = f'{self.results.hz():.1f} results/s'
        findings = list(self._of_the_state())
        if self.state is State.ACTIVE:
            clock = [Finding(Level.STALE, NO_CLOCK)] if self._clock_stands_still() else []
            running = list(self._while_active(p50))
            # What is an error, or has come to its end, was logged when that happened.
            warnings = [each for each in running if each.level is Level.WARN and not each.logged]
            self._announcements.tell(each.message for each in (*clock, *warnings))
            faults = [Finding(Level.WARN, text) for text in self.faults.recent().values()]
            findings += [*clock, *running, *faults]
        self._diagnostics.publish(findings, fine, values)

    def _of_the_state(self) -> Iterable[Finding]:
        if self.trouble:
            yield Finding(Level.ERROR, self.trouble)
        elif self.state is not State.ACTIVE:
            gone = self.state is State.FINALIZED
            what = 'is shut down for good, start it anew' if gone else 'waits to be activated'
            yield Finding(Level.STALE, f'{self.state.value}: {what}')

    def _while_active(self, latency_s: float) -> Iterable[Finding]:
        yield from self.findings()
        for publisher in self.publishers if self.results.hz() else ():  # idle, it mixes up nothing
            if publisher.msg_type is EmotionArray and (
                several := self._rivals.complaint(publisher.topic_name)
            ):
                yield Finding(Level.WARN, several)
        if abs(latency_s) > IMPLAUSIBLE_LATENCY_S:
            side = 'behind' if latency_s > 0 else 'ahead of'
            yield Finding(
                Level.WARN,
                f'stamps are {abs(latency_s):.0f} s {side} the clock of this node: set '
                'use_sim_time when a bag is replayed, else synchronise the clocks',
            )

    def _clock_stands_still(self) -> bool:
        """Say whether simulated time was the same at the last look."""
        now_ns = self.now_ns()
        before, self._clock_seen_ns = self._clock_seen_ns, now_ns
        return self.get_clock().ros_time_is_active and now_ns == before
