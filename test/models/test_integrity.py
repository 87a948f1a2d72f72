import hashlib
import json
import os

import pytest

from mer_ros.models import integrity
from mer_ros.models.errors import ModelError


def test_digest_is_sha256(tmp_path):
    path = tmp_path / 'f'
    path.write_bytes(b'abc' * 1_000_000)
    assert integrity.digest(path) == hashlib.sha256(b'abc' * 1_000_000).hexdigest()


def test_a_changed_file_is_hashed_again_and_an_unchanged_one_is_not(tmp_path, private_cache):
    path = tmp_path / 'f'
    path.write_bytes(b'one')
    first = integrity.known_digest(path)
    record = json.loads((private_cache / 'verified.json').read_text())
    assert list(record.values()) == [first]

    # Same size and time: the record counts. This is what makes a gigabyte load fast.
    state = path.stat()
    path.write_bytes(b'two')
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    integrity._known.clear()
    assert integrity.known_digest(path) == first

    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert integrity.known_digest(path) == hashlib.sha256(b'two').hexdigest()


def test_damaged_record_is_rebuilt(tmp_path, private_cache):
    path = tmp_path / 'f'
    path.write_bytes(b'one')
    private_cache.mkdir(parents=True)
    for damage in ('{', '[]', ''):
        (private_cache / 'verified.json').write_text(damage)
        integrity._known.clear()
        assert integrity.known_digest(path) == hashlib.sha256(b'one').hexdigest()
        assert json.loads((private_cache / 'verified.json').read_text())
        assert [p.name for p in private_cache.iterdir()] == ['verified.json']


def test_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, private_cache):
    path = tmp_path / 'f'
    path.write_bytes(b'one')
    private_cache.parent.mkdir()
    private_cache.write_text('a file where the folder should be')
    assert integrity.known_digest(path) == hashlib.sha256(b'one').hexdigest()


def test_relative_xdg_folder_is_ignored(monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    assert integrity.cache_folder().is_absolute()


@pytest.fixture
def homeless(monkeypatch):
    """Be a user of a bare number: no HOME, and no entry in passwd."""

    def nobody(uid):
        raise KeyError(uid)

    for name in ('HOME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr('pwd.getpwuid', nobody)


def test_without_a_home_the_record_lives_as_long_as_the_process(tmp_path, homeless):
    assert integrity.home_folder() is None
    path = tmp_path / 'f'
    path.write_bytes(b'one')
    assert integrity.known_digest(path) == hashlib.sha256(b'one').hexdigest()
    with pytest.raises(ModelError, match='set HOME or XDG_CACHE_HOME'):
        integrity.cache_folder()


def test_unreadable_file_is_named(tmp_path):
    with pytest.raises(ModelError, match='cannot read'):
        integrity.known_digest(tmp_path / 'nothing')
