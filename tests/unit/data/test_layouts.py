"""How the layout of a source is found or named."""

import pytest

from rlsr.config.data import ColumnNames, Layout
from rlsr.data.layouts import LAYOUT_COLUMNS, ResolvedLayout, resolve_layout
from rlsr.data.rows import Problem, RawRow
from rlsr.errors import ConfigError, DataError


def resolve(
    *columns: str, layout: Layout = "auto", names: ColumnNames | None = None
) -> ResolvedLayout:
    rows = [RawRow("f:1", dict.fromkeys(columns, "x"))]
    return resolve_layout(rows, layout=layout, columns=names or ColumnNames(), source="f")


@pytest.mark.parametrize("name", LAYOUT_COLUMNS)
def test_found_from_its_columns(name: str) -> None:
    found = resolve(*LAYOUT_COLUMNS[name], "id", "category", "extra")  # type: ignore[index]
    assert found.name == name


def test_most_of_the_first_rows_decide() -> None:
    plain = {"prompt": "x", "response": "y"}
    rows: list[RawRow | Problem] = [
        Problem("f:1", "broken_json", "no"),
        RawRow("f:2", {"prompt": "x", "completion": "y"}),
        RawRow("f:3", ["no object"]),
        RawRow("f:4", plain),
        RawRow("f:5", plain),
    ]
    found = resolve_layout(rows, layout="auto", columns=ColumnNames(), source="f")
    assert found.name == "prompt_response"


def test_nothing_fits() -> None:
    with pytest.raises(DataError) as caught:
        resolve("question", "answer")
    assert str(caught.value) == (
        "f: no layout fits the columns; seen in the first rows: `question`, `answer`; layouts: "
        "prompt_response (prompt, response); prompt_completion (prompt, completion); "
        "instruction (instruction, output); messages (messages); conversations (conversations); "
        "preference (chosen, rejected). To go on, rename the columns, or name them with data.columns.prompt and "
        "data.columns.response"
    )


def test_two_fit_equally() -> None:
    with pytest.raises(DataError) as caught:
        resolve("prompt", "response", "messages")
    message = str(caught.value)
    assert message.startswith(
        "f: the columns fit prompt_response and messages equally well; "
        "seen in the first rows: `prompt`, `response`, `messages`; layouts: "
    )
    assert message.endswith("To go on, set data.layout to the one that is meant")


def test_a_named_layout_settles_it() -> None:
    assert resolve("prompt", "response", "messages", layout="messages").name == "messages"


def test_many_columns_are_cut_short() -> None:
    with pytest.raises(DataError, match="`c11` and 18 more; layouts"):
        resolve(*(f"c{number}" for number in range(30)))


def test_named_columns() -> None:
    names = ColumnNames(prompt="question", response="answer", system="rules")
    found = resolve("question", "answer", "messages", names=names)
    assert found.required == ("question", "answer")
    assert (found.system, found.system_required) == ("rules", True)


def test_one_named_column_leaves_the_other_to_be_found() -> None:
    found = resolve("question", "completion", names=ColumnNames(prompt="question"))
    assert found == ResolvedLayout(
        "prompt_completion", ("question", "completion"), "system", system_required=False
    )


def test_named_columns_in_a_layout_with_fixed_names() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("messages", layout="messages", names=ColumnNames(prompt="question"))
    assert str(caught.value) == (
        "data.columns: only prompt_response and prompt_completion can have other column names, got "
        "the layout messages; remove data.columns, or set data.layout to one of the two"
    )
