from __future__ import annotations

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
