"""Files joined of pieces whose stamps begin anew, as MPEG-TS pieces written one after another are.

Sound and pictures of a piece move by the same time, so that they stay together: by as much as
brings neither of them before its end in the piece before. Both tracks are decoded apart, so what
that is comes from a look at the packets, which are read again only where stamps jump back.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass

_LOG = logging.getLogger(__name__)

BACK_S = 0.5
"""Stamps that go back by more begin anew, when the next one stays behind as well: less, or one
alone, is damage."""

WRAP_S = 2**33 / 90_000
"""After so long stamps of MPEG-TS begin at zero. FFmpeg allows for that, and takes a piece with
stamps from before the first one's for what comes after it."""

NEAR_S = 2.0
"""How far the first picture or sound that is decoded may be from the first packet of a piece."""

LOST_S = 10.0
"""How much of the end of a piece may be damaged."""

SLACK_S = 2.0
"""Tracks may run on a little after the declared duration, and have small holes after it."""

_WAIT_S = 2.0
"""Of one track after its jump, in which the other jumps as well or has nothing in that piece."""


@dataclass(frozen=True)
class PacketTimes:
    """Stamps of a packet in seconds, as they are in the file.

    Attributes:
        track: index of the stream.
        order_s: when it is decoded, which rises within a piece.
        start_s: when it is shown.
        end_s: until when.
    """

    track: int
    order_s: float
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Piece:
    """A piece of a file, for one track.

    Attributes:
        start_s: stamp of its first packet.
        after_s: end of the piece before, as stamps go there.
        shift_s: what is added to its stamps.
    """

    start_s: float
    after_s: float
    shift_s: float


class _Track:
    """How far a track was read, and its pieces after the first.

    Attributes:
        pieces: that are known.
        order_s: of the packet before.
        end_s: when the last picture or sound of the newest known piece ends, as stamps go there.
        shift_s: of that piece.
        start_s: of the piece after it, as long as its shift is not known; None without one.
        next_end_s: the end of that.
        doubtful: a packet that jumped back; the next one decides.
    """

    def __init__(self, packet: PacketTimes) -> None:
        self.pieces: list[Piece] = []
        self.order_s, self.end_s = packet.order_s, packet.end_s
        self.shift_s = 0.0
        self.start_s: float | None = None
        self.next_end_s = 0.0
        self.doubtful: PacketTimes | None = None

    def take(self, packet: PacketTimes) -> None:
        """Take the next packet of the piece that was read last."""
        self.order_s, self.doubtful = packet.order_s, None
        if self.start_s is None:
            self.end_s = max(self.end_s, packet.end_s)
        else:
            self.next_end_s = max(self.next_end_s, packet.end_s)

    def begin(self, first: PacketTimes, second: PacketTimes) -> None:
        """Begin a piece."""
        self.start_s = min(first.start_s, second.start_s)
        self.next_end_s = first.end_s
        self.take(second)

    def settle(self, shift_s: float) -> None:
        """Take the shift of the piece that has begun, if one has."""
        if self.start_s is None:
            return
        self.pieces.append(Piece(self.start_s, self.end_s, shift_s))
        self.shift_s, self.end_s, self.start_s = shift_s, self.next_end_s, None


class Joins:
    """Finds the pieces of a file, as far as they are asked for.

    Args:
        name: of the file, for the log.
        packets: times of all packets of the tracks, in the order of the file.
    """

    def __init__(self, name: str, packets: Generator[PacketTimes, None, None]) -> None:
        self._name = name
        self._packets = packets
        self._tracks: dict[int, _Track] = {}
        self._told = False

    def close(self) -> None:
        """Close the file."""
        self._packets.close()

    def piece(self, track: int, number: int, stamp_s: float, before_s: float) -> Piece | None:
        """Return a later piece of the file; None where the stamp is damaged and begins none.

        Args:
            track: index of the stream.
            number: of the pieces after the first that this track has something in, from 0.
            stamp_s: that has jumped back, as it is in the file.
            before_s: stamp before it.

        Raises:
            MediaError: the file cannot be read on.
        """
        while len(self._pieces(track)) <= number:
            if self._is_past(track, before_s):
                return None
            packet = next(self._packets, None)
            if packet is None:
                self._settle()
                break
            self._take(packet)
        pieces = self._pieces(track)
        if len(pieces) <= number:
            return None
        piece = pieces[number]
        if abs(stamp_s - piece.start_s) > NEAR_S or before_s < piece.after_s - LOST_S:
            return None
        if not self._told:
            self._told = True
            _LOG.warning(
                '%s is joined of pieces whose stamps begin anew: each goes on from the end of the '
                'one before',
                self._name,
            )
        return piece

    def _pieces(self, track: int) -> list[Piece]:
        return self._tracks[track].pieces if track in self._tracks else []

    def _is_past(self, track: int, before_s: float) -> bool:
        """Return whether the piece goes on too far after a jump: the rest need not be read."""
        known = self._tracks.get(track)
        return known is not None and known.end_s > before_s + LOST_S

    def _take(self, packet: PacketTimes) -> None:
        track = self._tracks.get(packet.track)
        if track is None:
            self._tracks[packet.track] = _Track(packet)
        elif not jumps_back(packet.order_s, track.order_s):
            track.take(packet)
            if track.start_s is not None and packet.start_s > track.start_s + _WAIT_S:
                self._settle()
        elif track.doubtful is None:
            track.doubtful = packet
        else:
            if track.start_s is not None:
                self._settle()
            track.begin(track.doubtful, packet)
            if all(each.start_s is not None for each in self._tracks.values()):
                self._settle()

    def _settle(self) -> None:
        """Let the piece that has begun follow the end of all tracks in the one before."""
        begun = [
            each.end_s + each.shift_s - each.start_s
            for each in self._tracks.values()
            if each.start_s is not None
        ]
        for track in self._tracks.values():
            track.settle(max(begun, default=0.0))


def jumps_back(stamp_s: float, before_s: float) -> bool:
    """Return whether stamps of a track begin anew with one, going by that before it."""
    step_s = stamp_s - before_s
    return step_s < -BACK_S or step_s > WRAP_S / 2


class Course:
    """Turns the stamps of a track into times, through all pieces of its file.

    Args:
        joins: of the file.
        track: index of the stream.
        begin_s: when the film begins.
        zero_s: time of the stamp 0 in the first piece.
        length_s: declared duration; infinite where there is none.
    """

    def __init__(
        self, joins: Joins, track: int, begin_s: float, zero_s: float, length_s: float
    ) -> None:
        self._joins = joins
        self._track = track
        self._begin_s = begin_s
        self._zero_s = zero_s
        self._length_s = length_s
        self._number = 0
        self._shift_s = 0.0
        self._before_s: float | None = None

    def time_s(self, stamp_s: float, reached_s: float) -> float | None:
        """Return the time of a stamp; None where it is damaged and lies far in the future.

        Past the declared duration is not enough for that, which FFmpeg only estimates for some
        files (raw AAC), nor is a jump from what came before, since slide shows have long holes.

        Args:
            stamp_s: as it is in the file.
            reached_s: time that the track has come to.

        Raises:
            MediaError: the file cannot be read on.
        """
        if self._before_s is not None and jumps_back(stamp_s, self._before_s):
            piece = self._joins.piece(self._track, self._number, stamp_s, self._before_s)
            if piece is not None:
                self._number += 1
                self._shift_s = piece.shift_s
                self._begin_s = self._zero_s + piece.shift_s + piece.start_s
                self._before_s = stamp_s
        time_s = self._zero_s + self._shift_s + stamp_s
        if time_s > max(self._begin_s + self._length_s, reached_s) + SLACK_S:
            return None
        self._before_s = max(stamp_s, self._before_s or stamp_s)
        return time_s
