import errno
import fcntl
import hashlib
import http.client
import ssl
import time
import urllib.request
from email.message import Message
from functools import partial

import pytest

from mer_ros.models import download, transfer
from mer_ros.models.errors import ModelError


@pytest.fixture
def fetch(server, tmp_path):
    """Fetch the server's file with its right size and hash unless told otherwise."""

    def run(**changes):
        options = {
            'size': len(server.content),
            'sha256': hashlib.sha256(server.content).hexdigest(),
            'timeout': 0.5,
            **changes,
        }
        urls = options.pop('urls', (server.url,))
        return download.fetch(urls, tmp_path / 'm' / 'model.onnx', **options)

    run.target = tmp_path / 'm' / 'model.onnx'
    return run


def _left(fetch):
    folder = fetch.target.parent
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_whole_file_arrives_and_nothing_else_is_left(server, fetch):
    seen = []
    assert fetch(progress=lambda *at: seen.append(at)) == (
        hashlib.sha256(server.content).hexdigest()
    )
    assert fetch.target.read_bytes() == server.content
    assert _left(fetch) == ['model.onnx']
    assert seen[-1] == ('model.onnx', 300_000, 300_000)
    assert [at[1] for at in seen] == sorted(at[1] for at in seen)


@pytest.mark.parametrize('trick', ['drop', 'stall', 'drip'])
def test_a_transfer_that_breaks_off_is_resumed_where_it_broke(server, fetch, trick):
    server.tricks = [trick]
    fetch()
    assert fetch.target.read_bytes() == server.content
    assert int(server.requests[1]['Range'].removeprefix('bytes=').rstrip('-')) >= 150_000


@pytest.mark.parametrize(
    'fault', [ssl.SSLError('bad record mac'), OSError(errno.EHOSTUNREACH, 'No route to host')]
)
@pytest.mark.parametrize('stage', ['read1', 'begin'])
def test_an_error_of_the_network_is_a_broken_connection_and_not_the_disk(
    server, fetch, monkeypatch, fault, stage
):
    """Of the real response, the third call fails: of its body, or of its head."""
    real, calls = getattr(http.client.HTTPResponse, stage), []

    def failing(response, *arguments):
        calls.append(response)
        if len(calls) == (3 if stage == 'read1' else 1):
            raise fault
        return real(response, *arguments)

    monkeypatch.setattr(http.client.HTTPResponse, stage, failing)
    fetch()
    assert fetch.target.read_bytes() == server.content
    assert ('Range' in server.requests[-1]) == (stage == 'read1')
    monkeypatch.setattr(http.client.HTTPResponse, stage, lambda *_: _raise(fault))
    fetch.target.unlink()
    with pytest.raises(ModelError, match=r'connection failed: .*: pull again, or put') as caught:
        fetch()
    assert 'is kept' not in str(caught.value)


def _raise(fault):
    raise fault


def test_a_full_disk_is_told_as_such(fetch):
    fetch.target.parent.mkdir()
    (fetch.target.parent / 'model.onnx.part').symlink_to('/dev/full')
    with pytest.raises(ModelError, match='No space left on device; free the disk'):
        fetch()


def test_many_drops_still_arrive(server, fetch):
    server.tricks = ['drop'] * 4
    fetch()
    assert fetch.target.read_bytes() == server.content


def test_a_server_that_keeps_dropping_leaves_a_part_that_the_next_pull_goes_on_from(server, fetch):
    server.tricks = ['drop'] * 5
    with pytest.raises(ModelError, match='pull again to go on'):
        fetch()
    assert not fetch.target.exists()
    kept = (fetch.target.parent / 'model.onnx.part').stat().st_size
    assert kept > 280_000
    fetch()
    assert fetch.target.read_bytes() == server.content
    assert server.requests[-1]['Range'] == f'bytes={kept}-'


def test_a_server_that_ignores_ranges_is_read_from_the_start(server, fetch):
    server.tricks = ['drop', 'ignore range']
    fetch()
    assert fetch.target.read_bytes() == server.content


def test_an_answer_with_another_range_is_refused(server, fetch):
    server.tricks = ['drop', 'wrong range']
    with pytest.raises(ModelError, match='with the range'):
        fetch()
    assert not fetch.target.exists()


@pytest.mark.parametrize('trick', ['lie', 'html'])
def test_a_file_with_another_hash_is_never_kept(server, fetch, trick):
    server.tricks = [trick]
    with pytest.raises(ModelError, match='sent another file'):
        fetch()
    assert _left(fetch) == []


def test_pieces_of_two_files_are_thrown_away_and_fetched_once_more(server, fetch):
    fetch.target.parent.mkdir()
    (fetch.target.parent / 'model.onnx.part').write_bytes(b'of last year' * 1000)
    fetch()
    assert fetch.target.read_bytes() == server.content


def test_a_part_longer_than_the_file_is_thrown_away(server, fetch):
    fetch.target.parent.mkdir()
    (fetch.target.parent / 'model.onnx.part').write_bytes(bytes(400_000))
    fetch()
    assert fetch.target.read_bytes() == server.content


def test_a_complete_part_is_only_checked_and_moved(server, fetch):
    fetch.target.parent.mkdir()
    (fetch.target.parent / 'model.onnx.part').write_bytes(server.content)
    fetch()
    assert server.requests == []
    assert _left(fetch) == ['model.onnx']


def test_a_file_of_another_size_is_refused_before_it_is_read(server, fetch):
    seen = []
    with pytest.raises(ModelError, match='offers 300000 bytes, not 1000'):
        fetch(size=1000, progress=lambda *at: seen.append(at))
    assert seen == []


def test_an_endless_answer_is_cut_off_at_the_known_size(server, fetch):
    server.tricks = ['no length']
    server.content += bytes(2_000_000)
    with pytest.raises(ModelError, match='sent more than the 300000 bytes'):
        fetch(size=300_000)
    assert not fetch.target.exists()


def test_a_body_shorter_than_it_says_is_not_whole(server, fetch):
    server.tricks = ['longer']
    digest = fetch(size=0)
    assert digest == hashlib.sha256(server.content).hexdigest()
    assert fetch.target.read_bytes() == server.content


def test_the_next_address_is_tried(server, fetch):
    server.tricks = ['404']
    fetch(urls=(server.url, server.url))
    assert fetch.target.read_bytes() == server.content


def test_a_busy_server_is_asked_again(server, fetch):
    server.tricks = ['503', '429']
    fetch()
    assert len(server.requests) == 3


def test_every_address_and_its_fault_is_named(server, fetch):
    server.tricks = ['404']
    with pytest.raises(ModelError, match='HTTP 404') as caught:
        fetch(urls=(server.url, 'nonsense'))
    assert 'nonsense: not an address' in str(caught.value)


def test_a_reason_is_told_once_and_nothing_is_left_of_a_pull_that_brought_nothing(fetch):
    folder = fetch.target.parent
    nobody = 'http://127.0.0.1:9/model.onnx'
    with pytest.raises(ModelError) as caught:
        fetch(urls=(nobody, nobody, 'http://localhost:9/model.onnx'))
    told = str(caught.value)
    assert told == (
        'could not get model.onnx (127.0.0.1:9, localhost:9: the connection failed: Connection '
        f'refused): pull again, or put the file into {folder} or the folder that MER_MODEL_DIR '
        'names'
    )
    assert not folder.exists()
    folder.mkdir()
    (folder / 'other.onnx').write_bytes(b'')
    with pytest.raises(ModelError):
        fetch(urls=(nobody,))
    assert _left(fetch) == ['other.onnx']


def test_nobody_there_ends_within_the_timeouts(fetch):
    started = time.monotonic()
    with pytest.raises(ModelError, match='connection failed'):
        fetch(urls=('http://127.0.0.1:9/model.onnx',))
    assert time.monotonic() - started < 5


def test_without_a_known_hash_a_changed_file_is_not_joined_to_the_old_part(server, fetch):
    server.tricks = ['drop'] * 5
    with pytest.raises(ModelError):
        fetch(size=0, sha256='')
    server.content, server.etag = server.content[::-1], '"second"'
    fetch(size=0, sha256='')
    assert fetch.target.read_bytes() == server.content
    assert 'If-Range' in server.requests[-1]
    assert _left(fetch) == ['model.onnx']


def test_without_hash_or_etag_nothing_is_resumed(server, fetch):
    server.etag = ''
    server.tricks = ['drop']
    fetch(size=0, sha256='')
    assert 'Range' not in server.requests[1]
    assert fetch.target.read_bytes() == server.content


def test_the_hash_that_the_server_declares_counts_when_none_is_known(server, fetch):
    server.tricks = ['declare', 'lie']
    with pytest.raises(ModelError, match='sent another file'):
        fetch(sha256='')
    server.tricks = ['declare']
    fetch(sha256='')
    assert fetch.target.read_bytes() == server.content


@pytest.mark.parametrize(
    ('trick', 'words'), [('page', 'sent a page'), ('packed', 'packed'), ('empty', 'an empty file')]
)
def test_what_is_no_file_is_refused_also_where_no_hash_is_known(server, fetch, trick, words):
    server.tricks = [trick]
    with pytest.raises(ModelError, match=words):
        fetch(size=0, sha256='')
    assert not fetch.target.exists()
    fetch(size=0, sha256='')
    assert fetch.target.read_bytes() == server.content


@pytest.mark.parametrize(
    ('first', 'then', 'followed'),
    [
        ('https://a.example/m', 'https://b.example/m', True),
        ('http://a.example/m', 'http://b.example/m', True),
        ('https://a.example/m', 'http://b.example/m', False),
    ],
)
def test_an_encrypted_address_is_not_left_for_one_that_is_not(first, then, followed):
    request = urllib.request.Request(first)
    redirects = transfer._Redirects()
    follow = partial(redirects.redirect_request, request, None, 302, '', Message(), then)
    if followed:
        assert follow().full_url == then
    else:
        with pytest.raises(transfer.RefusedError, match='not encrypted'):
            follow()


def test_two_pulls_at_once_do_not_write_into_each_other(fetch):
    fetch.target.parent.mkdir()
    with (fetch.target.parent / 'model.onnx.part.lock').open('w') as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match='pulled by another process'):
            fetch()


def test_a_folder_that_cannot_be_written_is_named(fetch):
    fetch.target.parent.write_text('a file where the folder should be')
    with pytest.raises(ModelError, match='set MER_MODEL_DIR to another folder'):
        fetch()
