"""Which rows an audit understands."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsr.auditing.honest import honest_answers
from rlsr.auditing.rows import AuditRow, LabelledAnswer, load_audit_rows
from rlsr.config.data import DataConfig
from rlsr.errors import DataError


def load(path: Path, rows: list[dict[str, Any]], max_rows: int = 99) -> tuple[AuditRow, ...]:
    file = path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_audit_rows(DataConfig(path=str(file), heldout=0), max_rows, seed=0)


def test_an_sft_set_gives_prompts_and_references(tmp_path: Path) -> None:
    rows = load(tmp_path, [{"prompt": "a", "response": "b"}, {"prompt": "c", "response": "d"}])
    assert [(row.record.prompt, row.record.reference) for row in rows] == [("a", "b"), ("c", "d")]
    assert all(row.second_reference is None and row.answers == () for row in rows)


@pytest.mark.parametrize("column", ["second_reference", "paraphrase"])
def test_a_second_reference_is_kept(tmp_path: Path, column: str) -> None:
    (row,) = load(tmp_path, [{"prompt": "a", "response": "b", column: "bb"}])
    assert row.second_reference == "bb"


def test_the_last_reference_is_a_good_answer_where_most_prompts_have_several(
    tmp_path: Path,
) -> None:
    several = [{"prompt": "a", "response": text} for text in ("b", "c", "d")]
    one = {"prompt": "e", "response": "f"}
    first, second = load(tmp_path, [*several, one])
    assert (first.record.references, first.second_reference) == (("b", "c"), "d")
    assert (second.record.references, second.second_reference) == (("f",), None)


def test_a_few_prompts_with_several_references_are_audited_as_the_others(tmp_path: Path) -> None:
    rows = [{"prompt": prompt, "response": prompt} for prompt in "abc"]
    found = load(tmp_path, [*rows, {"prompt": "a", "response": "x"}])
    assert [row.record.references for row in found] == [("a", "x"), ("b",), ("c",)]
    assert all(row.second_reference is None for row in found)


def test_judged_answers_have_the_references_of_all_their_rows(tmp_path: Path) -> None:
    row = {"prompt": "a", "response": "x", "score": 1}
    (found,) = load(tmp_path, [{**row, "reference": text} for text in ("r", "s", "r")])
    assert found.record.references == ("r", "s")
    assert len(found.answers) == 3


@pytest.mark.parametrize(
    ("column", "value", "label"),
    [("is_correct", True, 1.0), ("label", 0, 0.0), ("score", 7.5, 7.5)],
)
def test_judged_answers_are_gathered_by_prompt(
    tmp_path: Path, column: str, value: object, label: float
) -> None:
    rows = load(
        tmp_path,
        [
            {"prompt": "a", "reference": "r", "response": "x", column: value},
            {"prompt": "a", "reference": "r", "response": "y", column: 0},
            {"prompt": "b", "reference": "s", "response": "z", column: value},
        ],
    )
    assert [row.record.reference for row in rows] == ["r", "s"]
    assert rows[0].answers == (LabelledAnswer("x", label), LabelledAnswer("y", 0.0))
    assert rows[1].answers == (LabelledAnswer("z", label),)


def test_preferences_are_a_better_and_a_worse_answer(tmp_path: Path) -> None:
    (row,) = load(tmp_path, [{"prompt": "a", "reference": "r", "chosen": "x", "rejected": "y"}])
    assert row.answers == (LabelledAnswer("x", 1.0), LabelledAnswer("y", 0.0))


def test_a_judged_answer_may_be_the_reference_itself(tmp_path: Path) -> None:
    (row,) = load(tmp_path, [{"prompt": "a", "reference": "r", "chosen": "x", "rejected": "r"}])
    assert row.answers == (LabelledAnswer("x", 1.0), LabelledAnswer("r", 0.0))
    assert row.record.rejected is None


def test_judged_answers_without_references_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl:1: .*need a column `reference`"):
        load(tmp_path, [{"prompt": "a", "response": "x", "score": 1}])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"response": "x", "score": "good"}, r"rows\.jsonl:1: `score` must be a number .*'good'"),
        ({"response": 3, "score": 1}, r"rows\.jsonl:1: a judged answer must be text, got int"),
    ],
)
def test_a_bad_judgement_is_named_with_its_place(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, [{"prompt": "a", "reference": "r", **row}])


def test_too_many_rows_are_sampled_in_order_by_the_seed(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{number}", "response": "r"} for number in range(50)]
    found = [int(row.record.prompt[1:]) for row in load(tmp_path, rows, max_rows=10)]
    assert len(found) == 10
    assert found == sorted(found)
    assert found != list(range(10))
    assert found == [int(row.record.prompt[1:]) for row in load(tmp_path, rows, max_rows=10)]


def test_honest_answers_are_second_references_first(tmp_path: Path) -> None:
    rows = load(
        tmp_path,
        [{"prompt": "a", "response": "b", "paraphrase": "bb"}, {"prompt": "c", "response": "d"}],
    )
    found = honest_answers(rows, ["s", "t"])
    assert (found.rows, found.texts) == ((0,), ("bb",))
    assert "second references" in found.source


def test_honest_answers_are_else_the_best_judged_ones(tmp_path: Path) -> None:
    rows = load(
        tmp_path,
        [
            {"prompt": "a", "reference": "r", "response": "bad", "score": 1},
            {"prompt": "a", "reference": "r", "response": "good", "score": 3},
            {"prompt": "b", "reference": "r", "response": "only wrong", "score": 0},
        ],
    )
    found = honest_answers(rows, [])
    assert (found.rows, found.texts) == ((0,), ("good",))


def test_honest_answers_are_else_the_policys_own(tmp_path: Path) -> None:
    rows = load(tmp_path, [{"prompt": "a", "response": "b"}, {"prompt": "c", "response": "d"}])
    found = honest_answers(rows, ["s", " "])
    assert (found.rows, found.texts) == ((0,), ("s",))
    assert honest_answers(rows, []).rows == ()
