"""How answers look on a terminal, in a pipe and as JSON."""

import io
import json
from collections.abc import Iterator, Sequence

import pytest

from rlsr.chat.scoring import ScoredPart
from rlsr.cli.chat_views import JsonView, PlainView, TerminalView, how_it_ended
from rlsr.cli.terminal import PlainTextConsole
from rlsr.models.stream import Written

Answers = tuple[Written, ...]

NAN = float("nan")
PARTS = [ScoredPart("reward", "reward", (0.5, NAN)), ScoredPart("similarity", "Similarity", (0.25, -1.0))]  # fmt: skip


def growing(*texts: str, ended: bool = True) -> Iterator[Answers]:
    """Let answers come word by word."""
    words = [text.split(" ") for text in texts]
    most = max(map(len, words))
    for count in range(1, most + 1):
        yield tuple(
            Written(" ".join(one[:count]), min(count, len(one)), ended and count >= len(one))
            for one in words
        )


def terminal(titles: Sequence[str], width: int, height: int = 40) -> tuple[TerminalView, io.StringIO]:  # fmt: skip
    shown = io.StringIO()
    console = PlainTextConsole(
        file=shown, force_terminal=True, width=width, height=height, highlight=False, soft_wrap=True,
        color_system=None, legacy_windows=False, markup=False, emoji=False,
    )  # fmt: skip
    return TerminalView(console, titles), shown


def last_screen(shown: io.StringIO) -> list[str]:
    """Take what is printed when all is there, which is not drawn over."""
    return [line.rstrip() for line in shown.getvalue().rpartition("\x1b[2K")[2].splitlines()]


def test_wide_terminals_have_answers_side_by_side_and_narrow_ones_below_each_other() -> None:
    for width, is_beside in ((80, True), (79, False)):
        view, shown = terminal(["RUN", "base"], width)
        view.answers("q", growing("a cat sat", "the dog ran to the house", ended=True))
        lines = last_screen(shown)
        [titles] = [line for line in lines if "RUN" in line]
        assert ("base" in titles) is is_beside
        text = "\n".join(lines)
        assert "a cat sat" in text
        assert "the dog ran to the house" in text
        assert "3 tokens" in text


def test_one_model_needs_no_title() -> None:
    view, shown = terminal(["RUN"], 100)
    view.answers("q", growing("a cat sat", ended=False))
    text = "\n".join(last_screen(shown))
    assert "RUN" not in text
    assert "3 tokens, not at its end" in text


@pytest.mark.parametrize("titles", [["RUN"], ["RUN", "base"]])
@pytest.mark.parametrize("width", [30, 100])
def test_what_grows_beyond_the_terminal_shows_its_end_and_at_last_all_of_it(titles: list[str], width: int) -> None:  # fmt: skip
    view, shown = terminal(titles, width, height=8)
    story = " ".join(f"word{number}" for number in range(200))
    view.answers("q", growing(*[story] * len(titles)))
    frames = shown.getvalue().split("\x1b[2K")
    assert max(frame.count("\n") for frame in frames[:-1]) <= 8
    whole = " ".join("\n".join(last_screen(shown)).split())
    assert "word0 word1" in whole
    assert "word199" in whole


def test_what_was_stopped_is_shown_as_far_as_it_went() -> None:
    view, shown = terminal(["RUN"], 100)

    def stopped() -> Iterator[Answers]:
        yield (Written("a cat", 2),)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        view.answers("q", stopped())
    assert "2 tokens, not at its end" in "\n".join(last_screen(shown))


def test_nothing_that_a_model_writes_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    evil = "\x1b[31mred\x07\u202e"
    view, shown = terminal([evil], 100)
    view.answers(evil, growing(evil))
    view.scores(evil, [ScoredPart("reward", evil, (1.0,))])
    for text in (evil[:5], "\x07", "\u202e"):
        assert text not in shown.getvalue()
    for piped in (PlainView([evil, evil]), JsonView([evil, evil])):
        piped.answers(evil, growing(evil, evil))
        piped.scores(evil, PARTS)
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_scores_stand_in_a_table_and_what_is_unscored_is_said() -> None:
    view, shown = terminal(["RUN", "base"], 100)
    view.scores("reference", PARTS)
    rows = {line.split()[0]: line.split()[1:] for line in shown.getvalue().splitlines() if line.split()}  # fmt: skip
    assert rows["reward"] == ["0.500", "unscored"]
    assert rows["Similarity"] == ["0.250", "-1.000"]


def test_a_pipe_has_questions_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    PlainView(["RUN"]).answers("What?", growing("a cat"))
    assert capsys.readouterr().out == "> What?\na cat\n\n"
    both = PlainView(["RUN", "base"])
    both.answers("What?", growing("a cat", "a dog", ended=False))
    assert capsys.readouterr().out == (
        "> What?\n[RUN]\na cat\n(2 tokens, not at its end)\n[base]\na dog\n(2 tokens, not at its end)\n\n"
    )
    both.scores("reference", PARTS)
    assert capsys.readouterr().out == (
        "[RUN] reward 0.500, Similarity 0.250\n[base] reward unscored, Similarity -1.000\n\n"
    )


def test_json_has_a_line_for_each_question(capsys: pytest.CaptureFixture[str]) -> None:
    view = JsonView(["RUN", "base"])
    view.answers("What\nnow?", growing("a cat", "die Katze größer"))
    view.scores("a cat", PARTS)
    asked, scored = map(json.loads, capsys.readouterr().out.splitlines())
    assert asked == {
        "question": "What\nnow?",
        "answers": [
            {"model": "RUN", "text": "a cat", "tokens": 2, "ended": True},
            {"model": "base", "text": "die Katze größer", "tokens": 3, "ended": True},
        ],
    }
    assert scored == {
        "reference": "a cat",
        "scores": [
            {"model": "RUN", "reward": 0.5, "similarity": 0.25},
            {"model": "base", "reward": None, "similarity": -1.0},
        ],
    }


def test_how_an_answer_ended() -> None:
    assert how_it_ended(Written("a", 1, ended=True)) == "1 token"
    assert how_it_ended(Written("a b", 2)) == "2 tokens, not at its end"
