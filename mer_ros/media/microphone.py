"""A microphone through PortAudio (sounddevice)."""

from __future__ import annotations

import importlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from mer_ros.media.block_conversion import BlockConverter
from mer_ros.media.sources import AudioBlock, AudioFormat, MediaError

_QUEUE_S = 5.0
_SILENT_S = 2.0
"""A device that delivers nothing for so long is lost: PortAudio does not always say so."""


class MicrophoneSource:
    """Sound of an input device, block by block.

    A device that does not offer the rate or the channels is opened as it can be, and its sound
    converted: the format is promised before the device is there.

    Blocks that nobody takes for five seconds are lost, oldest first, and counted.

    Args:
        device: PortAudio's index or (part of) a name; None is the default input.
        rate: Hz of the blocks.
        channels: of the blocks, 1 or more.
        block_s: length of a block.
        retry_s: when the microphone is missing or lost, try again after this; None raises.
        clock: seconds, stamps the blocks: time of their first sample at the converter.
        portaudio: module with the interface of sounddevice, which is imported by default.
    """

    live = True

    def __init__(
        self,
        device: int | str | None = None,
        *,
        rate: int = 16_000,
        channels: int = 1,
        block_s: float = 0.03,
        retry_s: float | None = 2.0,
        clock: Callable[[], float] = time.time,
        portaudio: Any = None,
    ) -> None:
        self.name = 'microphone' if device is None else f'microphone:{device}'
        self._device = device
        self._audio = AudioFormat(rate, channels)
        self._block_s = block_s
        self._converter = BlockConverter(self._audio)
        self._retry_s = retry_s
        self._clock = clock
        self._portaudio = portaudio
        self._problem = ''
        self._lost = 0
        self._closed = threading.Event()
        self._blocks: queue.Queue[AudioBlock] = queue.Queue(max(1, round(_QUEUE_S / block_s)))

    @property
    def frame_rate(self) -> float:
        """0: no pictures."""
        return 0.0

    @property
    def audio_format(self) -> AudioFormat | None:
        """Rate and channels of the blocks."""
        return self._audio

    @property
    def problem(self) -> str:
        """Why there is no sound at the moment; empty when there is."""
        return self._problem

    @property
    def lost(self) -> int:
        """Blocks lost because nobody took them, and overflows of the driver."""
        return self._lost

    def close(self) -> None:
        """Free the microphone and end the iteration."""
        self._closed.set()

    def __iter__(self) -> Iterator[AudioBlock]:
        """Give blocks until closed.

        Raises:
            MediaError: no PortAudio; or the microphone is missing or lost and ``retry_s`` is None.
        """
        portaudio = self._portaudio or _import_sounddevice()
        lost = False
        while not self._closed.is_set():
            try:
                if lost:
                    self._restart(portaudio)
                yield from self._listen(portaudio)
            except MediaError as error:
                lost = True
                self._problem = str(error)
                if self._retry_s is None:
                    raise
                self._closed.wait(self._retry_s)

    def _restart(self, portaudio: Any) -> None:
        """PortAudio lists devices when it starts, so only a restart finds a new one."""
        with suppress(portaudio.PortAudioError):  # says that the last restart has failed
            portaudio._terminate()
        try:
            portaudio._initialize()
        except portaudio.PortAudioError as error:
            raise MediaError(
                f'no {self.name}: PortAudio does not start: {error}; is the sound system running?'
            ) from error

    def _listen(self, portaudio: Any) -> Iterator[AudioBlock]:
        stream = self._open(portaudio)
        try:
            with stream:  # starts it, which may fail although it could be opened
                yield from self._take_out(stream)
        except portaudio.PortAudioError as error:
            stream.close()  # what did not start is not closed by its `with`
            raise MediaError(
                f'cannot listen to {self.name}: {error}; is it unplugged, or in use by another '
                'program?'
            ) from error

    def _open(self, portaudio: Any) -> Any:
        """Return a stream of the wanted format, or of the first that the device offers."""
        tried: list[AudioFormat] = []
        formats = [self._audio]
        while True:
            tried.append(formats.pop(0))
            try:
                return portaudio.InputStream(
                    samplerate=tried[-1].rate,
                    channels=tried[-1].channels,
                    dtype='int16',
                    blocksize=max(1, round(self._block_s * tried[-1].rate)),
                    device=self._device,
                    callback=partial(self._take, tried[-1].rate),
                )
            except (portaudio.PortAudioError, ValueError) as error:
                if len(tried) == 1:
                    formats = self._others(portaudio)
                if not formats:
                    words = ', '.join(f'{each.rate} Hz x {each.channels}' for each in tried)
                    raise MediaError(
                        f'cannot open {self.name} (tried {words}): {error}; plug one in, or choose '
                        'another of `python3 -m sounddevice`'
                    ) from error

    def _others(self, portaudio: Any) -> list[AudioFormat]:
        """Return the formats to try next: the device's own rate, then more channels."""
        try:
            device = portaudio.query_devices(self._device, 'input')
        except (portaudio.PortAudioError, ValueError):
            return []  # there is no such device: opening it has said so
        own = round(device['default_samplerate']) or self._audio.rate
        most = int(device['max_input_channels'])
        formats = [
            AudioFormat(rate, channels)
            for channels in (self._audio.channels, 2, most)
            for rate in (own, self._audio.rate)
            if 1 <= channels <= most
        ]
        return [each for each in dict.fromkeys(formats) if each != self._audio]

    def _take_out(self, stream: Any) -> Iterator[AudioBlock]:
        heard = time.monotonic()
        while not self._closed.is_set():
            try:
                block = self._blocks.get(timeout=0.1)
            except queue.Empty:
                if not stream.active or time.monotonic() - heard > _SILENT_S:
                    raise MediaError(f'{self.name} stopped; is it unplugged?') from None
                continue
            heard = time.monotonic()
            self._problem = ''
            converted = self._converter.convert(block)
            if len(converted.samples):
                yield converted
            heard = time.monotonic()

    def _take(self, rate: int, samples: Any, _frames: int, timing: Any, status: Any) -> None:
        """PortAudio's callback, on its own thread: only copies; the rate is the device's."""
        self._lost += bool(status.input_overflow)
        age_s = max(0.0, timing.currentTime - timing.inputBufferAdcTime)
        if not timing.inputBufferAdcTime or age_s > 1.0:  # some hosts leave the times at zero
            age_s = len(samples) / rate
        block = AudioBlock(self._clock() - age_s, np.array(samples, np.int16), rate)
        while True:
            try:
                self._blocks.put_nowait(block)
                return
            except queue.Full:
                self._lost += 1
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            self._blocks.get_nowait()
        except queue.Empty:
            return  # taken in the meantime: there is room now


def _import_sounddevice() -> Any:
    try:
        return importlib.import_module('sounddevice')
    except ImportError as error:
        raise MediaError(
            'no microphone without sounddevice; install it with `pip install sounddevice`'
        ) from error
    except OSError as error:
        raise MediaError(
            'no microphone without PortAudio; install it with `apt-get install libportaudio2`'
        ) from error
