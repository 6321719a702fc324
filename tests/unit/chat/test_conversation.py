"""Several models in one conversation: each with its own answers, a token at a time in turns."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rlsr.chat.conversation import Conversation, Sampling
from rlsr.chat.speaker import Speaker
from rlsr.config.model import ModelConfig
from rlsr.data.record import Message
from rlsr.errors import ConfigError
from rlsr.models import Policy, load_policy
from rlsr.models.generate import generate_responses
from rlsr.models.stream import Written


@pytest.fixture(scope="module")
def speakers(tiny_model: Path) -> tuple[Speaker, Speaker]:
    """The tiny policy, and the same with other weights."""
    one, other = (load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu") for _ in "ab")  # fmt: skip
    weights = other.model.lm_head.weight
    weights.data = weights.data.flip(1)
    return Speaker("one", one), Speaker("other", other)


def answer(policy: Policy, *turns: tuple[str, str]) -> str:
    messages = [Message(role, text) for role, text in turns]  # type: ignore[arg-type]
    [[found]] = generate_responses(
        policy, [messages], max_response_tokens=5, batch_size=1, temperature=0.0
    )
    return found.text


def test_every_model_remembers_its_own_answers(speakers: tuple[Speaker, Speaker]) -> None:
    talk = Conversation(speakers, Sampling(5), system="Be a cat.")
    list(talk.ask("the cat"))
    last = list(talk.ask("the dog"))[-1]
    for place, speaker in enumerate(speakers):
        first = answer(speaker.policy, ("system", "Be a cat."), ("user", "the cat"))
        assert talk.turns[0][place].answer.text == first
        second = answer(
            speaker.policy,
            *(
                ("system", "Be a cat."),
                ("user", "the cat"),
                ("assistant", first),
                ("user", "the dog"),
            ),
        )
        assert last[place].text == second
    assert talk.turns[0][0].answer.text != talk.turns[0][1].answer.text, "the test sees nothing"


def test_models_write_a_token_each_in_turns(speakers: tuple[Speaker, Speaker]) -> None:
    seen = list(Conversation(speakers, Sampling(4)).ask("the cat"))
    counts = [tuple(one.num_tokens for one in answers) for answers in seen]
    assert counts[:4] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_what_was_stopped_is_remembered_as_far_as_it_went(speakers: tuple[Speaker, Speaker]) -> None:  # fmt: skip
    talk = Conversation(speakers, Sampling(6))
    writing = talk.ask("the cat")
    last = [next(writing) for _ in range(3)][-1]
    with pytest.raises(KeyboardInterrupt):
        writing.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert [turn.answer for turn in talk.turns[0]] == list(last)
    assert not any(turn.answer.ended for turn in talk.turns[0])
    list(talk.ask("the dog"))
    assert talk.turns[1][0].messages[1] == Message("assistant", last[0].text)


def test_a_question_that_was_stopped_before_the_first_word_is_forgotten(
    speakers: tuple[Speaker, Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Conversation(speakers, Sampling(6))

    def stopped(*_: object, **__: object) -> Iterator[Written]:
        raise KeyboardInterrupt
        yield Written()

    monkeypatch.setattr("rlsr.chat.conversation.stream_answer", stopped)
    with pytest.raises(KeyboardInterrupt):
        next(talk.ask("the cat"))
    assert talk.turns == []


def test_drawn_answers_are_the_same_again_and_others_by_another_seed(speakers: tuple[Speaker, Speaker]) -> None:  # fmt: skip
    drawn = Sampling(12, temperature=2.0, seed=1)
    texts: list[str] = []
    for sampling in (drawn, drawn, replace(drawn, seed=2)):
        # Alone, and beside another model.
        talk = Conversation(speakers[: len(texts) % 2 + 1], sampling)
        texts.append(list(talk.ask("the cat"))[-1][0].text)
    assert texts[0] == texts[1] != texts[2]
    again = Conversation(speakers[:1], drawn)
    first, second = (list(again.ask("the cat"))[-1][0].text for _ in range(2))
    assert (first, second) == (texts[0], second)
    assert first != second, "a second question is drawn by numbers of its own"


def test_a_new_conversation_has_forgotten_everything(speakers: tuple[Speaker, Speaker]) -> None:
    talk = Conversation(speakers[:1], Sampling(5))
    first = list(talk.ask("the cat"))[-1]
    talk.begin_anew(None)
    assert list(talk.ask("the cat"))[-1] == first
    talk.begin_anew("Be a dog.")
    assert list(talk.ask("the cat"))[-1][0].num_tokens >= 1
    assert talk.turns[0][0].messages[0] == Message("system", "Be a dog.")


def test_a_conversation_that_is_too_long_is_refused(speakers: tuple[Speaker, Speaker]) -> None:
    talk = Conversation(speakers[:1], Sampling(500))
    with pytest.raises(ConfigError, match=r"has \d+ tokens, and one reads 512 with an answer of up to 500; begin anew with /new"):  # fmt: skip
        list(talk.ask("the cat sat on a mat"))
    assert talk.turns == [], "a question that was not asked is forgotten"
