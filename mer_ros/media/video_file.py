"""A media file, decoded with PyAV: pictures and sound at their true presentation times."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from mer_ros.media.audio_track import BlockCutter
from mer_ros.media.joins import Course, Joins, PacketTimes
from mer_ros.media.presentation import pixel_ratio, shown
from mer_ros.media.seam import Seam
from mer_ros.media.sources import AudioBlock, AudioFormat, MediaError, VideoFrame

DEFAULT_RATE = 16_000
ANY_WORDS: dict[str, Any] = (
    {'metadata_errors': 'replace'} if int(av.__version__.split('.')[0]) < 19 else {}
)
"""Titles in no known encoding are no reason to refuse a file; PyAV 19 asks no more."""


class VideoFileSource:
    """Pictures as bgr24 and sound as 16-bit blocks of a file, in the order of their times.

    Times count from the start of the file, the same for pictures and sound. Sound-only and
    silent files work. Packets that cannot be decoded are skipped and counted in ``lost``. Where
    stamps begin anew, in MPEG-TS pieces that were joined, they go on from the end of the piece
    before, and a line in the log says so.

    Args:
        path: anything FFmpeg reads.
        loop: start over at the end, with times that go on, and silence where sound is shorter.
        audio_rate: Hz of the blocks, mono; None keeps the file's rate and channels.
        block_s: length of a block.
        video: give pictures.
        audio: give sound.

    Raises:
        MediaError: the file is missing, is no media file, or has nothing of what is wanted.
    """

    live = False

    def __init__(
        self,
        path: Path | str,
        *,
        loop: bool = False,
        audio_rate: int | None = DEFAULT_RATE,
        block_s: float = 0.03,
        video: bool = True,
        audio: bool = True,
    ) -> None:
        self.name = str(path)
        self._path = Path(path)
        self._loop = loop
        self._block_s = block_s
        self._closed = threading.Event()
        self._lost = 0
        with self._open() as container:
            pictures = _pictures(container) if video else None
            sound = _sound(container) if audio else None
            if pictures is None and sound is None:
                wanted = ' or '.join(['pictures'] * video + ['sound'] * audio)
                raise MediaError(f'{self.name} has no {wanted}; give another file')
            self.duration_s = (container.duration or 0) / av.time_base
            self._origin_s = (container.start_time or 0) / av.time_base
            self._video = pictures is not None
            rate = (pictures.average_rate or pictures.guessed_rate) if pictures else None
            self._frame_rate = float(rate) if rate else (25.0 if pictures else 0.0)
            self._audio: AudioFormat | None = None
            if sound is not None:
                own = AudioFormat(sound.rate, sound.channels)
                self._audio = AudioFormat(audio_rate, 1) if audio_rate else own

    @property
    def frame_rate(self) -> float:
        """Mean pictures a second; 0 without pictures."""
        return self._frame_rate

    @property
    def audio_format(self) -> AudioFormat | None:
        """Format of the blocks; None without sound."""
        return self._audio

    @property
    def problem(self) -> str:
        """Empty: a file either works or raises."""
        return ''

    @property
    def lost(self) -> int:
        """Packets that could not be decoded."""
        return self._lost

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()

    def __iter__(self) -> Iterator[VideoFrame | AudioBlock]:
        """Give pictures and blocks in the order of their times.

        Raises:
            MediaError: nothing in the file can be decoded.
        """
        joins = Joins(self.name, self._packet_times())
        try:
            for item in self._laps(joins):
                if self._closed.is_set():
                    return
                yield item
        finally:
            joins.close()

    def _laps(self, joins: Joins) -> Iterator[VideoFrame | AudioBlock]:
        offset_s = 0.0
        seam = Seam(self._audio, self._block_s) if self._audio and self._loop else None
        while not self._closed.is_set():
            end_s = offset_s
            # A container each: one file position cannot serve two streams that are far apart.
            tracks: list[Iterator[VideoFrame | AudioBlock]] = []
            if self._video:
                tracks.append(self._frames(joins, offset_s))
            if self._audio:
                blocks = self._blocks(joins, offset_s, self._audio)
                tracks.append(seam.sound(blocks) if seam else blocks)
            for item in heapq.merge(*tracks, key=lambda item: item.stamp_s):
                end_s = max(end_s, item.stamp_s + self._length_s(item))
                if seam:
                    yield from seam.before(item)
                yield item
            if end_s == offset_s:
                raise MediaError(
                    f'nothing in {self.name} can be decoded; the file is damaged, copy it again'
                )
            offset_s = seam.lap_end_s(end_s) if seam else end_s
            if not self._loop:
                return

    def _length_s(self, item: VideoFrame | AudioBlock) -> float:
        if isinstance(item, AudioBlock):
            return len(item.samples) / item.rate
        return 1.0 / self._frame_rate

    def _open(self) -> av.container.InputContainer:
        if not self._path.is_file():
            raise MediaError(f'there is no file {self.name}')
        try:
            # The whole path: FFmpeg takes what stands before a colon for a protocol.
            container: av.container.InputContainer = av.open(str(self._path.resolve()), **ANY_WORDS)
        except (av.error.FFmpegError, ValueError) as error:
            reason = getattr(error, 'strerror', None) or error
            raise MediaError(
                f'cannot open {self.name}: {reason}; is it a whole video or sound file?'
            ) from error
        return container

    def _decoded(
        self, container: av.container.InputContainer, stream: av.stream.Stream
    ) -> Iterator[av.VideoFrame | av.AudioFrame]:
        """Give the frames of one stream; packets that fail are counted."""
        for packet in self._packets(container, stream):
            if packet is None:
                self._lost += 1
                continue
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self._lost += 1
                continue
            for frame in frames:
                if isinstance(frame, (av.VideoFrame, av.AudioFrame)):
                    yield frame

    def _packets(
        self, container: av.container.InputContainer, *streams: av.stream.Stream
    ) -> Iterator[Any]:
        """Give the packets (``av.Packet``) of some streams; None for one that cannot be read."""
        packets = container.demux(*streams)
        while True:
            try:
                packet = next(packets, None)
            except av.error.EOFError:
                return
            except (av.error.InvalidDataError, IndexError):  # of a stream that came up on the way
                yield None
                continue
            except av.error.FFmpegError as error:
                raise MediaError(f'cannot read on in {self.name}: {error}') from error
            if packet is None:
                return
            yield packet

    def _packet_times(self) -> Generator[PacketTimes, None, None]:
        """Give the times of all packets of both tracks, from a container of its own."""
        with self._open() as container:
            pictures = _pictures(container) if self._video else None
            sound = _sound(container) if self._audio else None
            streams = [stream for stream in (pictures, sound) if stream is not None]
            for packet in self._packets(container, *streams):
                if packet is None or packet.pts is None or packet.time_base is None:
                    continue
                base = float(packet.time_base)
                length_s = (packet.duration or 0) * base
                if not length_s and packet.stream is pictures:
                    length_s = 1.0 / self._frame_rate
                order = packet.pts if packet.dts is None else packet.dts
                start_s = packet.pts * base
                yield PacketTimes(packet.stream_index, order * base, start_s, start_s + length_s)

    def _course(self, joins: Joins, stream: av.stream.Stream, offset_s: float) -> Course:
        length_s = self.duration_s or float('inf')
        return Course(joins, stream.index, offset_s, offset_s - self._origin_s, length_s)

    def _frames(self, joins: Joins, offset_s: float) -> Iterator[VideoFrame]:
        last_s = offset_s - 1.0
        with self._open() as container:
            stream = _pictures(container)
            assert stream is not None
            stream.thread_type = 'AUTO'
            ratio = pixel_ratio(stream)
            course = self._course(joins, stream, offset_s)
            for frame in self._decoded(container, stream):
                assert isinstance(frame, av.VideoFrame)
                stamp_s: float | None = max(offset_s, last_s + 1.0 / self._frame_rate)
                if frame.time is not None:
                    stamp_s = course.time_s(frame.time, last_s)
                # Only in damaged files: decoders give frames in order.
                if stamp_s is None or stamp_s <= last_s:
                    self._lost += 1
                    continue
                last_s = stamp_s
                yield VideoFrame(stamp_s, shown(frame, ratio))

    def _blocks(self, joins: Joins, offset_s: float, audio: AudioFormat) -> Iterator[AudioBlock]:
        cutter = BlockCutter(audio, self._block_s)
        with self._open() as container:
            stream = _sound(container)
            assert stream is not None
            course = self._course(joins, stream, offset_s)
            for frame in self._decoded(container, stream):
                assert isinstance(frame, av.AudioFrame)
                stamp_s = None
                if frame.time is not None:
                    stamp_s = course.time_s(frame.time, cutter.next_s)
                    if stamp_s is None:
                        self._lost += 1
                        continue
                try:
                    yield from cutter.push(frame, stamp_s)
                except MediaError as error:
                    raise MediaError(f'{self.name}: {error}') from error
            yield from cutter.flush()


def _pictures(container: av.container.InputContainer) -> av.video.stream.VideoStream | None:
    """Return the first video stream that is no cover art."""
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def _sound(container: av.container.InputContainer) -> av.audio.stream.AudioStream | None:
    """Return the first audio stream that can be decoded."""
    for stream in container.streams.audio:
        if stream.codec_context is not None and stream.rate and stream.channels:
            return stream
    return None
