"""Training rows that hold prompts of an evaluation: counted in words, read from files, left out."""

import json
from pathlib import Path

import pytest

from rlsr.cli.data import check
from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.data.overlap import Overlap, asked, learnt, measure_overlap, overlap_in_words, words_of
from rlsr.data.overlap_files import read_prompts
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import DataError

LONG = "Write a poem about the sea that has three lines and no word twice"


def write_rows(file: Path, *rows: object) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def test_words_have_no_case_no_punctuation_and_one_form() -> None:
    assert words_of("Don't: STOP_now, \uff21\uff22 42!") == ["don", "t", "stop", "now", "ab", "42"]
    assert words_of("\u4eca\u65e5\u306fok") == ["\u4eca", "\u65e5", "\u306f", "ok"]
    assert words_of("... --") == []


def test_what_the_system_says_is_neither_asked_nor_learnt() -> None:
    system, user = Message("system", LONG), Message("user", "Hi")
    record = PromptRecord("1", (system, user), "Hello", "x", other_references=("Good day",))
    assert asked(record) == ["Hi"]
    assert learnt(record) == ["Hi", "Hello", "Good day"]


def test_a_reference_that_holds_the_prompt_counts() -> None:
    row = PromptRecord("1", (Message("user", "Say this."),), f"He said: {LONG.lower()}!", "x")
    found = measure_overlap([("a", [LONG]), ("b", ["Say this"]), ("c", ["Say"])], [row], 13)
    assert found == Overlap(13, 3, ("a", "b"), 1)


@pytest.mark.parametrize(
    ("overlap", "words"),
    [
        (Overlap(13, 40, (), 0), "none of the 40 sums prompts shares 13 words in a row with a training row of my.jsonl"),
        (Overlap(13, 40, ("1",), 1), "1 of the 40 sums prompts (2.5%) shares 13 words in a row with a training row of my.jsonl"),
        (Overlap(8, 40, ("1", "2"), 3), "2 of the 40 sums prompts (5.0%) share 8 words in a row with 3 training rows of my.jsonl"),
    ],
)  # fmt: skip
def test_what_was_found_is_said_in_words(overlap: Overlap, words: str) -> None:
    assert overlap_in_words(overlap, prompts="sums", rows="my.jsonl") == words


def test_prompts_of_files_are_read_whatever_their_layout(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
    ]
    shared = [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}]
    file = write_rows(
        tmp_path / "suite.jsonl",
        {"prompt": "p", "response": "r"},
        {"turns": ["first", "second"], "category": "writing"},
        {"messages": turns},
        {"conversations": shared},
        {"instruction": "i", "input": "in", "output": "o"},
        {"question": "q", "input": ""},
    )  # fmt: skip
    assert [texts for _, texts in read_prompts(file)] == [
        ["p"],
        ["first", "second"],
        ["u"],
        ["h"],
        ["i", "in"],
        ["q"],
    ]


def test_a_file_without_prompts_is_refused_with_the_columns_that_may_hold_them(
    tmp_path: Path,
) -> None:
    file = write_rows(tmp_path / "suite.jsonl", {"prompt": "p"}, {"text": "p", "prompt": " "})
    with pytest.raises(DataError, match=r"suite.jsonl:2: .* one of prompt, question, .*, got `text`, `prompt`"):  # fmt: skip
        read_prompts(file)
    file = write_rows(tmp_path / "other.jsonl", "p")
    with pytest.raises(DataError, match=r"other\.jsonl:1"):
        read_prompts(file)


def test_rows_that_hold_a_prompt_of_a_suite_are_not_trained_on_and_the_split_stays(
    tmp_path: Path,
) -> None:
    rows = [{"prompt": f"Question {place}", "response": f"answer {place}"} for place in range(20)]
    rows[3] = {"prompt": "Other words", "response": f"As follows. {LONG}. Well."}
    data = write_rows(tmp_path / "data.jsonl", *rows)
    suite = write_rows(tmp_path / "suite.jsonl", {"prompt": LONG}, {"prompt": "question 7"})
    whole = load_dataset(DataConfig(path=data, heldout=5))
    removed = load_dataset(DataConfig(path=data, heldout=5, remove_overlap=(suite,)))
    assert removed.heldout == whole.heldout
    gone = {record.location for record in whole.train} - {
        record.location for record in removed.train
    }
    heldout = {record.location for record in whole.heldout}
    assert gone == {f"{data}:4", f"{data}:8"} - heldout
    report = removed.report
    assert report.num_overlapping == len(gone) > 0
    assert report.num_rows == report.num_train + report.num_heldout + report.num_overlapping
    fewer = DataConfig(path=data, heldout=5, remove_overlap=(suite,), overlap_words=1)
    with pytest.raises(DataError, match=r"all 15 training rows share 1 words in a row .* \(data.remove_overlap\)"):  # fmt: skip
        load_dataset(fewer)


def test_data_check_names_the_prompts_that_stand_in_the_training_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": f"Question {place}", "response": f"answer {place}"} for place in range(9)]
    data = write_rows(tmp_path / "data.jsonl", *rows)
    suite = write_rows(tmp_path / "suite.jsonl", *rows[:7], {"prompt": "Another question"})
    check(data, ["data.heldout=1"], against=[suite])
    said = capsys.readouterr().out
    train = {record.prompt for record in load_dataset(DataConfig(path=data, heldout=1)).train}
    number = sum(row["prompt"] in train for row in rows[:7])
    assert f"{number} of the 8 {suite} prompts" in said
    assert f"{suite}:2, " in said
    assert f" and {number - 5} more" in said
    assert f"data.remove_overlap={[suite]} leaves these training rows out" in said
