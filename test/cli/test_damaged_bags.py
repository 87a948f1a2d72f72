"""Bags that are damaged, cut off, empty or no bags at all are refused in one line, with a mend."""

import os
import random
import shutil
import sqlite3
import struct
from pathlib import Path

import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer

from mer_ros.cli.main import main
from mer_ros.ros.interfaces import Definitions

START_NS = 1_700_000_000 * 10**9


def write_bag(path, storage=StoragePlugin.SQLITE3, count=300, topic='/talk', compression=None):
    """Write strings of 400 bytes."""
    definitions = Definitions()
    definitions.add('std_msgs/msg/String')
    writer = Writer(path, version=8, storage_plugin=storage)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection(
            topic, 'std_msgs/msg/String', typestore=definitions.typestore
        )
        text = struct.pack('<II', 0x100, 400) + b'a' * 399 + b'\0'
        for index in range(count):
            writer.write(connection, START_NS + index * 1_000_000, text + os.urandom(40))
    return path


def replay(capsys, *words):
    """Return the status and the only line of a replay that is refused."""
    status = main(['replay', *map(str, words), '--wait', '0', '--rate', '100'])
    err = [line for line in capsys.readouterr().err.splitlines() if line.startswith('mer: ')]
    assert len(err) <= 1
    return status, err[0] if err else ''


def test_what_sqlite_had_not_finished_is_rolled_back_before_it_is_played(tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag')
    file = bag / 'bag.db3'
    # A cache of one page makes SQLite write into the file before anything is committed.
    connection = sqlite3.connect(file)
    connection.execute('PRAGMA cache_size = 1')
    connection.execute('UPDATE messages SET data = zeroblob(100000)')
    killed = tmp_path / 'killed.db3'
    shutil.copy(file, killed)
    shutil.copy(f'{file}-journal', f'{killed}-journal')
    connection.rollback()
    connection.close()
    assert killed.stat().st_size > 2 * file.stat().st_size
    status, err = replay(capsys, killed)
    assert (status, err) == (0, '')
    assert not Path(f'{killed}-journal').exists()
    with Reader(killed) as reader:
        assert {len(data) for _, _, data in reader.messages(reader.connections)} == {448}


@pytest.mark.parametrize('storage', list(StoragePlugin))
def test_a_compressed_bag_that_was_cut_off_is_told(tmp_path, capsys, storage):
    bag = write_bag(tmp_path / 'bag', storage, compression=CompressionMode.FILE)
    file = next(bag.glob('*.zstd'))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    status, err = replay(capsys, bag)
    assert status == 1
    assert f'{bag} cannot be read as a rosbag2 bag' in err
    assert 'copy or record it again' in err


@pytest.mark.parametrize('storage', list(StoragePlugin))
@pytest.mark.parametrize('seed', range(12))
def test_a_damaged_bag_is_told_in_one_line_however_it_is_damaged(tmp_path, capsys, storage, seed):
    bag = write_bag(tmp_path / 'bag', storage)
    file = next(each for each in bag.iterdir() if each.suffix in ('.mcap', '.db3'))
    chance = random.Random(seed)
    data = bytearray(file.read_bytes())
    for _ in range(400):
        data[chance.randrange(len(data))] = chance.randrange(256)
    file.write_bytes(data)
    status, err = replay(capsys, file if seed % 2 else bag)
    assert status == 0 or str(tmp_path) in err
    assert 'not foreseen' not in err


def test_a_bag_that_breaks_while_it_plays_says_what_saves_the_rest(tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag')
    with sqlite3.connect(bag / 'bag.db3') as connection:
        connection.execute("UPDATE messages SET data = 'text' WHERE id = 200")
    connection.close()
    status, err = replay(capsys, bag)
    assert status == 1
    assert f'the bag {bag} is damaged' in err
    assert f'`sqlite3 {bag}/bag.db3 .recover | sqlite3 whole.db3`' in err


@pytest.mark.parametrize('storage', list(StoragePlugin))
@pytest.mark.parametrize('words', [(), ('--loop', '--clock')])
def test_a_bag_without_messages_is_refused(tmp_path, capsys, storage, words):
    status, err = replay(capsys, write_bag(tmp_path / 'bag', storage, count=0), *words)
    assert status == 1
    assert f'{tmp_path}/bag has no messages to play on /talk; record it again' in err


def test_a_bag_of_results_only_says_how_to_play_them(tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag', topic='/emotion/words')
    status, err = replay(capsys, bag)
    assert status == 1
    assert 'has nothing to play; it holds /emotion/words; --all plays recorded results' in err
    assert replay(capsys, bag, '--all') == (0, '')
    status, err = replay(capsys, bag, '--topics', 'image_raw')
    assert status == 1
    assert '--all' not in err


def test_a_long_wait_for_the_first_message_is_told(tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag', count=3)
    metadata = bag / 'metadata.yaml'
    text = metadata.read_text()
    assert str(START_NS) in text
    metadata.write_text(text.replace(str(START_NS), str(START_NS - 300 * 10**9)))
    assert main(['replay', str(bag), '--wait', '0', '--rate', '100']) == 0
    assert 'the first message comes 3 s from now' in capsys.readouterr().err
    assert main(['replay', str(bag), '--wait', '0', '--rate', '1000']) == 0
    assert 'comes' not in capsys.readouterr().err


def test_what_is_no_bag_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / 'file.mcap').write_bytes(b'not a bag')
    (tmp_path / 'folder').mkdir()
    for name in ('file.mcap', 'folder'):
        assert main(['replay', str(tmp_path / name)]) == 1
        err = capsys.readouterr().err
        assert err.count('\n') == 1
        assert 'cannot be read as a rosbag2 bag' in err


def test_a_file_of_another_kind_is_told_what_to_give(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('notes.txt').write_text('no bag')
    assert main(['replay', 'notes.txt']) == 1
    err = capsys.readouterr().err
    assert f'{tmp_path}/notes.txt' in err
    assert 'give the folder with metadata.yaml' in err
