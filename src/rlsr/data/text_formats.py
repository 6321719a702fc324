"""JSON, JSONL and CSV: bytes to raw rows, each with the line it begins on.

Bytes that are not UTF-8 are carried through as surrogate escapes, so that only the row that holds
them is lost.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Final

from rlsr.data.rows import Problem, RawRow, show, show_names
from rlsr.errors import DataError

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_JSON_BLANKS = " \t\r\n"
_JSON_GAP = re.compile(r"[ \t\r\n,:]*")
_BYTE_ORDER_MARK = "\ufeff"
# The largest value that fits a C long everywhere; some prompts exceed the usual limit of 128 KiB.
_CSV_FIELD_LIMIT: Final = 2**31 - 1


def read_jsonl(stream: IO[bytes], name: str) -> Iterator[RawRow | Problem]:
    """Read one JSON value a line; blank lines are no rows.

    Args:
        stream: The file, decompressed.
        name: What to call the file in locations.

    Yields:
        A raw row or a problem for each line that is not blank.
    """
    parse = _RowParser()
    with _text(stream, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            location = f"{name}:{number}"
            content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            if invalid := _invalid_bytes(line):
                yield Problem(location, "invalid_utf8", invalid[1])
            elif content.strip(_JSON_BLANKS):
                yield parse(location, content.rstrip(_JSON_BLANKS))


def read_json(stream: IO[bytes], name: str) -> Iterator[RawRow | Problem]:
    """Read an array of rows, or an object with a single array among its values.

    Args:
        stream: The file, decompressed.
        name: What to call the file in locations.

    Yields:
        A raw row or a problem for each element of the array.

    Raises:
        DataError: If the file is no valid JSON, or holds no single array.
    """
    with _text(stream, newline="") as lines:
        text = lines.read().removeprefix(_BYTE_ORDER_MARK)
    if not text.strip(_JSON_BLANKS):
        return
    start = _find_array(text, name)
    parse = _RowParser()
    line, counted = 1, 0
    for begin, end in _members(text, start):
        line += text.count("\n", counted, begin)
        counted = begin
        location = f"{name}:{line}"
        if invalid := _invalid_bytes(text, begin, end):
            position, reason = invalid
            bad_line = line + text.count("\n", begin, position)
            yield Problem(location, "invalid_utf8", f"in line {bad_line}, {reason}")
        else:
            yield parse(location, text[begin:end])


def read_csv(stream: IO[bytes], name: str) -> Iterator[RawRow | Problem]:
    """Read comma-separated rows under a header line; blank lines are no rows.

    Args:
        stream: The file, decompressed.
        name: What to call the file in locations.

    Yields:
        A raw row or a problem for each record, located by its first line.

    Raises:
        DataError: If the header is unusable, or a quote is opened and never closed.
    """
    limit = csv.field_size_limit(_CSV_FIELD_LIMIT)
    try:
        with _text(stream, newline="") as lines:
            yield from _csv_rows(lines, name)
    finally:
        csv.field_size_limit(limit)


class _RowParser:
    """Parses one JSON row at a time and notes repeated keys, which json itself lets pass."""

    def __init__(self) -> None:
        self._repeated: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._build)

    def _build(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        built = dict(pairs)
        if len(built) < len(pairs):
            keys = [key for key, _ in pairs]
            self._repeated += [key for key in built if keys.count(key) > 1]
        return built

    def __call__(self, location: str, text: str) -> RawRow | Problem:
        self._repeated.clear()
        try:
            value = self._decoder.decode(text)
        except (ValueError, RecursionError) as error:
            reason = f"{_explain(error)}; write one complete JSON object, or remove the row"
            return Problem(location, "broken_json", reason)
        if self._repeated:
            keys = show_names(dict.fromkeys(self._repeated))
            reason = f"an object holds the key {keys} more than once; keep one of them"
            return Problem(location, "duplicate_key", reason)
        return RawRow(location, value)


@contextmanager
def _text(stream: IO[bytes], *, newline: str) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline=newline)
    try:
        yield text
    finally:
        # The stream is the caller's to close.
        text.detach()


def _invalid_bytes(text: str, begin: int = 0, end: int | None = None) -> tuple[int, str] | None:
    """Find the first byte that is not UTF-8, and say where in its line it stands."""
    found = _ESCAPED_BYTE.search(text, begin, len(text) if end is None else end)
    if found is None:
        return None
    line_start = text.rfind("\n", 0, found.start()) + 1
    position = len(text[line_start : found.start()].encode("utf-8", "surrogateescape")) + 1
    return found.start(), (
        f"byte {position} of the line, 0x{ord(found[0]) - 0xDC00:02x}, is not UTF-8; "
        "save the file as UTF-8, or remove the row"
    )


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).partition(";")[0]


def _find_array(text: str, name: str) -> int:
    """Find where the array of rows begins; the text is checked as a whole on the way."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        hint = "put it right"
        if error.msg == "Extra data":
            hint = "if it holds one object a line, give it the suffix .jsonl"
        where = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{name}: broken JSON at {where}: {error.msg}; {hint}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: broken JSON: {_explain(error)}") from error
    start = _skip_gap(text, 0)
    if isinstance(value, list):
        return start
    arrays = _array_starts(text, start) if isinstance(value, dict) else []
    if len(arrays) != 1:
        got = f"arrays under {show_names(key for key, _ in arrays)}" if arrays else "no array"
        raise DataError(
            f"{name}: must hold an array of objects, or an object with a single array, got {got}; "
            "save the rows alone, one object a line, as .jsonl"
        )
    return arrays[0][1]


def _array_starts(text: str, start: int) -> list[tuple[str, int]]:
    """Give key and begin of each array in an object; a list, since keys may repeat."""
    members = list(_members(text, start))
    pairs = zip(members[::2], members[1::2], strict=True)
    return [
        (text[key[0] + 1 : key[1] - 1], value[0]) for key, value in pairs if text[value[0]] == "["
    ]


def _members(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Give begin and end of each element of an array, or each key and value of an object."""
    decoder = json.JSONDecoder()
    begin = _skip_gap(text, start + 1)
    while text[begin] not in "]}":
        _, end = decoder.raw_decode(text, begin)
        yield begin, end
        begin = _skip_gap(text, end)


def _skip_gap(text: str, position: int) -> int:
    gap = _JSON_GAP.match(text, position)
    assert gap is not None, "the pattern matches the empty string"
    return gap.end()


def _csv_rows(lines: Iterable[str], name: str) -> Iterator[RawRow | Problem]:
    invalid: list[str] = []
    reader = csv.reader(_checked_lines(lines, invalid), strict=True)
    header = _read_header(reader, invalid, name)
    while True:
        location = f"{name}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _broken_record(location, error, reader.line_num)
        else:
            if cells or invalid:
                yield _csv_row(location, header, cells, invalid)
        invalid.clear()


def _checked_lines(lines: Iterable[str], invalid: list[str]) -> Iterator[str]:
    """Give the lines, and note invalid bytes for the record that they turn out to belong to."""
    for number, line in enumerate(lines, start=1):
        if found := _invalid_bytes(line):
            invalid.append(f"in line {number}, {found[1]}")
        yield line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line


def _read_header(reader: Iterator[list[str]], invalid: list[str], name: str) -> list[str]:
    try:
        header = next((cells for cells in reader if cells), [])
    except csv.Error as error:
        raise DataError(f"{name}: broken CSV in the header line: {error}") from error
    if invalid:
        raise DataError(f"{name}: invalid UTF-8 in the header: {invalid[0]}")
    repeated = {column for column in header if header.count(column) > 1}
    if repeated:
        raise DataError(
            f"{name}: the header names the column {show_names(sorted(repeated))} more than once; "
            "rename one of them"
        )
    return header


def _broken_record(location: str, error: csv.Error, last_line: int) -> Problem:
    if str(error) == "unexpected end of data":
        # All that follows the quote would count as one bad row: skipping it would hide the loss.
        raise DataError(
            f"{location}: broken CSV: a quote is opened in this row and not closed before the end "
            f"of the file, line {last_line}; close it, or double the quotes that belong to the text"
        ) from error
    reason = (
        f'{show(str(error))}; double the quotes that belong to the text (""), or remove the row'
    )
    return Problem(location, "broken_csv", reason)


def _csv_row(
    location: str, header: list[str], cells: list[str], invalid: list[str]
) -> RawRow | Problem:
    if invalid:
        return Problem(location, "invalid_utf8", invalid[0])
    if len(cells) != len(header):
        reason = (
            f"the row has {len(cells)} cells, the header {len(header)}; "
            "quote cells that hold a comma or a line break"
        )
        return Problem(location, "broken_csv", reason)
    return RawRow(location, dict(zip(header, cells, strict=True)))
