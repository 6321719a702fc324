"""pass@k of suites whose answers are right or wrong: what is drawn, what is counted, and what is refused."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rlsr.config import RunConfig, config_from_table
from rlsr.config.suites import SuiteConfig
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import ConfigError, EvaluationError
from rlsr.evaluation.asker import Answer, Asker
from rlsr.evaluation.suites import AskingSuite, Scored, Suite, open_suite
from rlsr.evaluation.suites.draws import with_draws

RECORDS = tuple(PromptRecord(f"{n}", (Message("user", f"{n}?"),), f"{n}", f"f:{n}") for n in range(3))  # fmt: skip


class Numbers(Suite):
    """An answer is right where it is the number of its prompt; ``nothing`` cannot be scored."""

    records: Sequence[PromptRecord] = RECORDS
    max_response_tokens = 4
    right_metric: str | None = "right"

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        right = [
            None if text == "nothing" else float(text == record.reference)
            for text, record in zip(responses, RECORDS, strict=True)
        ]
        return Scored(
            {"right": right, "ended": [float(bool(one)) for one in ended]},
            {"said": list(responses)},
        )

    def is_trained_on(self, name: str) -> bool:
        return name == "right"


class Told(Asker):
    """Answers from a table: by draw one text a prompt."""

    TEXTS = (("0", "0", "0"), ("0", "1", "0"), ("1", "1", "nothing"), ("0", "1", "1"), ("2", "1", "2"))  # fmt: skip

    def answer(self, records: Sequence[PromptRecord], **asked: Any) -> list[Answer]:
        temperature, draw = asked["temperature"], asked["draw"]
        seen.append((temperature, draw, asked["max_response_tokens"]))
        if asked["on_progress"]:
            asked["on_progress"](len(records), len(records))
        texts = self.TEXTS[0] if temperature is None else self.TEXTS[draw + 1]
        return [Answer(text, ended=True) for text in texts]


seen: list[tuple[float | None, int, int]] = []


def config_of(name: str = "numbers", **settings: Any) -> RunConfig:
    return config_from_table({"evaluation": {"suites": {name: settings}}})


def test_right_answers_are_counted_among_those_that_are_drawn() -> None:
    seen.clear()
    config = config_of(num_draws=4, pass_at=[2, 1, 4], draw_temperature=0.5)
    suite = with_draws("numbers", Numbers(), config)
    assert isinstance(suite, AskingSuite)
    progress: list[tuple[int, int]] = []
    asker = Told(None, config, lambda done, total: progress.append((done, total)))  # type: ignore[arg-type]
    responses, found = suite.ask(asker)
    assert responses == ["0", "0", "0"], "the first answers are those of any evaluation"
    assert seen == [(None, 0, 4), (0.5, 0, 4), (0.5, 1, 4), (0.5, 2, 4), (0.5, 3, 4)]
    assert progress == [(3, 15), (6, 15), (9, 15), (12, 15), (15, 15)]
    assert list(found.scores) == ["right", "ended", "pass@1", "pass@2", "pass@4"]
    assert found.scores["right"] == [1.0, 0.0, 0.0]
    # 2 of 4, 4 of 4, and 1 of the 3 that could be scored.
    assert found.texts["drawn"] == ["2 of 4 right", "4 of 4 right", "1 of 3 right"]
    assert found.scores["pass@1"] == pytest.approx([1 / 2, 1, 1 / 3])
    assert found.scores["pass@2"] == pytest.approx([5 / 6, 1, 2 / 3])
    first, second, third = found.scores["pass@4"]
    assert (first, second) == (1, 1)
    assert third is not None
    assert math.isnan(third), "of fewer answers than k nothing is known"
    assert found.texts["said"] == ["0", "0", "0"]
    assert suite.is_trained_on("pass@2")
    assert not suite.is_trained_on("ended")
    assert suite.answers_in_words == "greedy responses, pass@k of 4 more at temperature 0.5"


def test_without_draws_a_suite_stays_as_it_is() -> None:
    suite = Numbers()
    assert with_draws("numbers", suite, config_of()) is suite


def test_answers_that_are_neither_right_nor_wrong_have_no_pass() -> None:
    class Lengths(Numbers):
        right_metric = None

    with pytest.raises(ConfigError, match=r"^evaluation\.suites\.numbers\.num_draws: pass@k counts right answers"):  # fmt: skip
        with_draws("numbers", Lengths(), config_of(num_draws=2))

    class Halves(Numbers):
        def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
            return Scored({"right": [0.5] * 3})

    config = config_of(num_draws=1)
    suite = with_draws("numbers", Halves(), config)
    assert isinstance(suite, AskingSuite)
    seen.clear()
    with pytest.raises(EvaluationError, match=r"right must be 1 for a right answer and 0 for a wrong one, got 0\.5"):  # fmt: skip
        suite.ask(Told(None, config))  # type: ignore[arg-type]
    assert len(seen) == 1, "nothing was drawn in vain"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pass_at": [2]}, "pass_at: has no effect without answers that are drawn"),
        ({"draw_temperature": 1.0}, "draw_temperature: has no effect without answers that are drawn"),
        ({"num_draws": 3, "pass_at": [1, 4]}, "pass@4 needs at least as many answers, got num_draws 3"),
    ],
)  # fmt: skip
def test_draws_that_would_not_count_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SuiteConfig(**settings)


def test_passes_are_at_one_and_at_all_draws() -> None:
    assert SuiteConfig(num_draws=8).passes == (1, 8)
    assert SuiteConfig(num_draws=1).passes == (1,)
    assert SuiteConfig(num_draws=8, pass_at=(4, 2, 4)).passes == (2, 4)


def test_a_suite_is_opened_with_its_draws(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text('{"question": "2 and 3?", "answer": "#### 5"}\n', encoding="utf-8")
    config = config_of("gsm8k", path=str(path), num_draws=2)
    from rlsr.evaluation.suites import load_suites

    (opener,) = load_suites(["gsm8k"]).values()
    suite = open_suite("gsm8k", opener, config, None, "cpu")  # type: ignore[arg-type]
    assert isinstance(suite, AskingSuite)
    assert [record.prompt for record in suite.records] == ["2 and 3?"]
