import dataclasses

import pytest

from mer_ros.face.errors import FaceError
from mer_ros.face.settings import FaceSettings


def test_every_field_is_described_and_its_default_in_range():
    for field in dataclasses.fields(FaceSettings):
        assert field.metadata['description']
        low, high = field.metadata['range']
        assert (
            field.metadata['choices']
            or isinstance(field.default, bool)
            or (low <= field.default <= high)
        )


@pytest.mark.parametrize(
    'change',
    [{'max_faces': 0}, {'min_score': 1.5}, {'lost_s': -1}, {'landmarks': 'yes'}, {'margin': 9}],
)
def test_values_out_of_range_are_refused_by_name(change):
    with pytest.raises(FaceError, match=next(iter(change))):
        FaceSettings(**change)
