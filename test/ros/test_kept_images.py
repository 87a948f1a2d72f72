from __future__ import annotations

import pytest

from mer_ros.ros.kept_images import BYTES, LEAST, MOST, NEAR_NS, KeptImages

MS = 1_000_000
STEP_NS = 33 * MS
HD, UHD = 1920 * 1080 * 3, 3840 * 2160 * 3


def filmed(late_ns: int, size: int, seconds: float = 8.0) -> list[int]:
    """Return how much older than its result each image is; -1 where there was none.

    Results of every image come late; the first two seconds, in which that is learned, are left out.
    """
    kept, older = KeptImages(), []
    for index in range(round(seconds * 1e9 / STEP_NS)):
        newest_ns = index * STEP_NS
        kept.add(newest_ns, index, size)
        stamp_ns = (newest_ns - late_ns) // STEP_NS * STEP_NS
        if stamp_ns < 0:
            continue
        found = kept.find(stamp_ns)
        if newest_ns > late_ns + 2000 * MS:
            older.append(-1 if found is None else stamp_ns - found[0])
    return older


@pytest.mark.parametrize(
    ('late_ms', 'size'), [(50, 640 * 480 * 3), (500, 640 * 480 * 3), (300, HD), (90, UHD)]
)
def test_a_result_is_drawn_on_its_own_image_while_there_is_room(late_ms: int, size: int) -> None:
    assert set(filmed(late_ms * MS, size)) == {0}


@pytest.mark.parametrize(('late_ms', 'size'), [(800, HD), (400, UHD), (1100, 640 * 480 * 3)])
def test_a_result_that_comes_later_is_drawn_on_a_somewhat_older_image(
    late_ms: int, size: int
) -> None:
    older = filmed(late_ms * MS, size)
    assert min(older) >= 0
    assert max(older) <= NEAR_NS


def test_images_are_bounded_in_number_and_bytes() -> None:
    kept = KeptImages()
    for index in range(100):
        kept.add(index * STEP_NS, index, 1000)
        assert len(kept) <= MOST
    for index in range(100, 200):
        kept.add(index * STEP_NS, index, HD)
    assert BYTES // HD - 1 <= len(kept) <= BYTES // HD
    for index in range(200, 300):
        kept.add(index * STEP_NS, index, UHD)
        kept.add(index * STEP_NS, index, UHD)  # a stamp that is repeated
    assert len(kept) == LEAST
    kept.clear()
    kept.add(0, 0, HD)
    assert (len(kept), kept.newest_ns) == (1, 0)


def test_a_newer_image_is_never_taken_unless_its_stamp_is_a_guess() -> None:
    kept = KeptImages()
    assert kept.find(0) is None
    kept.add(1000 * MS, 'later', 10)
    assert kept.find(995 * MS) is None
    assert kept.find(995 * MS, guessed=True) == (1000 * MS, 'later')
    assert kept.find(1005 * MS) == (1000 * MS, 'later')
    assert kept.find(1000 * MS + NEAR_NS + 1) is None
    assert kept.find(1000 * MS + NEAR_NS + 1, guessed=True) is None
