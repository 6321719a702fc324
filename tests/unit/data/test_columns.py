"""Further columns: what travels with a record, in which form, and what is told of it."""

import json
import logging
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from rlsr.config.data import ColumnNames, DataConfig
from rlsr.data import Dataset, load_dataset
from rlsr.data.columns import further_columns
from rlsr.data.dataset import ColumnFacts
from rlsr.data.layouts import LAYOUT_COLUMNS, LayoutName, ResolvedLayout, resolve_layout


def layout(name: LayoutName = "prompt_response") -> ResolvedLayout:
    return resolve_layout([], layout=name, columns=ColumnNames(), source="f")


def plain(value: object) -> object:
    columns, left_out = further_columns({"x": value}, layout())
    assert left_out == ()
    return columns["x"]


def load(path: Path, rows: list[dict[str, object]], **settings: object) -> Dataset:
    file = path / "my.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = {"path": str(file), "heldout": 0, **settings}
    return load_dataset(DataConfig.model_validate(config))


@pytest.mark.parametrize(
    "value",
    ["", "t\n", 0, -7, 10**30, 2.5, True, None, [], [1, ["a", None]], {"a": {"b": [False]}}],
)
def test_values_of_json_stay_as_they_are(value: object) -> None:
    found = plain(value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 11, 28), "2026-11-28"),
        (datetime(2026, 11, 28, 7, 5, tzinfo=UTC), "2026-11-28T07:05:00+00:00"),
        (time(7, 5), "07:05:00"),
        (timedelta(minutes=1.5), 90.0),
        (Decimal("1.25"), 1.25),
        (float("nan"), None),
        ((1, {"a": date(2026, 1, 2)}), [1, {"a": "2026-01-02"}]),
    ],
)
def test_other_values_get_a_plain_form(value: object, expected: object) -> None:
    assert plain(value) == expected


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [b"bytes", object(), float("inf"), Decimal("-Infinity"), Decimal("sNaN"), {1: 2}, {1, 2}, "\ud800",
     {"\ud800": 1}, [1, b"x"], nested(100_000)],
)  # fmt: skip
def test_what_json_cannot_hold_is_left_out(value: object) -> None:
    columns, left_out = further_columns({"x": value, "y": 1}, layout())
    assert (columns, left_out) == ({"y": 1}, ("x",))


@pytest.mark.parametrize("name", LAYOUT_COLUMNS)
def test_columns_that_any_layout_knows_are_none_of_them(name: LayoutName) -> None:
    known = ["id", "category", "split", "system", "rejected", "history", "input"]
    fields = dict.fromkeys([*known, *(name for names in LAYOUT_COLUMNS.values() for name in names)])
    assert further_columns({**fields, "level": 3}, layout(name)) == ({"level": 3}, ())


def test_renamed_columns_are_none_of_them() -> None:
    names = {"prompt": "q", "response": "best", "system": "rules", "rejected": "worst"}
    fields = dict.fromkeys([*names.values(), "level"])
    columns = ColumnNames(**names)
    found = resolve_layout([], layout="prompt_completion", columns=columns, source="f")
    assert further_columns(fields, found) == ({"level": None}, ())


def test_the_report_lists_them_with_types_and_counts(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"prompt": "a", "response": "A", "level": 3, "tests": ["x"], "empty": None},
        {"prompt": "b", "response": "B", "level": 2.5, "source": {"url": "u"}},
        {"prompt": "c", "response": "C", "level": "hard", "checked": True, "tests": None},
    ]
    found = load(tmp_path, rows)
    assert [record.columns for record in found.train] == [
        {name: value for name, value in row.items() if name not in ("prompt", "response")}
        for row in rows
    ]
    assert found.report.columns == (
        ColumnFacts("level", ("number", "text"), 3),
        ColumnFacts("tests", ("list",), 1),
        ColumnFacts("empty", (), 0),
        ColumnFacts("source", ("object",), 1),
        ColumnFacts("checked", ("truth value",), 1),
    )


def test_what_is_left_out_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "my.jsonl").write_text(
        '{"prompt": "a", "response": "A", "score": 1e999}\n'
        '{"prompt": "b", "response": "B", "score": 1, "\\ud800": 2}\n',
        encoding="utf-8",
    )
    with caplog.at_level(logging.WARNING):
        found = load_dataset(DataConfig(path=str(tmp_path / "my.jsonl"), heldout=0))
    assert [record.columns for record in found.train] == [{}, {"score": 1}]
    assert caplog.messages == [
        f"{tmp_path}/my.jsonl: further columns are left out where JSON cannot hold their values: `score` in 1 rows, "
        "`\\ud800` in 1 rows; store them as text to use them"
    ]


def test_dates_and_bytes_of_a_table(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    row = {"prompt": "a", "response": "A", "day": date(2026, 11, 28), "image": b"\x00", "price": Decimal("1.50")}  # fmt: skip
    parquet.write_table(arrow.Table.from_pylist([row]), tmp_path / "my.parquet")
    found = load_dataset(DataConfig(path=str(tmp_path / "my.parquet"), heldout=0))
    assert found.train[0].columns == {"day": "2026-11-28", "price": 1.5}
    assert found.columns_sha256 is not None


HASH_WITHOUT_COLUMNS = "bf8b39dd93a185b16a748cbaa7316b99929a029fa696d13c32561f3606d61655"
"""Of the set below, from before further columns were kept."""


def test_the_hash_is_that_of_before_and_columns_have_their_own(tmp_path: Path) -> None:
    row: dict[str, object] = {"prompt": "Q", "response": "A"}
    hashes = []
    for columns in ({}, {"level": 1}, {"level": 1.5}, {"level": {"b": [None], "a": "x"}}):
        found = load(tmp_path, [{**row, **columns}])
        assert found.sha256 == HASH_WITHOUT_COLUMNS
        hashes.append(found.columns_sha256)
    assert hashes[0] is None
    assert len(set(hashes)) == 4
    again = load(tmp_path, [{"level": {"a": "x", "b": [None]}, **row}])
    assert again.columns_sha256 == hashes[3], "the order of keys does not count"
