"""From a path to its raw rows: which kind of source it is, and how it is opened."""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Literal

from rlsr.data.builtin import BUILTIN_PREFIX, open_builtin
from rlsr.data.rows import Problem, RawRow, show_names
from rlsr.data.tables import is_saved_dataset, read_hub, read_parquet, read_saved_dataset
from rlsr.data.text_formats import read_csv, read_json, read_jsonl
from rlsr.errors import DataError
from rlsr.paths import similar_files, why_unreadable

SourceKind = Literal["builtin", "file", "saved", "hub"]
Reader = Callable[[IO[bytes], str], Iterator[RawRow | Problem]]

READERS: Final[dict[str, Reader]] = {
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
}
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(:[\w.-]+)?")
# A suffix begins with a letter, so that the version in "org/some-set-2.5" is not taken for one.
_FILE_SUFFIX = re.compile(r"\.[A-Za-z]\w*")


def source_kind(path: str) -> SourceKind:
    """Tell what a path names.

    Args:
        path: The path, dataset id or built-in name as the config has it.

    Returns:
        The kind of source.

    Raises:
        DataError: If there is no such file, what is there is none, or a folder holds no saved dataset.
    """
    if path.startswith(BUILTIN_PREFIX):
        return "builtin"
    local = Path(path).expanduser()
    if local.is_file():
        return "file"
    if local.is_dir():
        if is_saved_dataset(local):
            return "saved"
        raise DataError(_folder_message(path, local))
    reason = why_unreadable(local)
    if reason is not None:
        raise DataError(f"{path}: {reason}")
    if _HUB_ID.fullmatch(path) and not _FILE_SUFFIX.fullmatch(local.suffix):
        return "hub"
    raise DataError(_missing_message(path, local))


def read_rows(path: str, *, split: str = "train") -> Iterator[RawRow | Problem]:
    """Read the rows of any source, in their order, as they are asked for.

    Args:
        path: A file, a folder that ``datasets.save_to_disk`` wrote, ``builtin:<name>`` or the id of
            a dataset.
        split: The split of a Hugging Face dataset; files and built-in sets have none.

    Yields:
        A raw row, or a problem where a row cannot be taken from its source.

    Raises:
        DataError: If the source as a whole is missing, unreadable, damaged or empty.
        MissingPackageError: If reading it needs a package that is not installed.
    """
    kind = source_kind(path)
    last = None
    try:
        for row in _open_rows(kind, path, split):
            last = row
            yield row
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error, last) from error
    if last is None:
        raise DataError(f"{path}: holds no rows; a dataset needs at least one")


def _open_rows(kind: SourceKind, path: str, split: str) -> Iterator[RawRow | Problem]:
    if kind == "hub":
        yield from read_hub(path, split)
    elif kind == "saved":
        yield from read_saved_dataset(Path(path).expanduser(), split)
    elif kind == "builtin":
        with open_builtin(path.removeprefix(BUILTIN_PREFIX)) as stream:
            yield from read_jsonl(stream, path)
    else:
        yield from _file_rows(path, Path(path).expanduser())


def _file_rows(path: str, local: Path) -> Iterator[RawRow | Problem]:
    suffixes = [suffix.lower() for suffix in local.suffixes[-2:]]
    is_gzip = suffixes[-1:] == [".gz"]
    suffix = "".join(suffixes[:-1] if is_gzip else suffixes[-1:])
    if is_gzip and len(suffixes) == 1:
        suffix = ""
    reader = READERS.get(suffix)
    if reader is None:
        got = f"got {suffix}" if suffix else "got none"
        raise DataError(
            f"{path}: the suffix tells the format and must be one of {', '.join(READERS)}, "
            f"each also with .gz after it, {got}; rename or convert the file"
        )
    with _open_bytes(path, local, is_gzip=is_gzip) as stream:
        if reader is read_parquet:
            # Parquet is read from its end, which gzip cannot seek to.
            yield from reader(io.BytesIO(stream.read()) if is_gzip else stream, path)
        else:
            _refuse_utf16(path, stream)
            yield from reader(stream, path)


@contextmanager
def _open_bytes(path: str, local: Path, *, is_gzip: bool) -> Iterator[IO[bytes]]:
    with local.open("rb") as file:
        if is_gzip:
            with gzip.open(file) as unpacked:
                yield io.BufferedReader(unpacked)
        elif file.peek(2)[:2] == _GZIP_MAGIC:
            raise DataError(f"{path}: is compressed with gzip; add .gz to its name")
        else:
            yield file


def _refuse_utf16(path: str, stream: IO[bytes]) -> None:
    assert isinstance(stream, io.BufferedReader), "every opened file is buffered"
    if stream.peek(2)[:2] in _UTF16_MARKS:
        raise DataError(f"{path}: is UTF-16, must be UTF-8; save it as UTF-8")


def _unreadable(path: str, error: Exception, last: RawRow | Problem | None) -> DataError:
    """Turn the ways in which a file can fail under a reader into a message about that file, and about how far it was read."""
    place = f" behind {last.location}" if last is not None else ""
    if isinstance(error, gzip.BadGzipFile) and str(error).startswith("Not a gzipped file"):
        return DataError(
            f"{path}: no gzip file{place}: {error}; compress it, or drop .gz from its name"
        )
    if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
        return DataError(
            f"{path}: the gzip data are damaged or cut off{place}: {error}; download or compress it again"
        )
    reason = getattr(error, "strerror", None) or error
    return DataError(f"{path}: cannot be read{place}: {reason}; check the file and its rights")


def _missing_message(path: str, local: Path) -> str:
    folder = local.parent
    if not folder.is_dir():
        return f"{path}: no such file, and no folder {folder}; check `data.path`"
    close = similar_files(local)
    if close:
        names = show_names(file.name for file in close)
        return f"{path}: no such file; similar names in that folder: {names}"
    return f"{path}: no such file; check `data.path`"


def _folder_message(path: str, local: Path) -> str:
    names = sorted(entry.name for entry in local.iterdir() if _is_readable_name(entry))
    found = (
        f"one of its files: {show_names(names)}"
        if names
        else "a file; it holds none of a known suffix"
    )
    return (
        f"{path}: is a folder, and not one that datasets.save_to_disk wrote; "
        f"set `data.path` to {found}"
    )


def _is_readable_name(entry: Path) -> bool:
    return Path(entry.name.lower().removesuffix(".gz")).suffix in READERS
