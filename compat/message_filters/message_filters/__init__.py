"""Stands in for the Python part of ros2/message_filters, where no distribution brings it.

Written from the behaviour of release 7.1 (Kilted): same names, keywords and matching, for the
filters named in ``__all__`` only. Never built where the distribution has the package.
"""

from message_filters.simple_filter import SimpleFilter
from message_filters.subscriber import Subscriber
from message_filters.synchronizer import ApproximateTimeSynchronizer, TimeSynchronizer

__all__ = ['ApproximateTimeSynchronizer', 'SimpleFilter', 'Subscriber', 'TimeSynchronizer']
