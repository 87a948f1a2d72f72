"""Writing a rosbag2 bag so that a killed process or a full disk costs its last second only.

The writers of rosbags finish a file when they are closed: until then SQLite has one transaction
open, and MCAP up to 1 MiB in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.errors import WriterError
from rosbags.typesys.store import Typestore

from mer_ros.ros.bag_files import words
from mer_ros.ros.errors import NodeError

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
SUFFIXES = {'mcap': '.mcap', 'sqlite3': '.db3'}

BAG_VERSION: Literal[8] = 8
"""The last version whose QoS entries the `ros2 bag` of Humble reads too."""

INSIDE = {
    'mcap': (
        *('path', 'bio', 'chunk', 'chunks', 'close_chunk', 'channel_stats'),
        *('message_start_time', 'message_end_time'),
    ),
    'sqlite3': ('conn',),
}
"""What is used of rosbags' storages beyond what it documents; other versions may lack it."""

NO_TIME_NS = 2**63 - 1
"""How rosbags writes the first stamp of a bag without messages."""


@dataclass(frozen=True)
class _Saved:
    """What is on disk.

    Attributes:
        counts: messages, by the id of their connection.
        first_ns: their first stamp.
        last_ns: their last stamp.
        size: bytes of the file (MCAP).
        chunks: how many it has (MCAP).
    """

    counts: dict[int, int] = field(default_factory=dict)
    first_ns: int = NO_TIME_NS
    last_ns: int = 0
    size: int = 0
    chunks: int = 0


class BagWriter:
    """A bag that is saved when asked, and closed over what was saved when a write fails."""

    def __init__(self, path: Path, storage: str) -> None:
        """Make the bag.

        Args:
            path: a folder that is made; it must not be there.
            storage: ``mcap`` or ``sqlite3``.

        Raises:
            NodeError: the bag can't be made.
        """
        self._kind = storage
        self._file = path / f'{path.name}{SUFFIXES[storage]}'
        self._failure: Exception | None = None
        self._saved = _Saved()
        try:
            self._writer = Writer(path, version=BAG_VERSION, storage_plugin=STORAGES[storage])
            self._writer.open()
        except Exception as error:  # each storage has its own errors
            raise NodeError(
                f'cannot make the bag {path}: {words(error)}; choose a new folder on a disk that '
                'has room and that this user may write to'
            ) from error
        self.can_save = all(hasattr(self._writer.storage, name) for name in INSIDE[storage])
        """Whether this version of rosbags can write before it is closed."""
        self.save()

    @property
    def failed(self) -> bool:
        """Whether a write has failed; then nothing more is written."""
        return self._failure is not None

    def add(
        self, topic: str, type_name: str, typestore: Typestore, offered: Sequence[Qos]
    ) -> Connection | None:
        """Add a topic; return None when the disk refuses it.

        Raises:
            WriterError: the bag can't hold such a topic.
        """
        try:
            connection = self._writer.add_connection(
                topic, type_name, typestore=typestore, offered_qos_profiles=offered
            )
        except WriterError:
            raise
        except Exception as error:  # noqa: BLE001 - each storage has its own; told by close
            self._failure = error
            return None
        # At once: a transaction that fails later must not take the topic along.
        self.save()
        return None if self.failed else connection

    def write(self, connection: Connection, stamp_ns: int, data: bytes) -> bool:
        """Write one message; return whether that went well."""
        if self.failed:
            return False
        try:
            self._writer.write(connection, stamp_ns, data)
        except Exception as error:  # noqa: BLE001 - each storage has its own; told by close
            self._failure = error
        return not self.failed

    def save(self) -> None:
        """Hand what was written so far to the operating system (SQLite: to the disk itself)."""
        if not self.can_save or self.failed:
            return
        storage: Any = self._writer.storage
        try:
            if self._kind == 'sqlite3':
                storage.conn.commit()
                size = chunks = 0
            else:
                if storage.chunk.msgs:
                    storage.close_chunk()
                storage.bio.flush()
                size, chunks = storage.bio.tell(), len(storage.chunks)
        except Exception as error:  # noqa: BLE001 - each storage has its own; told by close
            self._failure = error
            return
        writer = self._writer
        self._saved = _Saved(
            dict(writer.counts), writer.min_timestamp, writer.max_timestamp, size, chunks
        )

    def close(self) -> None:
        """Write the closing metadata.

        Raises:
            NodeError: that or an earlier write has failed; the message says how much is kept.
        """
        if self._failure is None:
            try:
                self._writer.close()
            except Exception as error:  # noqa: BLE001 - each storage has its own; told below
                self._failure = error
            else:
                return
        why = f'cannot write to the bag {self._writer.path}: {words(self._failure)}'
        raise NodeError(
            f'{why}; {self._keep()}; make room or choose another disk, and record again'
        ) from self._failure

    def discard(self) -> None:
        """Remove a bag that has been closed, and its folder unless something else is in it.

        Raises:
            NodeError: the disk refuses it.
        """
        folder = self._file.parent
        try:
            for path in (self._file, folder / 'metadata.yaml'):
                path.unlink(missing_ok=True)
            folder.rmdir()
        except OSError as error:
            raise NodeError(
                f'cannot remove the empty bag {folder}: {words(error)}; remove it yourself'
            ) from error

    def _keep(self) -> str:
        """Close the bag over what was saved; return how much that is and how to get at it."""
        whole, closed = False, True
        kept = sum(self._writer.counts.values())
        if self._writer.storage is not None:  # else only metadata.yaml is missing
            kept = sum(self._saved.counts.values())
            with suppress(Exception):  # the disk may have no room for the end of the file either
                self._back_to_saved()
                self._writer.close()
                whole = True
            closed = self._writer.storage is None
            with suppress(Exception):  # it only lets go of the file; older rosbags lacks it
                self._writer.abort()
        if self.can_save and not kept:
            with suppress(NodeError):  # it would be in the way of the next; why is told already
                self.discard()
            return 'nothing is kept'
        amount = f'{kept} messages are kept' if self.can_save else 'what came before may be kept'
        if whole:
            return f'{amount} in a bag that can be replayed'
        if closed or self._kind == 'sqlite3':
            way = f'`mer replay {self._file}` plays them'
        else:
            way = f'`mcap recover {self._file} -o whole.mcap` saves them (mcap is from mcap.dev)'
        return f'{amount}: {way}'

    def _back_to_saved(self) -> None:
        """Forget what came after the last save, in the file and in the writer's memory of it."""
        if not self.can_save:
            return
        saved, writer = self._saved, self._writer
        storage: Any = writer.storage
        writer.counts = {each.id: saved.counts.get(each.id, 0) for each in writer.connections}
        writer.min_timestamp, writer.max_timestamp = saved.first_ns, saved.last_ns
        if self._kind == 'sqlite3':
            storage.conn.rollback()
            return
        with suppress(OSError):  # it holds the end of what could not be written
            storage.bio.close()
        # Cut where the last whole chunk ends: that also makes room for the end of the file.
        storage.bio = storage.path.open('r+b')
        storage.bio.truncate(saved.size)
        storage.bio.seek(saved.size)
        del storage.chunks[saved.chunks :]
        storage.chunk = type(storage.chunk)(NO_TIME_NS, 0, BytesIO(), defaultdict(list))
        storage.channel_stats = dict(writer.counts)
        storage.message_start_time, storage.message_end_time = saved.first_ns, saved.last_ns
