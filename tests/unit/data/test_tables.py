"""Parquet files, saved datasets and the hub."""

import gzip
import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from rlsr.data.rows import Problem, RawRow
from rlsr.data.sources import read_rows, source_kind
from rlsr.errors import DataError, MissingPackageError


def write_parquet(path: Path, columns: dict[str, object]) -> Path:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table(columns), path)
    return path


def failure(path: Path | str, *, split: str = "train") -> str:
    with pytest.raises(DataError) as caught:
        list(read_rows(str(path), split=split))
    return str(caught.value)


def test_parquet_rows_are_counted_from_one(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"a": ["x", None]})
    assert list(read_rows(str(path))) == [
        RawRow(f"{path}:row 1", {"a": "x"}),
        RawRow(f"{path}:row 2", {"a": None}),
    ]


def test_parquet_in_gzip(tmp_path: Path) -> None:
    plain = write_parquet(tmp_path / "a.parquet", {"a": ["x"]})
    packed = tmp_path / "b.parquet.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_rows(str(packed))) == [RawRow(f"{packed}:row 1", {"a": "x"})]


def test_parquet_invalid_utf8_leaves_the_other_rows(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    texts = arrow.array([b"x", b"a\xff", b"y"]).cast(arrow.string(), safe=False)
    path = write_parquet(tmp_path / "a.parquet", {"a": texts})
    first, bad, last = read_rows(str(path))
    assert isinstance(first, RawRow)
    assert isinstance(last, RawRow)
    assert isinstance(bad, Problem)
    assert bad.line == (
        f"{path}:row 2: invalid UTF-8: byte 2 of a text, 0xff, is not UTF-8; "
        "write it as UTF-8, or remove the row"
    )


def test_parquet_value_that_python_cannot_hold(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    times = arrow.array([0, 2**60], arrow.int64()).cast(arrow.timestamp("us"))
    path = write_parquet(tmp_path / "a.parquet", {"a": times})
    first, bad = read_rows(str(path))
    assert isinstance(first, RawRow)
    assert isinstance(bad, Problem)
    assert bad.line.startswith(f"{path}:row 2: wrong type: a value cannot be read: ")
    assert bad.line.endswith("; store it as text, or remove the column")


def test_parquet_repeated_column(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.Table.from_arrays([arrow.array(["x"])] * 2, names=["a", "a"]), path)
    assert failure(path) == f"{path}: holds the column `a` more than once; rename one of them"


def test_parquet_without_rows(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    path = write_parquet(tmp_path / "a.parquet", {"a": arrow.array([], arrow.string())})
    assert failure(path) == f"{path}: holds no rows; a dataset needs at least one"


def test_a_damaged_row_group_is_named(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    table = arrow.table({"a": [f"row {number}" * 20 for number in range(300)]})
    parquet.write_table(table, path, row_group_size=100, use_dictionary=False)
    assert len(list(read_rows(str(path)))) == 300
    metadata = parquet.ParquetFile(path).metadata
    begin = metadata.row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[begin + 40 : begin + 400] = b"x" * 360
    path.write_bytes(content)
    message = failure(path)
    assert message.startswith(f"{path}: damaged in row group 2 of 3, after row 100: ")
    assert message.endswith("; write or download it again")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all, only text"])
def test_parquet_by_name_alone(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    message = failure(path)
    assert message.startswith(f"{path}: no readable Parquet file: ")
    assert message.endswith("; write or download it again")


@pytest.mark.parametrize(
    ("path", "package", "purpose"),
    [
        ("a.parquet", "pyarrow", "read Parquet files"),
        ("org/set", "datasets", "load org/set, which is no file here, from the Hugging Face hub"),
    ],
)
def test_a_missing_package_names_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, package: str, purpose: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError) as caught:
        list(read_rows(path))
    assert str(caught.value) == (
        f"{package} is not installed; it is needed to {purpose}. "
        "Install it with: pip install 'rlsr[train]'"
    )


def test_saved_dataset(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "saved"
    datasets.Dataset.from_list([{"a": "x"}]).save_to_disk(str(folder))
    assert source_kind(str(folder)) == "saved"
    assert list(read_rows(str(folder))) == [RawRow(f"{folder}:train:row 1", {"a": "x"})]
    assert failure(folder, split="test") == (
        f"{folder}: has no split `test`; set `data.split` to one of: `train`"
    )


def test_saved_dataset_with_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "saved"
    parts = {name: datasets.Dataset.from_list([{"a": name}]) for name in ("train", "test")}
    datasets.DatasetDict(parts).save_to_disk(str(folder))
    rows = list(read_rows(str(folder), split="test"))
    assert rows == [RawRow(f"{folder}:test:row 1", {"a": "test"})]
    assert failure(folder, split="dev").endswith("set `data.split` to one of: `train`, `test`")


def test_damaged_saved_dataset(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "state.json").write_text("{}")
    message = failure(tmp_path)
    assert message.startswith(f"{tmp_path}: no readable saved dataset: ")
    assert message.endswith("; save or download it again")


def test_offsets_of_a_saved_dataset_that_lead_out_of_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "saved"
    datasets.Dataset.from_list([{"a": "x" * 9}, {"a": "y" * 7}]).save_to_disk(str(folder))
    file = next(folder.glob("*.arrow"))
    right, wrong = (struct.pack("<3i", 0, 9, end) for end in (16, 2**21))
    assert file.read_bytes().count(right) == 1
    file.write_bytes(file.read_bytes().replace(right, wrong))
    # Unchecked, they end the process.
    assert failure(folder).startswith(f"{folder}: no readable saved dataset: ")


class FakeHub(ModuleType):
    """Stands for the package ``datasets`` with one dataset on its hub."""

    def __init__(self) -> None:
        super().__init__("datasets")
        self.exceptions = SimpleNamespace(DatasetsError=LookupError)

    def load_dataset(
        self, identity: str, config: str | None, *, split: str
    ) -> Iterator[dict[str, object]]:
        if identity != "org/set":
            raise ConnectionError(f"Couldn't reach '{identity}' on the Hub\nand more")
        return iter([{"config": config, "split": split}])


def test_hub_id_with_config_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", FakeHub())
    assert list(read_rows("org/set:main", split="test")) == [
        RawRow("org/set:main:test:row 1", {"config": "main", "split": "test"})
    ]
    (row,) = read_rows("org/set")
    assert row == RawRow("org/set:train:row 1", {"config": None, "split": "train"})


def test_hub_unknown_or_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", FakeHub())
    assert failure("org/other") == (
        "org/other: no such file here, and no dataset of this id could be loaded from the Hugging "
        "Face hub: Couldn't reach 'org/other' on the Hub; check the id, `data.split` (train) and "
        "the network, or download the data and set `data.path` to the file"
    )


def test_streams_need_not_be_files() -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    from rlsr.data.tables import read_parquet

    stream = io.BytesIO()
    parquet.write_table(arrow.table({"a": ["x"]}), stream)
    assert list(read_parquet(stream, "f")) == [RawRow("f:row 1", {"a": "x"})]
