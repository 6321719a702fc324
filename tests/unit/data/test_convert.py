"""From a raw row to a record, layout by layout, and every way in which a row can be bad."""

import pytest

from rlsr.config.data import ColumnNames, LayoutName
from rlsr.data.convert import to_entry
from rlsr.data.layouts import resolve_layout
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import MarkedRecord, Problem, RawRow

TURN = {"role": "user", "content": "Q"}
ANSWER = {"role": "assistant", "content": "A"}
PLAIN = {"prompt": "Q", "response": "A"}


def convert(
    value: object, layout: LayoutName = "prompt_response", columns: ColumnNames | None = None
) -> MarkedRecord | Problem:
    row = RawRow("f:7", value)
    names = columns or ColumnNames()
    return to_entry(row, resolve_layout([row], layout=layout, columns=names, source="f"))


def record(value: object, layout: LayoutName = "prompt_response") -> PromptRecord:
    entry = convert(value, layout)
    assert isinstance(entry, MarkedRecord), entry
    return entry.record


def problem(
    value: object, layout: LayoutName = "prompt_response", columns: ColumnNames | None = None
) -> Problem:
    entry = convert(value, layout, columns)
    assert isinstance(entry, Problem), entry
    assert entry.location == "f:7"
    return entry


def turns(value: PromptRecord) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in value.messages]


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        ("prompt_response", {"prompt": " Q\n", "response": "\tA "}),
        ("prompt_completion", {"prompt": " Q\n", "completion": "\tA "}),
        (
            "prompt_completion",
            {
                "prompt": [{"role": "user", "content": " Q\n"}],
                "completion": [{"role": "assistant", "content": "\tA "}],
            },
        ),
        ("prompt_response", {"prompt": [{"role": "user", "content": " Q\n"}], "response": "\tA "}),
        ("instruction", {"instruction": " Q\n", "input": "", "output": "\tA "}),
        ("instruction", {"instruction": " Q\n", "output": "\tA ", "history": None}),
        (
            "messages",
            {
                "messages": [
                    {"role": "user", "content": " Q\n", "tool_calls": None},
                    {"role": "assistant", "content": "\tA "},
                ]
            },
        ),
        (
            "conversations",
            {
                "conversations": [
                    {"from": "human", "value": " Q\n"},
                    {"from": "gpt", "value": "\tA "},
                ]
            },
        ),
    ],
)
def test_every_layout_keeps_the_text_as_it_is(layout: LayoutName, value: object) -> None:
    assert record(value, layout) == PromptRecord(
        id="line 7", messages=(Message("user", " Q\n"),), reference="\tA ", location="f:7"
    )


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        ("prompt_response", {"system": "S", **PLAIN}),
        ("prompt_completion", {"system": "S", "prompt": "Q", "completion": "A"}),
        ("instruction", {"system": "S", "instruction": "Q", "output": "A"}),
        ("messages", {"messages": [{"role": "developer", "content": "S"}, TURN, ANSWER]}),
        ("messages", {"system": "S", "messages": [TURN, ANSWER]}),
        ("conversations", {"system": "S", "conversations": [TURN, ANSWER]}),
        (
            "conversations",
            {
                "conversations": [
                    {"from": "system", "value": "S"},
                    {"from": "user", "value": "Q"},
                    {"from": "model", "value": "A"},
                ]
            },
        ),
    ],
)
def test_every_layout_keeps_the_system_message(layout: LayoutName, value: object) -> None:
    assert turns(record(value, layout)) == [("system", "S"), ("user", "Q")]


def test_an_empty_system_column_is_none() -> None:
    assert turns(record({**PLAIN, "system": " "})) == [("user", "Q")]


def test_several_turns_are_kept_and_need_not_alternate() -> None:
    roles = ["user", "assistant", "user", "user", "assistant"]
    messages = [{"role": role, "content": str(place)} for place, role in enumerate(roles)]
    found = record({"messages": messages}, "messages")
    assert turns(found) == [("user", "0"), ("assistant", "1"), ("user", "2"), ("user", "3")]
    assert found.reference == "4"


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
    value = {"messages": [{"role": "user", "content": parts}, ANSWER]}
    assert turns(record(value, "messages")) == [("user", "a b")]


def test_instruction_with_input_and_history() -> None:
    value = {"instruction": "Add.", "input": "1 2", "output": "3", "history": [["Hi", "Hello"]]}
    assert turns(record(value, "instruction")) == [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Add.\n\n1 2"),
    ]


def test_named_columns_are_read() -> None:
    columns = ColumnNames(prompt="question", response="answer", system="rules")
    entry = convert({"question": "Q", "answer": "A", "rules": "S"}, columns=columns)
    assert isinstance(entry, MarkedRecord)
    assert turns(entry.record) == [("system", "S"), ("user", "Q")]


@pytest.mark.parametrize(
    ("given", "kept"), [("a-1", "a-1"), (12, "12"), (None, "line 7"), ("", "line 7")]
)
def test_the_id_is_the_rows_own_or_its_place(given: object, kept: str) -> None:
    assert record({**PLAIN, "id": given}).id == kept


def test_the_place_of_a_parquet_row() -> None:
    row = RawRow("f:row 3", PLAIN)
    layout = resolve_layout([row], layout="auto", columns=ColumnNames(), source="f")
    entry = to_entry(row, layout)
    assert isinstance(entry, MarkedRecord)
    assert entry.record.id == "row 3"


def test_the_category_is_kept() -> None:
    assert record({**PLAIN, "category": "maths"}).category == "maths"


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        ("train", "train"),
        ("test", "heldout"),
        ("validation", "heldout"),
        ("eval", "heldout"),
        ("heldout", "heldout"),
        ("", None),
        (None, None),
    ],
)
def test_the_split_column_marks_the_row(value: object, mark: str | None) -> None:
    entry = convert({**PLAIN, "split": value})
    assert isinstance(entry, MarkedRecord)
    assert entry.mark == mark


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            ["Q", "A"],
            "not an object: a row must be an object with named columns, got a list; write it so",
        ),
        (
            {"prompt": "Q", "answer": "A"},
            "missing field: `response` is missing, the row has `prompt`, `answer`; "
            "add it or remove the row",
        ),
        (
            {"prompt": "Q", "response": None},
            "missing field: `response` is null; fill it or remove the row",
        ),
        (
            {"prompt": "Q", "response": 42},
            "wrong type: `response` must be text, got a number (42); put the text in quotes",
        ),
        (
            {"prompt": True, "response": "A"},
            "wrong type: `prompt` must be text, got a truth value (true); put the text in quotes",
        ),
        (
            {"prompt": b"Q", "response": "A"},
            "wrong type: `prompt` must be text, got a value of type bytes; put the text in quotes",
        ),
        (
            {"prompt": {"a": 1}, "response": "A"},
            "wrong type: `prompt` must be text, got an object; put the text in quotes",
        ),
        (
            {"prompt": "Q", "response": " \n"},
            "empty response: `response` holds no text; write an answer or remove the row",
        ),
        (
            {"prompt": "\u00a0", "response": "A"},
            "empty prompt: `prompt` holds no text; write a prompt or remove the row",
        ),
        (
            {"prompt": "Q", "response": "a\ud800"},
            "invalid UTF-8: `response` holds half of a surrogate pair (\\ud800) at character 2; "
            "write the whole character, or remove the row",
        ),
        (
            {**PLAIN, "split": "dev"},
            "bad split: `split` must be one of train, test, validation, eval, heldout, got the text "
            "`dev`; change it, or rename the column if it means something else",
        ),
        (
            {**PLAIN, "id": 1.5},
            "wrong type: `id` must be text or a whole number, got a number (1.5); rename the column",
        ),
        (
            {**PLAIN, "category": ["a"]},
            "wrong type: `category` must be text or a whole number, got a list; rename the column",
        ),
        (
            {**PLAIN, "system": 1},
            "wrong type: `system` must be text, got a number (1); put the text in quotes",
        ),
        (
            {"prompt": [TURN, ANSWER], "response": "A"},
            "bad conversation: the prompt must end with a user turn, ends with one of the role "
            "assistant; the reference must answer the user: join or remove turns",
        ),
        (
            {"prompt": "Q", "response": [TURN, ANSWER]},
            "bad conversation: `response` must hold a single assistant turn, got user, assistant; "
            "move the others into `prompt`",
        ),
    ],
)
def test_bad_plain_rows(value: object, line: str) -> None:
    assert problem(value).line == f"f:7: {line}"


def test_a_named_system_column_must_be_there() -> None:
    found = problem(PLAIN, columns=ColumnNames(system="rules"))
    assert found.line == (
        "f:7: missing field: `rules` is missing, the row has `prompt`, `response`; "
        "add it or remove the row"
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            {"messages": "Q"},
            "wrong type: `messages` must be a list of turns, got the text `Q`; make it a list",
        ),
        (
            {"messages": []},
            "bad conversation: `messages` holds no turns; add them or remove the row",
        ),
        (
            {"messages": ["Q", "A"]},
            "wrong type: turn 1 of `messages` must be an object with `role` and `content`, "
            "got the text `Q`; write it so",
        ),
        (
            {"messages": [TURN, {"role": "assistant"}]},
            "missing field: turn 2 of `messages` has no `content` (or `value`), it has `role`; "
            "add it or remove the row",
        ),
        (
            {"messages": [{"content": "Q"}, ANSWER]},
            "missing field: turn 1 of `messages` has no `role` (or `from`), it has `content`; "
            "add it or remove the row",
        ),
        (
            {"messages": [TURN, {"role": "assistant", "content": 4}]},
            "wrong type: the content of turn 2 of `messages` must be text, got a number (4); "
            "put the text in quotes",
        ),
        (
            {"messages": [TURN, {"role": 1, "content": "A"}]},
            "wrong type: the role in turn 2 of `messages` must be text, got a number (1); "
            "put the text in quotes",
        ),
        (
            {"messages": [TURN, {"role": "tool", "content": "A"}]},
            "bad conversation: turn 2 of `messages` has the role `tool`; tool turns are not "
            "supported: remove the row",
        ),
        (
            {"messages": [TURN, {"role": "assistant", "content": None, "tool_calls": [{}]}]},
            "bad conversation: turn 2 of `messages` calls a tool, which is not supported; "
            "remove the row",
        ),
        (
            {"messages": [TURN, {"role": "Bob", "content": "A"}]},
            "bad conversation: turn 2 of `messages` has the role `Bob`, must be one of system, "
            "developer, user, human, assistant, gpt, chatgpt, model; rename it",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, ANSWER]},
            "bad conversation: turn 1 of `messages` has a content part that is not of type `text`, "
            "got the type `image_url`; only text is supported: remove the row",
        ),
        (
            {"messages": [{"role": "user", "content": ["Q"]}, ANSWER]},
            "bad conversation: turn 1 of `messages` has a content part that is not of type `text`, "
            "got the text `Q`; only text is supported: remove the row",
        ),
        (
            {"messages": [TURN, {"role": "assistant", "content": " "}]},
            "empty response: turn 2 of `messages` (assistant) holds no text; "
            "fill it or remove the row",
        ),
        (
            {"messages": [{"role": "user", "content": ""}, ANSWER]},
            "empty prompt: turn 1 of `messages` (user) holds no text; fill it or remove the row",
        ),
        (
            {"messages": [{"role": "system", "content": []}, TURN, ANSWER]},
            "bad conversation: turn 1 of `messages` (system) holds no text; "
            "fill it or remove the row",
        ),
        (
            {"messages": [TURN, ANSWER, TURN]},
            "bad conversation: `messages` ends with a user turn, so there is no reference answer; "
            "add an assistant turn or remove the row",
        ),
        (
            {"messages": [ANSWER]},
            "bad conversation: `messages` has no user turn, so there is no prompt; remove the row",
        ),
        (
            {"messages": [TURN, ANSWER, ANSWER]},
            "bad conversation: the prompt must end with a user turn, ends with one of the role "
            "assistant; the reference must answer the user: join or remove turns",
        ),
        (
            {"messages": [TURN, {"role": "system", "content": "S"}, TURN, ANSWER]},
            "bad conversation: a system message may only come first; move it or remove the row",
        ),
        (
            {"system": "S", "messages": [{"role": "system", "content": "T"}, TURN, ANSWER]},
            "bad conversation: there is a system message in `system` and another among the turns; "
            "keep one",
        ),
    ],
)
def test_bad_conversations(value: object, line: str) -> None:
    assert problem(value, "messages").line == f"f:7: {line}"


@pytest.mark.parametrize(
    ("history", "line"),
    [
        (
            "Hi",
            "wrong type: `history` must be a list of pairs of texts, got the text `Hi`; make it so",
        ),
        (
            [["Hi"]],
            "wrong type: `history` must be a list of pairs of texts, got a list; make it so",
        ),
        (
            [["Hi", 3]],
            "wrong type: pair 1 of `history` must be text, got a number (3); put the text in quotes",
        ),
        (
            [["Hi", ""]],
            "bad conversation: pair 1 of `history` has an empty text; fill it or remove the pair",
        ),
    ],
)
def test_bad_history(history: object, line: str) -> None:
    value = {"instruction": "Q", "output": "A", "history": history}
    assert problem(value, "instruction").line == f"f:7: {line}"


def test_foreign_text_in_a_message_is_short_and_printable() -> None:
    found = problem({"prompt": "Q", "\x1b[31m\ud800" + "x" * 100: 1})
    assert "`\\x1b[31m\\ud800xxx" in found.message
    assert "...`" in found.message
    assert found.message.isprintable()
