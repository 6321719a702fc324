"""Better and worse answers: the layout ``preference``, and the column ``rejected`` of every other layout."""

from rlsr.data.fields import Fields, field, filled_text, prompt_turns, required, with_system
from rlsr.data.layouts import ResolvedLayout
from rlsr.data.record import Message
from rlsr.data.rows import show
from rlsr.data.turns import RowFault, is_blank, parse_turns

PROMPT = "prompt"
CHOSEN = "chosen"


def from_preference(fields: Fields, layout: ResolvedLayout) -> tuple[tuple[Message, ...], str]:
    """Read prompt and chosen answer.

    The answers are texts or single assistant turns beside a ``prompt``, or whole conversations that end with them, as
    TRL writes them; some sets repeat the question of the conversation in ``prompt``.

    Args:
        fields: The row.
        layout: How it holds them.

    Returns:
        The prompt's turns and the chosen answer.

    Raises:
        RowFault: If the row cannot be used.
    """
    earlier, reference = _answer(fields, CHOSEN)
    if not earlier:
        earlier = prompt_turns(fields, PROMPT)
    elif not is_blank(fields.get(PROMPT)):
        _check_same_prompt(fields, earlier)
    return with_system(fields, layout, earlier), reference


def read_rejected(
    fields: Fields, layout: ResolvedLayout, messages: tuple[Message, ...], reference: str
) -> str | None:
    """Read the worse answer.

    Args:
        fields: The row.
        layout: Names its column.
        messages: The prompt of the better answer.
        reference: The better answer.

    Returns:
        The worse answer; None where the row has none and its layout does not ask for one.

    Raises:
        RowFault: If it is no answer, is the reference again, or answers another prompt.
    """
    if not layout.rejected_required and is_blank(fields.get(layout.rejected)):
        return None
    earlier, rejected = _answer(fields, layout.rejected)
    if earlier and with_system(fields, layout, earlier) != messages:
        raise RowFault(
            "prompt_mismatch",
            f"the turns before the answer in {show(layout.rejected)} are not the prompt of the "
            "better answer; give both answers the same prompt or remove the row",
        )
    if rejected.strip() == reference.strip():
        raise RowFault(
            "same_response",
            f"{show(layout.rejected)} is the same text as the better answer, so there is nothing "
            "to prefer; replace one of the two or remove the row",
        )
    return rejected


def _answer(fields: Fields, column: str) -> tuple[tuple[Message, ...], str]:
    """Take an answer with the turns that stand before it in the same column, if any do."""
    value = required(fields, column)
    if not isinstance(value, list):
        return (), filled_text(fields, column, kind="empty_response")
    turns = parse_turns(value, show(column))
    if turns[-1].role != "assistant":
        raise RowFault(
            "bad_conversation",
            f"{show(column)} ends with a {turns[-1].role} turn, so there is no answer; "
            "add an assistant turn or remove the row",
        )
    return turns[:-1], turns[-1].content


def _check_same_prompt(fields: Fields, turns: tuple[Message, ...]) -> None:
    """Refuse a ``prompt`` that is neither the turns before the answer nor one of the questions among them."""
    prompt = field(fields, PROMPT)
    questions = {turn.content for turn in turns if turn.role == "user"}
    same = (
        prompt_turns(fields, PROMPT) == turns if isinstance(prompt, list) else prompt in questions
    )
    if not same:
        raise RowFault(
            "prompt_mismatch",
            f"{show(PROMPT)} is not the prompt that the turns of {show(CHOSEN)} begin with; "
            "remove one of the two, or remove the row",
        )
