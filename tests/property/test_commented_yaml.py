"""Whatever the reasons and values are, the commented YAML reads back as the settings."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rlsr.config.yaml_text import parse_override, read_yaml, written
from rlsr.scaffold.commented_yaml import WIDTH, Line, as_table, commented_yaml

# Half of a surrogate pair is no text that a file could hold.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = (
    texts
    | st.sampled_from(["null", "1e5", "yes", "a: b", "#x", "a #b", "-", "C:\\x", "1:30", "~", "k:"])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts.filter(bool), inner, max_size=3)
    ),
    max_leaves=5,
)
keys = st.sampled_from(
    ["seed", "model.name", "model.lora", "data.path", "stages.0.training.steps", "stages.1.method"]
)
lines = st.lists(
    st.builds(Line, key=keys, value=values, why=texts, is_guess=st.booleans()),
    unique_by=lambda line: line.key,
    min_size=1,
    max_size=4,
)


@given(values)
def test_a_value_reads_back(value: Any) -> None:
    assert parse_override(f"key={written(value)}") == {"key": value}
    assert "\n" not in written(value)


@settings(max_examples=40)
@given(head=st.lists(texts, max_size=3), chosen=lines)
@example(head=["\ufffe"], chosen=[Line("seed", 1, "\uffff")])
def test_a_config_reads_back(tmp_path_factory: Any, head: list[str], chosen: list[Line]) -> None:
    file: Path = tmp_path_factory.getbasetemp() / "commented.yaml"
    file.write_bytes(commented_yaml(head, chosen).encode())
    assert read_yaml(file) == as_table(chosen)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_other_readers_take_numbers_for_numbers(number: float) -> None:
    assert yaml.safe_load(written(number)) == number


@given(keys, st.integers(0, 60), st.integers(1, 20))
def test_comments_are_as_wide_as_a_screen(key: str, count: int, letters: int) -> None:
    words = " ".join(["w" * letters] * count)
    for row in commented_yaml([words], [Line(key, 1, words)]).splitlines():
        assert len(row) <= WIDTH
