"""The suite ``ifeval``: its rows, its numbers, and what is said where a part is missing."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import config_from_table
from rlsr.errors import ConfigError, DataError, EvaluationError, MissingPackageError
from rlsr.evaluation.suites import load_suites, require_suite_settings
from rlsr.evaluation.suites.asked import sample
from rlsr.evaluation.suites.ifeval import METRICS, IfevalSuite, open_ifeval, read_ifeval
from rlsr.packages import package_directory

Row = Mapping[str, Any]
ROWS: list[Row] = [
    {"key": 7, "prompt": "Without commas, please.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
    {
        "key": 8, "prompt": "No commas, all lower case, and say it twice.",
        "instruction_id_list": ["punctuation:no_comma", "change_case:english_lowercase", "keywords:frequency"],
        "kwargs": [{}, {}, {"relation": "at least", "keyword": "sea", "frequency": 2, "num_words": None}],
    },
]  # fmt: skip


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def no_comma(row: Row, response: str) -> dict[str, Any]:
    """Follows every instruction but one about commas, strictly; and all of them, loosely."""
    strict = ["," not in response or "comma" not in name for name in row["instruction_id_list"]]
    loose = [True] * len(strict)
    return dict(zip(METRICS, (all(strict), strict, all(loose), loose), strict=True))


def test_numbers_are_those_of_prompts_and_of_instructions() -> None:
    suite = IfevalSuite(ROWS, no_comma, 100)
    found = suite.score(["a", "a, b"], [True, None])
    assert list(found.scores) == list(METRICS)
    means = {
        name: sum(value or 0.0 for value in values) / 2 for name, values in found.scores.items()
    }
    # Of four instructions one was not followed.
    assert list(means.values()) == [0.5, 0.75, 1.0, 1.0]
    assert found.texts["broken"] == ["none", "punctuation:no_comma"]


def test_prompts_show_their_instructions() -> None:
    suite = IfevalSuite(ROWS, no_comma, 100)
    first, second = suite.records
    assert (first.id, first.prompt, first.category) == ("7", ROWS[0]["prompt"], "punctuation")
    assert second.reference.splitlines() == [
        "punctuation:no_comma", "change_case:english_lowercase", "keywords:frequency (relation at least, keyword sea, frequency 2)",
    ]  # fmt: skip
    assert suite.max_response_tokens == 100


def test_an_answer_that_the_checker_cannot_read_is_unscored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(row: Row, response: str) -> dict[str, Any]:
        if row["key"] == 8:
            raise IndexError("no paragraph")
        return no_comma(row, response)

    found = IfevalSuite(ROWS, fails, 100).score(["a", "b"], [None, None])
    assert [values[1] for values in found.scores.values()] == [None] * 4
    assert found.texts["broken"] == ["none", None]
    assert "prompt 8 is left unscored: its checker failed: IndexError('no paragraph')" in caplog.text  # fmt: skip


@given(st.lists(st.integers(), max_size=30), st.integers(0, 40), st.integers(0, 40))
def test_a_smaller_sample_is_part_of_a_larger_one_and_in_order(
    rows: list[int], fewer: int, more: int
) -> None:
    fewer, more = sorted((fewer, more))
    places = list(enumerate(rows))
    small, large = sample(places, fewer), sample(places, more)
    assert len(small) == min(fewer, len(rows))
    assert set(small) <= set(large)
    assert small == sorted(small)
    assert sample(places, None) == places


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([], "is no object"),
        ({"prompt": "a"}, "has no key and no instruction_id_list and no kwargs"),
        ({**ROWS[0], "prompt": " "}, "prompt must be a text"),
        ({**ROWS[0], "instruction_id_list": []}, "must be a list of names, got []"),
        ({**ROWS[0], "kwargs": [{}, {}]}, "kwargs must be a list of 1 objects"),
        ({**ROWS[0], "kwargs": [3]}, "kwargs must be a list of 1 objects"),
    ],
)
def test_a_row_that_is_no_prompt_is_named(row: Any, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [ROWS[0], row])
    with pytest.raises(DataError) as caught:
        read_ifeval(str(path))
    assert str(caught.value).startswith(f"{path}:2: ")
    assert said in str(caught.value) or "not an object" in str(caught.value)


def test_without_a_network_a_file_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("rlsr.evaluation.suites.ifeval.read_rows", lambda path: iter(_gone(path)))
    with pytest.raises(DataError, match=r"not reached.*--suite ifeval=input_data\.jsonl"):
        read_ifeval("google/IFEval")
    with pytest.raises(DataError, match=r"^my\.jsonl: not reached$"):
        read_ifeval("my.jsonl")


def _gone(path: str) -> list[Any]:
    raise DataError(f"{path}: not reached")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ifevl", r"^evaluation\.suites\.ifevl: there is no such suite; those with settings are ifeval"),
        ("heldout", r"^evaluation\.suites\.heldout: has no settings here"),
    ],
)  # fmt: skip
def test_settings_of_no_suite_are_refused(name: str, said: str) -> None:
    config = config_from_table({"evaluation": {"suites": {name: {"num_prompts": 3}}}})
    with pytest.raises(ConfigError, match=said):
        require_suite_settings(config)
    require_suite_settings(config_from_table({"evaluation": {"suites": {"ifeval": {}}}}))
    assert load_suites(["ifeval"])["ifeval"] is open_ifeval


@pytest.mark.skipif(package_directory("lm_eval") is not None, reason="the extra eval is installed")
def test_a_missing_checker_is_named_with_its_extra() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install 'rlsr\[eval\]'"):
        open_ifeval(config_from_table({}), None, "cpu")  # type: ignore[arg-type]


def with_checker(**settings: Any) -> IfevalSuite:
    """Open the suite with the harness's own checker."""
    for module in ("lm_eval", "langdetect", "immutabledict"):
        pytest.importorskip(module, reason="the extra eval is not installed")
    config = config_from_table({"evaluation": {"suites": {"ifeval": settings}}})
    return open_ifeval(config, None, "cpu")  # type: ignore[arg-type]


@pytest.fixture
def sentences() -> None:
    nltk = pytest.importorskip("nltk", reason="the extra rewards is not installed")
    try:
        nltk.data.find("tokenizers/punkt_tab")
    except LookupError:
        pytest.skip("NLTK's punkt_tab is not on this machine")


def test_what_the_checker_reads_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nltk = pytest.importorskip("nltk", reason="the extra rewards is not installed")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(EvaluationError, match=r"python -m nltk\.downloader punkt_tab"):
        with_checker(path=str(write(tmp_path / "rows.jsonl", ROWS)))


@pytest.mark.usefixtures("sentences")
def test_the_harness_checks_answers(tmp_path: Path) -> None:
    suite = with_checker(path=str(write(tmp_path / "rows.jsonl", ROWS)), max_response_tokens=64)
    found = suite.score(["*Here, it is:*\nno comma", "the sea is the sea and it is blue"], [None] * 2)  # fmt: skip
    strict, of_instructions, loose, of_loose = (list(found.scores[name]) for name in METRICS)
    assert (strict, loose) == ([0.0, 1.0], [1.0, 1.0]), "a first line is forgiven"
    assert sum(of_instructions) / 2 == pytest.approx(3 / 4)
    assert sum(of_loose) / 2 == pytest.approx(1)
    found = suite.score(["", "The sea, the lake"], [None] * 2)
    assert not any(found.scores["prompt_level_loose_acc"])
    assert found.texts["broken"] == ["punctuation:no_comma", suite.records[1].reference]
    unknown = [{**ROWS[0], "instruction_id_list": ["punctuation:no_koma"]}]
    with pytest.raises(DataError, match=r"key 7: the checker of ifeval knows no instruction"):
        with_checker(path=str(write(tmp_path / "unknown.jsonl", unknown)))
    assert not math.isnan(sum(strict))
