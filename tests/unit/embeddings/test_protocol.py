"""Encodings and unit vectors."""

import numpy as np
import pytest

from rlsr.embeddings import Encoding
from rlsr.embeddings.protocol import unit_rows


def test_rows_get_unit_length_and_zeros_stay_zeros() -> None:
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]]))
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]]))
    assert rows.dtype == np.float32
    assert unit_rows(np.zeros((0, 3))).shape == (0, 3)


def test_a_row_that_is_not_a_number_is_never_a_direction() -> None:
    rows = unit_rows(np.array([[np.nan, 1.0], [1.0, 0.0]]))
    assert not np.isfinite(rows[0]).all() or not rows[0].any()
    assert rows[1].tolist() == [1.0, 0.0]


def test_an_infinite_row_is_no_direction_and_no_warning() -> None:
    rows = unit_rows(np.array([[np.inf, 1.0]]))
    assert not np.isfinite(rows[0]).all() or not rows[0].any()


@pytest.mark.parametrize(
    ("vectors", "flags"), [((2, 3), (3,)), ((2, 3), (2, 1)), ((3,), (3,))], ids=str
)
def test_an_encoding_has_one_vector_and_one_flag_a_text(
    vectors: tuple[int, ...], flags: tuple[int, ...]
) -> None:
    with pytest.raises(AssertionError):
        Encoding(np.zeros(vectors, dtype=np.float32), np.zeros(flags, dtype=np.bool_))
