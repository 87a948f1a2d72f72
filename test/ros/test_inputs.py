from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from mer_ros.ros.inputs import Input

STRICT = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


@pytest.mark.parametrize(
    ('offer', 'words'),
    [
        (
            {'reliability': ReliabilityPolicy.BEST_EFFORT},
            'offers best effort only and is not heard: make them reliable',
        ),
        (
            {'durability': DurabilityPolicy.VOLATILE},
            'offers another durability than is asked for and is not heard: change its durability',
        ),
    ],
)
def test_the_log_names_what_keeps_a_publisher_from_being_heard(
    graph: Any, offer: dict[str, Any], words: str
) -> None:
    listener = Input(graph.probe, String, 'words', STRICT, lambda _: None, what='word')
    given = {
        'reliability': STRICT.reliability,
        'durability': STRICT.durability,
        **offer,
    }
    graph.publisher(String, 'words', QoSProfile(depth=1, **given))
    graph.wait(lambda: graph.logged(words), 'a warning')
    assert len(graph.logged('is not heard')) == 1
    listener.close()


def test_what_was_lost_before_the_last_message_is_no_cause_of_silence(graph: Any) -> None:
    profile = QoSProfile(depth=10)
    listener = Input(graph.probe, String, 'words', profile, lambda _: None, what='word')
    publisher = graph.publisher(String, 'words', profile)
    graph.matched(publisher)
    listener._on_lost(SimpleNamespace(total_count=400))
    assert '400 lost on the way' in listener.why_silent(0.0)
    publisher.publish(String(data='one'))
    graph.wait(lambda: listener.rate.count, 'a word')
    assert 'publishers: 1' in listener.why_silent(0.0)
    assert 'lost' not in listener.why_silent(0.0)
    listener._on_lost(SimpleNamespace(total_count=420))
    assert '20 lost on the way' in listener.why_silent(0.0)
    listener.close()
