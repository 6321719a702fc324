"""Data are loaded and checked row by row as they are in memory, all at once, and held out as a plain list of prompts says."""

import json
import tempfile
from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loaded_at_once import LoadedAtOnce, load_at_once
from rlsr.config.data import DataConfig
from rlsr.data import Dataset, load_dataset
from rlsr.data.overlap import learnt, words_of
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Mark
from rlsr.data.split import choose_places
from rlsr.data.streamed import CheckedData, check_data
from rlsr.errors import ConfigError, DataError

# Most of them good, so that most sets can be loaded.
prompts = st.sampled_from(["a", "A ", "b", "b  c", "B C", "d", "e", "f", *"aabdef", "", "g" * 40])
answers = st.sampled_from([*"xyzxyzxyz", "", 7])


def rows_with(*marks: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw rows that ask for some sides of the split."""
    return st.fixed_dictionaries(
        {"prompt": prompts, "response": answers},
        optional={
            "split": st.sampled_from(marks),
            "rejected": st.sampled_from(["x", "w", "v"]),
            "system": st.sampled_from(["s", ""]),
            "score": st.sampled_from([1, "one", None, [1]]),
            "more": st.sampled_from(["text", 2]),
            "id": st.sampled_from(["one", "two", "line 1"]),
        },
    )


anyhow = rows_with("train", "train", "train", "test", "none of them")
plain = st.fixed_dictionaries(
    {"prompt": st.sampled_from("abcdef"), "response": st.sampled_from("xyz")},
    optional={"split": st.just("train")},
)
"""Rows that all can be used, of which the seed chooses."""
configs = st.fixed_dictionaries(
    {
        "same_prompt": st.sampled_from(["merge", "error", "keep"]),
        "on_bad_row": st.sampled_from(["skip", "skip", "error", "skip_few"]),
        "heldout": st.sampled_from([0, 1, 2, 0.3]),
        "seed": st.integers(0, 3),
        "use_marks": st.booleans(),
    }
)


def count(record: PromptRecord) -> int:
    """Count a prompt's characters as its tokens."""
    return sum(len(turn.content) for turn in record.messages)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(anyhow, min_size=1, max_size=14) | st.lists(plain, min_size=4, max_size=14),
    st.just([]) | st.lists(anyhow, max_size=4),
    configs,
    st.booleans(),
    st.sampled_from([(), ("b",), ("a", "x")]),
)
def test_rows_and_report_are_those_of_data_in_memory(
    some: list[dict[str, Any]],
    others: list[dict[str, Any]],
    config: dict[str, Any],
    within: bool,
    suite: tuple[str, ...],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        for name, held in (("rows", some), ("held", others)):
            text = "".join(json.dumps(row) + "\n" for row in held)
            Path(place, f"{name}.jsonl").write_text(text, encoding="utf-8")
        more = {"heldout_path": f"{place}/held.jsonl"} if others else {}
        data = DataConfig(path=f"{place}/rows.jsonl", **more, **config)
        budget: dict[str, Any] = {"count_tokens": count, "max_prompt_tokens": 30} if within else {}
        expected = outcome(lambda: load_at_once(data, **budget))
        assert_same(outcome(lambda: load_dataset(data, **budget)), expected)
        found = outcome(lambda: check_data(data, **budget))
        if isinstance(expected, LoadedAtOnce):
            assert isinstance(found, CheckedData), found
            assert found.report == expected.report
            assert found.first == replace(expected.train[0], id=found.first.id)
        else:
            assert found == expected
        if suite and isinstance(expected, LoadedAtOnce):
            file = Path(place, "suite.jsonl")
            file.write_text("".join(json.dumps({"prompt": one}) + "\n" for one in suite), "utf-8")
            cleaned = data.model_copy(update={"remove_overlap": (str(file),), "overlap_words": 1})
            left = load_at_once(cleaned, **budget) if has_some_left(expected, suite) else None
            found_left = outcome(lambda: load_dataset(cleaned, **budget))
            if left is None:
                assert isinstance(found_left, tuple)
                assert "so that none is left" in str(found_left[1])
            else:
                assert_same(found_left, left)


def has_some_left(loaded: LoadedAtOnce, suite: tuple[str, ...]) -> bool:
    """Whether a training row has none of the words."""
    return any(
        not set(suite) & {word for text in learnt(record) for word in words_of(text)}
        for record in loaded.train
    )


def assert_same(found: object, expected: object) -> None:
    """Compare rows, in their order, and report; or what went wrong."""
    if isinstance(expected, LoadedAtOnce):
        assert isinstance(found, Dataset), found
        assert list(found.train) == list(expected.train)
        assert found.heldout == expected.heldout
        assert found.report == expected.report
    else:
        assert found == expected


Found = TypeVar("Found")


def outcome(what: Callable[[], Found]) -> Found | tuple[object, ...]:
    """Do it; of a mistake, its type, words and list."""
    try:
        return what()
    except (DataError, ConfigError) as error:
        return type(error), str(error), getattr(error, "problems", ())


def plainly_chosen(
    marks: list[Mark | None], keys: list[Hashable], count: int, seed: int
) -> set[int]:
    """Choose from lists of rows, one a prompt."""
    found: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(key, []).append(row)

    def unmarked(groups: list[list[int]]) -> list[list[int]]:
        return [one for one in groups if all(marks[row] is None for row in one)] or groups

    single = unmarked([one for one in found.values() if len(one) == 1])
    candidates = single if len(single) >= count else unmarked(list(found.values()))
    chosen: list[int] = []
    for place in np.random.default_rng(seed).permutation(len(candidates)).tolist():
        if len(chosen) + len(candidates[place]) <= count:
            chosen += candidates[place]
    return set(chosen) if count <= sum(map(len, candidates)) else set()


@given(
    st.lists(st.tuples(st.sampled_from([None, None, "train"]), st.integers(0, 255)), min_size=2, max_size=30),
    st.integers(1, 12),
    st.integers(0, 9),
)  # fmt: skip
def test_the_choice_is_that_of_a_list_a_prompt(
    some: list[tuple[Mark | None, int]], count: int, seed: int
) -> None:
    marks, numbers = [mark for mark, _ in some], [number % 9 for _, number in some]
    # Digests may end with zeros, which arrays of bytes strip.
    keys = [bytes([number]) + bytes(15) for number in numbers]
    expected = plainly_chosen(marks, list(keys), count, seed)
    try:
        found = choose_places(marks, b"".join(keys), heldout=count, max_heldout=count, seed=seed)
    except DataError:
        assert count >= len(some) or not expected
    else:
        assert found == expected
