"""Damage of any file is found, and nothing else is taken for it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.runs.checksums import CHECKSUMS, find_damage, write_checksums

contents = st.dictionaries(
    st.sampled_from(["model.safetensors", "optimizer.pt", "rng_state_1.pth", "inside/of.json"]),
    st.binary(min_size=1, max_size=40),
    min_size=1,
)


def fill(directory: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    write_checksums(directory)


@given(contents, st.data())
def test_one_wrong_bit_a_cut_and_a_lost_file_are_found(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        fill(directory, files)
        assert find_damage(directory) is None
        chosen = data.draw(st.sampled_from(sorted(files)))
        content = bytearray(files[chosen])
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        (directory / chosen).write_bytes(content)
        assert find_damage(directory) == f"{directory / chosen} is not what was written there"
        (directory / chosen).write_bytes(files[chosen][:place])
        assert find_damage(directory) == (
            f"{directory / chosen} has {place} bytes and was written with {len(content)}"
        )
        (directory / chosen).unlink()
        assert find_damage(directory) == f"{directory / chosen} is gone"


def test_a_directory_without_checksums_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"anything")
    assert find_damage(tmp_path) is None
    assert find_damage(tmp_path / "nowhere") is None


def test_files_that_were_not_listed_may_change(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("before", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    write_checksums(tmp_path, "*.safetensors")
    (tmp_path / "README.md").write_text("after", encoding="utf-8")
    assert find_damage(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"files": 3}', '{"files": {"a": 3}}'])
def test_damaged_checksums_are_damage(tmp_path: Path, content: str) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / CHECKSUMS).write_text(content, encoding="utf-8")
    damage = find_damage(tmp_path)
    assert damage is not None
    assert damage.startswith(str(tmp_path / CHECKSUMS))
