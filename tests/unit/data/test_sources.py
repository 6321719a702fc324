"""Which source a path names, how files are opened, and what is said when that fails."""

import gzip
import json
import re
from hashlib import sha512
from pathlib import Path

import pytest

from rlsr.data.rows import Problem, RawRow
from rlsr.data.sources import read_rows, source_kind
from rlsr.errors import DataError

ROW = {"prompt": "Hi", "response": "Hello"}
LINE = json.dumps(ROW).encode() + b"\n"
CSV = b"prompt,response\nHi,Hello\n"


def values(path: Path) -> list[object]:
    return [row.value if isinstance(row, RawRow) else row for row in read_rows(str(path))]


def failure(path: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        list(read_rows(str(path)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINE),
        ("a.JSONL", LINE),
        ("a.ndjson", LINE),
        ("a.json", b"[" + LINE + b"]"),
        ("a.csv", CSV),
        ("v1.2 final.jsonl.gz", gzip.compress(LINE, mtime=0)),
        ("a.json.gz", gzip.compress(b"[" + LINE + b"]", mtime=0)),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)),
    ],
)
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert values(tmp_path / name) == [ROW]


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", LINE), ("a.json", b"[" + LINE + b"]"), ("a.csv", CSV)]
)
def test_a_utf8_byte_order_mark_is_no_text(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content)
    assert values(tmp_path / name) == [ROW]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.jsonl.gz"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    assert failure(path) == f"{path}: holds no rows; a dataset needs at least one"


def test_a_missing_file_names_similar_ones(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(LINE)
    path = tmp_path / "trian.jsonl"
    assert failure(path) == f"{path}: no such file; similar names in that folder: `train.jsonl`"


def test_a_missing_file_with_nothing_similar(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    assert failure(path) == f"{path}: no such file; check `data.path`"


def test_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "none" / "train.jsonl"
    assert failure(path) == f"{path}: no such file, and no folder {path.parent}; check `data.path`"


def test_a_folder_names_the_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl.gz").write_bytes(b"")
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    assert failure(tmp_path) == (
        f"{tmp_path}: is a folder, and not one that datasets.save_to_disk wrote; "
        "set `data.path` to one of its files: `a.csv`, `b.jsonl.gz`"
    )


def test_a_folder_without_data(tmp_path: Path) -> None:
    assert failure(tmp_path).endswith("set `data.path` to a file; it holds none of a known suffix")


@pytest.mark.parametrize(
    ("name", "got"),
    [("a.txt", "got .txt"), ("a.txt.gz", "got .txt"), ("a", "none"), ("gz.gz", "none")],
)
def test_an_unknown_suffix(tmp_path: Path, name: str, got: str) -> None:
    path = tmp_path / name
    path.write_bytes(LINE)
    message = failure(path)
    assert message.startswith(
        f"{path}: the suffix tells the format and must be one of "
        ".json, .jsonl, .ndjson, .csv, .parquet, each also with .gz after it, "
    )
    assert message.endswith(f"{got}; rename or convert the file")


def test_damaged_gzip_names_how_far_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINE * 100, mtime=0)[:-9])
    message = failure(path)
    assert message.startswith(f"{path}: the gzip data are damaged or cut off")
    assert message.endswith("; download or compress it again")
    lines = [
        b'{"prompt": "a", "response": "%s"}\n' % sha512(b"%d" % number).hexdigest().encode()
        for number in range(2000)
    ]
    content = bytearray(gzip.compress(b"".join(lines), mtime=0))
    # The checksum at its end.
    content[-5] ^= 1
    path.write_bytes(content)
    found = re.search(r"damaged or cut off behind \S+:(\d+): CRC check failed", failure(path))
    assert found is not None
    assert 1000 < int(found[1]) < 2000


def test_gzip_by_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(LINE)
    assert failure(path).startswith(f"{path}: no gzip file: ")
    assert failure(path).endswith("; compress it, or drop .gz from its name")


def test_gzip_without_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(LINE, mtime=0))
    assert failure(path) == f"{path}: is compressed with gzip; add .gz to its name"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"\ufeff{CSV.decode()}".encode(encoding))
    assert failure(path) == f"{path}: is UTF-16, must be UTF-8; save it as UTF-8"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE)
    path.chmod(0)
    try:
        path.open("rb").close()
    except PermissionError:
        message = failure(path)
        assert (
            message == f"{path}: cannot be read: Permission denied; check the file and its rights"
        )
    else:
        pytest.skip("this user may read every file")


@pytest.mark.parametrize(
    "path", ["tatsu-lab/alpaca", "imdb", "org/some-set-2.5", "openai/gsm8k:main", "builtin"]
)
def test_what_is_no_file_and_has_no_suffix_is_a_dataset_id(path: str) -> None:
    assert source_kind(path) == "hub"


@pytest.mark.parametrize("path", ["./data", "a/b/c", "data.txt", "org/set.jsonl", ""])
def test_what_cannot_be_a_dataset_id_is_a_missing_file(tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match=r"no such file|is a folder"):
        source_kind(path)


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINE * 100_000, mtime=0)[:-9])
    assert next(read_rows(str(path))) == RawRow(f"{path}:1", ROW)


def test_bad_rows_count_as_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{\n")
    assert [type(row) for row in read_rows(str(path))] == [Problem]
