"""A bag whose disk gives out keeps what was saved, and says how to get at it."""

import resource
from contextlib import contextmanager

import pytest
from rosbags.rosbag2 import Reader

from mer_ros.ros import bag_writer
from mer_ros.ros.bag_writer import BagWriter
from mer_ros.ros.errors import NodeError
from mer_ros.ros.interfaces import Definitions

TYPE = 'std_msgs/msg/String'
START_NS = 1_700_000_000 * 10**9


@contextmanager
def files_limited_to(size):
    """Let no file of this process grow beyond a size in bytes: a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def begin(path, storage):
    definitions = Definitions()
    definitions.add(TYPE)
    bag = BagWriter(path, storage)
    return bag, bag.add('/talk', TYPE, definitions.typestore, [])


def write(bag, connection, count, size=10_000, first=0):
    return sum(
        bag.write(connection, START_NS + (first + index) * 10**6, bytes(size))
        for index in range(count)
    )


def size_of(bag):
    return max(each.stat().st_size for each in bag.iterdir())


storages = pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])


@storages
def test_a_write_that_fails_costs_what_came_after_the_last_save(tmp_path, storage):
    bag, connection = begin(tmp_path / 'bag', storage)
    assert write(bag, connection, 100) == 100
    bag.save()
    saved = size_of(tmp_path / 'bag')
    with files_limited_to(saved + 3_000_000):
        assert 0 < write(bag, connection, 1_000, first=100) < 1_000
        assert bag.failed
        assert write(bag, connection, 5) == 0
        bag.save()
        with pytest.raises(NodeError, match=r'100 messages are kept in a bag that can be replayed'):
            bag.close()
    with Reader(tmp_path / 'bag') as reader:
        stamps = [stamp for _, stamp, _ in reader.messages(reader.connections)]
        assert stamps == [START_NS + index * 10**6 for index in range(100)]
        assert (reader.message_count, reader.duration) == (100, 99 * 10**6 + 1)
        assert [each.msgcount for each in reader.connections] == [100]
    with Reader(next((tmp_path / 'bag').glob('bag.*'))) as reader:
        assert reader.message_count == 100


@storages
def test_a_save_that_fails_is_a_failure_too(tmp_path, storage):
    bag, connection = begin(tmp_path / 'bag', storage)
    with files_limited_to(size_of(tmp_path / 'bag') + 20_000):
        assert write(bag, connection, 50) == 50  # still in memory
        bag.save()
        assert bag.failed
        with pytest.raises(NodeError, match=r'nothing is kept; make room or choose another disk'):
            bag.close()
    assert not (tmp_path / 'bag').exists()  # record again, under the same name


@storages
def test_an_empty_bag_is_discarded_but_not_what_else_is_in_its_folder(tmp_path, storage):
    bag, _ = begin(tmp_path / 'bag', storage)
    bag.close()
    bag.discard()
    assert not (tmp_path / 'bag').exists()
    bag, _ = begin(tmp_path / 'bag', storage)
    bag.close()
    (tmp_path / 'bag' / 'notes.txt').write_text('mine')
    with pytest.raises(NodeError, match=r'cannot remove the empty bag .*bag: .*remove it yourself'):
        bag.discard()
    assert [each.name for each in (tmp_path / 'bag').iterdir()] == ['notes.txt']


def test_without_room_for_its_end_an_mcap_file_can_be_recovered(tmp_path):
    bag, connection = begin(tmp_path / 'bag', 'mcap')
    write(bag, connection, 100)
    bag.save()
    with files_limited_to(size_of(tmp_path / 'bag')), pytest.raises(NodeError) as told:
        bag.close()
    assert '100 messages are kept: `mcap recover ' in str(told.value)
    assert f'{tmp_path}/bag/bag.mcap -o whole.mcap`' in str(told.value)


def test_without_room_for_metadata_the_file_can_be_replayed(tmp_path):
    for storage, name in (('mcap', 'bag.mcap'), ('sqlite3', 'bag.db3')):
        path = tmp_path / storage / 'bag'
        bag, connection = begin(path, storage)
        write(bag, connection, 100)
        (path / 'metadata.yaml').mkdir()  # takes the place of the file
        with pytest.raises(NodeError, match=f'100 messages are kept: `mer replay {path}/{name}`'):
            bag.close()
        with Reader(path / name) as reader:
            assert reader.message_count == 100


@storages
def test_another_version_of_rosbags_still_writes_bags(tmp_path, storage, monkeypatch):
    monkeypatch.setitem(bag_writer.INSIDE, storage, ('no_such_thing',))
    bag, connection = begin(tmp_path / 'bag', storage)
    assert not bag.can_save
    write(bag, connection, 100)
    bag.save()
    bag.close()
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count == 100
    bag, connection = begin(tmp_path / 'other', storage)
    with files_limited_to(500_000):
        assert write(bag, connection, 1_000) < 1_000
        with pytest.raises(NodeError, match='cannot write to the bag'):
            bag.close()


@storages
def test_a_folder_that_cannot_be_made_is_told(tmp_path, storage):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(NodeError, match=r'cannot make the bag .*; choose a new folder on a disk'):
        BagWriter(tmp_path / 'file' / 'bag', storage)
