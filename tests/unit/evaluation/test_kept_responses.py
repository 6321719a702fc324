"""Responses that are kept: the same answers with and without, and none written twice."""

import logging
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from rlsr.config.model import ModelConfig
from rlsr.config.run import RunConfig
from rlsr.data.record import Message, PromptRecord
from rlsr.evaluation import asker, generate
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.generate import answer_prompts
from rlsr.evaluation.kept_responses import KeptResponses
from rlsr.models import Policy, load_policy
from rlsr.models.generate import Response, generate_responses
from rlsr.models.identity import identity_of_policy
from tiny import WORDS

RECORDS = tuple(
    PromptRecord(f"{place}", (Message("user", " ".join(WORDS[: place + 1])),), "x", f"f:{place}")
    for place in range(6)
)
SEEDS = [(0, place) for place in range(6)]
WEIGHTS = {"model.safetensors": "ab"}

Answered = tuple[list[str], list[bool]]


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many responses the policy has written, by what it was asked together."""
    found: list[int] = []
    plain = answer_prompts

    def ask_together(*arguments: object, **options: object) -> Answered:
        found.append(0)
        return plain(*arguments, **options)  # type: ignore[arg-type]

    def count(
        policy: Policy, conversations: Sequence[Sequence[Message]], **options: object
    ) -> list[list[Response]]:
        found[-1] += len(conversations)
        return generate_responses(policy, conversations, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(generate, "generate_responses", count)
    for module in (sys.modules[__name__], asker, generate):
        monkeypatch.setattr(module, "answer_prompts", ask_together)
    return found


def ask(
    policy: Policy,
    kept: KeptResponses | None,
    *,
    records: Sequence[PromptRecord] = RECORDS,
    limit: int = 3,
    temperature: float = 0.0,
    seeds: Sequence[Sequence[int]] | None = None,
    progress: list[tuple[int, int]] | None = None,
) -> Answered:
    return answer_prompts(
        policy,
        records,
        max_response_tokens=limit,
        batch_size=2,
        temperature=temperature,
        seeds=seeds,
        kept=kept,
        on_progress=None if progress is None else lambda done, of: progress.append((done, of)),
    )


def test_answers_are_the_same_with_and_without_and_are_written_once(
    policy: Policy, tmp_path: Path, written: list[int]
) -> None:
    plain = ask(policy, None)
    for number in (6, 0):
        kept = KeptResponses(tmp_path, WEIGHTS, policy)
        progress: list[tuple[int, int]] = []
        assert ask(policy, kept, progress=progress) == plain
        assert written[-1] == number
        assert kept.num_found == 6 - number
        assert progress[-1] == (6, 6)
    # What is new is written, and what is not is not.
    kept = KeptResponses(tmp_path / "part", WEIGHTS, policy)
    ask(policy, kept, records=RECORDS[2:4])
    progress = []
    assert ask(policy, kept, progress=progress) == plain
    assert (written[-1], progress[0], progress[-1]) == (4, (2, 6), (6, 6))
    # A prompt that stands twice is kept once and answered twice.
    again = ask(policy, kept, records=[RECORDS[0], RECORDS[0]])
    assert again == ([plain[0][0]] * 2, [plain[1][0]] * 2)
    assert written[-1] == 0


def test_what_was_written_before_an_interruption_is_kept(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ask(policy, None)
    calls: list[int] = []

    def stop(*arguments: object, **options: object) -> list[list[Response]]:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return generate_responses(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(generate, "generate_responses", stop)
    with pytest.raises(KeyboardInterrupt):
        ask(policy, KeptResponses(tmp_path, WEIGHTS, policy))
    kept = KeptResponses(tmp_path, WEIGHTS, policy)
    assert ask(policy, kept) == plain
    assert kept.num_found == 4


def test_another_decoding_is_another_answer(
    policy: Policy, tmp_path: Path, written: list[int]
) -> None:
    kept = KeptResponses(tmp_path, WEIGHTS, policy)
    asked = [
        {"limit": 2},
        {"limit": 3},
        {"temperature": 1.0, "seeds": SEEDS},
        {"temperature": 1.0, "seeds": [(1, place) for place in range(6)]},
    ]
    first = [ask(policy, kept, **options) for options in asked]  # type: ignore[arg-type]
    assert written == [6] * len(asked)
    assert [ask(policy, kept, **options) for options in asked] == first  # type: ignore[arg-type]
    assert [ask(policy, None, **options) for options in asked] == first  # type: ignore[arg-type]
    assert written[len(asked) : 2 * len(asked)] == [0] * len(asked)
    # Greedy answers have no seed.
    ask(policy, kept, seeds=SEEDS)
    assert written[-1] == 0


def test_what_is_drawn_without_seeds_is_not_kept(
    policy: Policy, tmp_path: Path, written: list[int]
) -> None:
    kept = KeptResponses(tmp_path, WEIGHTS, policy)
    for _ in range(2):
        ask(policy, kept, temperature=1.0)
    assert written == [6, 6]


def test_padded_batches_are_kept_as_a_whole(
    policy: Policy, tmp_path: Path, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "takes_groups", lambda model: False)
    monkeypatch.setattr("rlsr.models.generate.takes_groups", lambda model: False)
    kept = KeptResponses(tmp_path, WEIGHTS, policy)
    options = {"temperature": 1.0, "seeds": SEEDS}
    plain = ask(policy, None, **options)  # type: ignore[arg-type]
    assert ask(policy, kept, **options) == plain  # type: ignore[arg-type]
    assert ask(policy, kept, **options) == plain  # type: ignore[arg-type]
    ask(policy, kept, records=RECORDS[:4], temperature=1.0, seeds=SEEDS[:4])
    assert written == [6, 6, 0, 4]


def test_other_weights_have_other_answers(
    policy: Policy, tmp_path: Path, written: list[int]
) -> None:
    for weights in (WEIGHTS, {"model.safetensors": "cd"}):
        ask(policy, KeptResponses(tmp_path, weights, policy))
    assert written == [6, 6]
    assert len(list(tmp_path.glob("*.sqlite"))) == 2


def test_a_damaged_file_is_put_aside_with_a_notice(
    policy: Policy, tmp_path: Path, written: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    plain = ask(policy, KeptResponses(tmp_path, WEIGHTS, policy))
    (file,) = tmp_path.glob("*.sqlite")
    file.write_bytes(b"no database" * 100)
    with caplog.at_level(logging.WARNING):
        assert ask(policy, KeptResponses(tmp_path, WEIGHTS, policy)) == plain
    assert "damaged" in caplog.text
    assert written == [6, 6]
    assert ask(policy, KeptResponses(tmp_path, WEIGHTS, policy)) == plain
    assert written[-1] == 0


def test_a_damaged_answer_is_written_again(
    policy: Policy, tmp_path: Path, written: list[int]
) -> None:
    kept = KeptResponses(tmp_path, WEIGHTS, policy)
    plain = ask(policy, kept, records=RECORDS[:1], limit=2)
    (file,) = tmp_path.glob("*.sqlite")
    for value in (b"no json", b'["text"]', b'["text", 1]', b"{}", b"[1, true]"):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE known SET value = ?", (value,))
        for number in (1, 0):
            assert ask(policy, kept, records=RECORDS[:1], limit=2) == plain
            assert written[-1] == number


def test_suites_that_ask_themselves_take_them_too(
    policy: Policy, tmp_path: Path, written: list[int], tiny_model: Path
) -> None:
    weights = identity_of_policy(ModelConfig(name=str(tiny_model)))
    kept = KeptResponses(tmp_path, weights, policy)
    asker = Asker(policy, RunConfig(), kept=kept)
    draws = [
        asker.answer(RECORDS, max_response_tokens=6, temperature=1.0, draw=draw)
        for draw in (0, 1, 0)
    ]
    assert draws[0] == draws[2] != draws[1]
    assert written == [6, 6, 0]
