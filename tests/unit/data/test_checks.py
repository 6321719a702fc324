"""Budget, leaks and duplicates."""

from dataclasses import replace

from loaded_at_once import check_duplicates, check_leaks
from rlsr.data.checks import check_length, merge_same_prompts
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Entry, Mark, MarkedRecord, MergedRow, Problem

BROKEN = Problem("f:9", "broken_json", "no")


def marked(line: int, prompt: str, reference: str = "A", mark: Mark | None = None) -> MarkedRecord:
    record = PromptRecord(str(line), (Message("user", prompt),), reference, f"f:{line}")
    return MarkedRecord(record, mark)


def lines(entries: list[Entry]) -> list[str]:
    return [entry.line for entry in entries if isinstance(entry, Problem) and entry != BROKEN]


def test_a_prompt_over_the_budget() -> None:
    entries: list[Entry] = [marked(1, "four"), BROKEN, marked(2, "five5")]
    checked = check_length(
        entries, count_tokens=lambda record: len(record.prompt), max_prompt_tokens=4
    )
    assert checked[:2] == entries[:2]
    assert lines(checked) == [
        "f:2: prompt too long: the prompt has 5 tokens, the budget is 4; "
        "shorten it or raise method.max_prompt_tokens"
    ]


def test_a_repeated_prompt() -> None:
    entries: list[Entry] = [
        marked(1, "Q"),
        BROKEN,
        marked(2, "Q"),
        marked(3, "Q", "B"),
        marked(4, "q"),
    ]
    checked = check_duplicates(entries)
    assert lines(checked) == [
        "f:2: duplicate: repeats f:1, prompt and reference; remove one of the two",
        "f:3: conflicting reference: the prompt stands at f:1 with another reference; "
        "keep one of the two",
    ]
    assert [checked[0], checked[1], checked[4]] == [entries[0], entries[1], entries[4]]


def test_rows_with_the_same_prompt_become_one_with_several_references() -> None:
    entries: list[Entry] = [
        marked(1, "Q"),
        BROKEN,
        marked(2, "Q", "B"),
        marked(3, "q", "D"),
        marked(4, "Q"),
        marked(5, "Q", "C"),
        marked(6, "Q", "B"),
    ]
    first, *rest = merge_same_prompts(entries)
    assert isinstance(first, MarkedRecord)
    assert first.record.references == ("A", "B", "C")
    assert (first.record.id, first.record.location) == ("1", "f:1")
    assert rest == [
        BROKEN,
        MergedRow("f:2", is_repeated=False),
        entries[3],
        MergedRow("f:4", is_repeated=True),
        MergedRow("f:5", is_repeated=False),
        MergedRow("f:6", is_repeated=True),
    ]


def test_what_is_not_an_answer_is_of_the_first_row() -> None:
    records = [
        PromptRecord(n, (Message("user", "Q"),), n, f"f:{n}", category=n, columns={"level": n})
        for n in "12"
    ]
    merged, _ = merge_same_prompts([MarkedRecord(record, left_out=("x",)) for record in records])
    expected = replace(records[0], other_references=("2",))
    assert merged == MarkedRecord(expected, left_out=("x",))


def test_a_row_to_train_on_keeps_the_whole_prompt_from_being_held_out() -> None:
    merged, _ = merge_same_prompts([marked(1, "Q"), marked(2, "Q", "B", "train")])
    assert isinstance(merged, MarkedRecord)
    assert merged.mark == "train"


def test_the_same_question_under_another_system_message_is_no_duplicate() -> None:
    plain = marked(1, "Q")
    record = PromptRecord("2", (Message("system", "S"), Message("user", "Q")), "B", "f:2")
    assert check_duplicates([plain, MarkedRecord(record)]) == [plain, MarkedRecord(record)]


def test_a_held_out_prompt_is_taken_from_the_training_rows() -> None:
    entries: list[Entry] = [
        marked(1, "What is  it?"),
        BROKEN,
        marked(2, "other", mark="train"),
        marked(3, "what IS it?", mark="heldout"),
    ]
    checked = check_leaks(entries)
    assert checked[1:] == entries[1:]
    assert lines(checked) == [
        "f:1: split leak: the prompt is also held out, at f:3 (case and spacing aside), "
        "so it would be trained on and measured; remove it here or there"
    ]
