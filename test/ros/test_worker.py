from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from mer_ros.ros.worker import Worker


def wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_slow_worker_takes_the_newest_and_drops_the_rest() -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        begun.set()
        go_on.wait(10)
        done.append(item)

    worker = Worker('test', work, pytest.fail)
    assert worker.put(1) == 0
    begun.wait(10)
    assert [worker.put(n) for n in (2, 3, 4)] == [0, 1, 1]
    go_on.set()
    wait(lambda: len(done) == 2)
    assert done == [1, 4]
    assert worker.stop()


def test_without_a_capacity_everything_is_done_in_order() -> None:
    done: list[int] = []
    worker = Worker('test', done.append, pytest.fail, capacity=None)
    for n in range(200):
        worker.put(n)
    wait(lambda: len(done) == 200)
    assert done == list(range(200))
    worker.stop()


def test_what_an_item_raises_is_told_and_the_next_is_done() -> None:
    faults: list[Exception] = []
    done: list[int] = []

    def work(item: int) -> None:
        done.append(10 // item)

    worker = Worker('test', work, faults.append, capacity=None)
    for n in (0, 5):
        worker.put(n)
    wait(lambda: len(done) == 1)
    assert done == [2]
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    worker.stop()


def test_stop_drops_what_waits_and_ends_the_thread() -> None:
    begun = threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        begun.set()
        time.sleep(0.05)
        done.append(item)

    worker = Worker('a worker of this test', work, pytest.fail, capacity=None)
    worker.put(1)
    worker.put(2)
    begun.wait(10)
    assert worker.stop()
    assert done == [1]
    assert 'a worker of this test' not in {thread.name for thread in threading.enumerate()}


def test_what_does_not_end_in_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(item: int) -> None:
        begun.set()
        go_on.wait(10)

    worker = Worker('a slow worker', work, pytest.fail)
    worker.put(1)
    begun.wait(10)
    with caplog.at_level(logging.WARNING):
        assert not worker.stop(0.05)
    assert 'a slow worker has not come to its end within 0.05 s' in caplog.text
    go_on.set()
    assert worker.stop()


def test_it_tends_after_an_item_and_again_when_it_said() -> None:
    times: list[float] = []

    def tend() -> float | None:
        times.append(time.monotonic())
        return 0.03 if len(times) < 3 else None

    worker = Worker('test', lambda item: None, pytest.fail, tend=tend)
    worker.put(1)
    wait(lambda: len(times) == 3)
    assert times[1] - times[0] >= 0.025
    time.sleep(0.1)
    assert len(times) == 3
    worker.stop()
