"""Budget, leaks and duplicates."""

from rlsr.data.checks import check_duplicates, check_leaks, check_length
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Entry, Mark, MarkedRecord, Problem

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
