"""Panels find free places."""

from hypothesis import given
from hypothesis import strategies as st

from mer_ros.render.layout import Box, place

AREA = Box(0, 0, 640, 460)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 600), st.integers(0, 420), st.integers(2, 300), st.integers(2, 300)
        ),
        max_size=12,
    )
)
def test_panels_never_overlap_and_stay_in_the_image(rois):
    anchors = [Box(x, y, min(w, 640 - x), min(h, 460 - y)) for x, y, w, h in rois]
    taken = []
    for anchor in anchors:
        others = [box for box in anchors if box is not anchor]
        free = place((200, 120), anchor, taken, others, AREA, 6)
        if free is not None:
            assert free.within(AREA)
            assert not any(free.overlap(other) for other in taken)
            taken.append(free)


def test_a_lone_face_gets_its_panel_beside_it_and_uncovered():
    anchor = Box(200, 150, 100, 120)
    free = place((200, 120), anchor, [], [], AREA, 6)
    assert free is not None
    assert free.overlap(anchor) == 0
    assert free.x == anchor.right + 6


def test_a_face_that_fills_the_image_still_gets_a_panel():
    free = place((200, 120), Box(0, 0, 640, 460), [], [], AREA, 6)
    assert free is not None


def test_another_face_is_not_covered():
    anchor, other = Box(100, 100, 80, 80), Box(190, 60, 300, 200)
    free = place((200, 120), anchor, [], [other], AREA, 6)
    assert free is not None
    assert free.overlap(other) * 20 <= 200 * 120


def test_no_place_is_left_when_the_area_is_too_small():
    assert place((700, 120), None, [], [], AREA, 6) is None
