"""JSON, JSONL and CSV: every row with its line, every fault with its message."""

import csv
import io

import pytest

from rlsr.data.rows import Problem, RawRow
from rlsr.data.text_formats import read_csv, read_json, read_jsonl
from rlsr.errors import DataError


def jsonl(content: bytes) -> list[RawRow | Problem]:
    return list(read_jsonl(io.BytesIO(content), "f"))


def json_file(content: bytes) -> list[RawRow | Problem]:
    return list(read_json(io.BytesIO(content), "f"))


def csv_file(content: bytes) -> list[RawRow | Problem]:
    return list(read_csv(io.BytesIO(content), "f"))


def test_jsonl_counts_blank_lines_but_does_not_read_them() -> None:
    assert jsonl(b'\n{"a": 1}\r\n \t\n{"a": 2}') == [
        RawRow("f:2", {"a": 1}),
        RawRow("f:4", {"a": 2}),
    ]


def test_jsonl_broken_line_leaves_the_others() -> None:
    first, broken, last = jsonl(b'{"a": 1}\n{"a": 1,}\n{"a": 2}\n')
    assert isinstance(first, RawRow)
    assert isinstance(last, RawRow)
    assert isinstance(broken, Problem)
    assert broken.kind == "broken_json"
    assert broken.line.startswith("f:2: broken JSON: ")
    assert "at character " in broken.message
    assert broken.message.endswith("; write one complete JSON object, or remove the row")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "Exceeds the limit"),
        (b'{"a": "x\ty"}', "Invalid control character"),
        (b'{"a": 1} {"a": 2}', "Extra data at character 10"),
    ],
)
def test_jsonl_what_json_itself_trips_over(content: bytes, reason: str) -> None:
    (problem,) = jsonl(content)
    assert isinstance(problem, Problem)
    assert problem.kind == "broken_json"
    assert problem.message.startswith(reason)


def test_jsonl_invalid_utf8_gives_the_byte_and_leaves_the_other_lines() -> None:
    first, bad, last = jsonl('{"a": 1}\n{"ä": "\n'.encode()[:-1] + b'\xff"}\n{"a": 2}\n')
    assert isinstance(first, RawRow)
    assert isinstance(last, RawRow)
    assert isinstance(bad, Problem)
    assert bad.line == (
        "f:2: invalid UTF-8: byte 9 of the line, 0xff, is not UTF-8; "
        "save the file as UTF-8, or remove the row"
    )


@pytest.mark.parametrize("content", [b'{"a": 1, "a": 1}', b'{"m": [{"a": 1, "b": 0, "a": 2}]}'])
def test_a_repeated_key_is_a_bad_row(content: bytes) -> None:
    expected = "duplicate key: an object holds the key `a` more than once; keep one of them"
    for rows in (jsonl(content), json_file(b"[" + content + b"]")):
        (problem,) = rows
        assert isinstance(problem, Problem)
        assert problem.line == f"f:1: {expected}"


def test_a_repeated_key_does_not_spoil_the_next_row() -> None:
    assert [type(row) for row in jsonl(b'{"a": 1, "a": 2}\n{"a": 1}')] == [Problem, RawRow]


def test_json_array_gives_the_line_of_each_row() -> None:
    rows = json_file(b'[\n  {"a": 1},\n  {\n "a": 2}, {"a": 3}\n]\n')
    assert rows == [RawRow("f:2", {"a": 1}), RawRow("f:3", {"a": 2}), RawRow("f:4", {"a": 3})]


def test_json_object_with_a_single_array() -> None:
    rows = json_file(b'{"version": {"x": []}, "note": "[", "data":\n[{"a": 1}]}')
    assert rows == [RawRow("f:2", {"a": 1})]


def test_json_empty_array_has_no_rows() -> None:
    assert json_file(b"[]") == []


def test_json_invalid_utf8_leaves_the_other_rows() -> None:
    first, bad, last = json_file(b'[{"a": 1},\n {"b": 1,\n  "a": "\xc3\xa4\xe9"},\n {"a": 2}]')
    assert isinstance(first, RawRow)
    assert isinstance(last, RawRow)
    assert isinstance(bad, Problem)
    assert bad.line == (
        "f:2: invalid UTF-8: in line 3, byte 11 of the line, 0xe9, is not UTF-8; "
        "save the file as UTF-8, or remove the row"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'[{"a": 1},\n {"a" 2}]',
            "f: broken JSON at line 2, column 7: Expecting ':' delimiter; put it right",
        ),
        (
            b'{"a": 1}\n{"a": 2}\n',
            "f: broken JSON at line 2, column 1: Extra data; "
            "if it holds one object a line, give it the suffix .jsonl",
        ),
        (b"[" * 100_000, "f: broken JSON: it is nested too deeply"),
        (
            b"[" + b"1" * 5000 + b"]",
            "f: broken JSON: Exceeds the limit (4300 digits) for integer string",
        ),
        (
            b'"text"',
            "f: must hold an array of objects, or an object with a single array, got no array; ",
        ),
        (
            b'{"a": 1}',
            "single array, got no array; save the rows alone, one object a line, as .jsonl",
        ),
        (b'{"a": [], "b": []}', "got arrays under `a`, `b`; "),
        (b'{"a": [1], "a": [2]}', "got arrays under `a`, `a`; "),
    ],
)
def test_json_that_cannot_be_rows(content: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        json_file(content)
    assert message in str(caught.value)


def test_csv_gives_the_first_line_of_each_record() -> None:
    rows = csv_file(b'a,b\r\n1,"x\r\ny"\r\n\r\n2,"say ""z"""\r\n')
    assert rows == [
        RawRow("f:2", {"a": "1", "b": "x\r\ny"}),
        RawRow("f:5", {"a": "2", "b": 'say "z"'}),
    ]


def test_csv_reads_long_cells_and_leaves_the_modules_limit() -> None:
    limit = csv.field_size_limit()
    (row,) = csv_file(b"a\n" + b"x" * 200_000)
    assert row == RawRow("f:2", {"a": "x" * 200_000})
    assert csv.field_size_limit() == limit


def test_csv_wrong_number_of_cells() -> None:
    (problem,) = csv_file(b"a,b\n1,2,3\n")
    assert isinstance(problem, Problem)
    assert problem.line == (
        "f:2: broken CSV: the row has 3 cells, the header 2; "
        "quote cells that hold a comma or a line break"
    )


def test_csv_stray_quote_leaves_the_other_rows() -> None:
    first, bad, last = csv_file(b'a,b\n1,2\n"x"y,2\n3,4\n')
    assert isinstance(first, RawRow)
    assert last == RawRow("f:4", {"a": "3", "b": "4"})
    assert isinstance(bad, Problem)
    assert bad.line.startswith("f:3: broken CSV: ")
    assert bad.message.endswith(
        '; double the quotes that belong to the text (""), or remove the row'
    )


def test_csv_open_quote_is_never_skipped() -> None:
    with pytest.raises(DataError) as caught:
        csv_file(b'a,b\n1,2\n3,"x\n5,6\n')
    assert str(caught.value) == (
        "f:3: broken CSV: a quote is opened in this row and not closed before the end of the file, "
        "line 4; close it, or double the quotes that belong to the text"
    )


def test_csv_invalid_utf8_gives_line_and_byte_and_leaves_the_other_rows() -> None:
    first, bad, last = csv_file(b'a,b\n1,2\n3,"x\n\xe9\n"\n5,6\n')
    assert isinstance(first, RawRow)
    assert isinstance(last, RawRow)
    assert isinstance(bad, Problem)
    assert bad.line == (
        "f:3: invalid UTF-8: in line 4, byte 1 of the line, 0xe9, is not UTF-8; "
        "save the file as UTF-8, or remove the row"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"a,a,b\n1,2,3\n",
            "f: the header names the column `a` more than once; rename one of them",
        ),
        (b"a,\xff\n1,2\n", "f: invalid UTF-8 in the header: in line 1, byte 3 of the line, 0xff, "),
        (b'"a"b\n1\n', "f: broken CSV in the header line: "),
    ],
)
def test_csv_unusable_header(content: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        csv_file(content)
    assert str(caught.value).startswith(message)
