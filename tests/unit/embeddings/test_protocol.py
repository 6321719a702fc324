"""Encodings and unit vectors."""

import numpy as np
import pytest

from rlsr.embeddings import Encoding
from rlsr.embeddings.protocol import unit_rows, vectors_or_nan


def test_rows_get_unit_length_and_zeros_stay_zeros() -> None:
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]]))
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]]))
    assert rows.dtype == np.float32
    assert unit_rows(np.zeros((0, 3))).shape == (0, 3)


def test_a_row_that_is_not_a_number_is_never_a_direction() -> None:
    rows = unit_rows(np.array([[np.nan, 1.0], [1.0, 0.0]]))
    assert np.isnan(rows[0]).all(), "zeros would say that there was nothing to encode"
    assert rows[1].tolist() == [1.0, 0.0]


def test_an_infinite_row_is_no_direction_and_no_warning() -> None:
    for row in ([np.inf, 1.0], [-np.inf, np.nan], [3e38, 3e38]):
        assert np.isnan(unit_rows(np.array([row]))).all()


def test_numbers_of_another_shape_are_nan_and_said(caplog: pytest.LogCaptureFixture) -> None:
    right = np.ones((2, 3), dtype=np.float32)
    assert vectors_or_nan(right, (2, 3)) is right
    assert not caplog.records
    for wrong in (np.ones((2, 4)), np.ones((1, 3)), np.ones(3), 7.0):
        found = vectors_or_nan(wrong, (2, 3))
        assert found.shape == (2, 3)
        assert np.isnan(found).all()
    assert "of the shape (2, 4) where (2, 3) was asked for" in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("vectors", "flags"), [((2, 3), (3,)), ((2, 3), (2, 1)), ((3,), (3,))], ids=str
)
def test_an_encoding_has_one_vector_and_one_flag_a_text(
    vectors: tuple[int, ...], flags: tuple[int, ...]
) -> None:
    with pytest.raises(AssertionError):
        Encoding(np.zeros(vectors, dtype=np.float32), np.zeros(flags, dtype=np.bool_))
