"""What was said in a chat, by each of the models that take part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rlsr.chat.speaker import Speaker
from rlsr.data.record import Message
from rlsr.errors import ConfigError
from rlsr.models import prompt_ids
from rlsr.models.stream import Written, stream_answer


@dataclass(frozen=True)
class Sampling:
    """How answers are written."""

    max_tokens: int
    """Longest answer."""
    temperature: float = 0.0
    """0 takes the most likely token, as an evaluation does."""
    seed: int = 0
    """What is drawn above that."""


@dataclass(frozen=True)
class Turn:
    """An answer with what it answers."""

    messages: tuple[Message, ...]
    """The conversation up to the question."""
    answer: Written
    """What came of it."""


@dataclass
class Conversation:
    """What was said so far. Every model remembers its own answers."""

    speakers: Sequence[Speaker]
    sampling: Sampling
    system: str | None = None
    """The system prompt; None leaves it to the chat template."""
    turns: list[tuple[Turn, ...]] = field(default_factory=list)
    """For each question the answers, one a model; one that was stopped is what there was of it."""

    def begin_anew(self, system: str | None) -> None:
        """Forget what was said.

        Args:
            system: The system prompt from now on.
        """
        self.system, self.turns = system, []

    def ask(self, question: str) -> Iterator[tuple[Written, ...]]:
        """Let all models answer, a token each in turns, and remember the answers, also those that are stopped.

        Args:
            question: What the user says.

        Yields:
            What there is of the answers, one a model.

        Raises:
            ConfigError: The conversation has become longer than a model reads.
            DataError: A chat template refuses the conversation.
        """
        asked = [self._messages(place, question) for place in range(len(self.speakers))]
        for speaker, messages in zip(self.speakers, asked, strict=True):
            self._require_room(speaker, messages)
        streams = [
            stream_answer(
                speaker.policy,
                messages,
                max_response_tokens=self.sampling.max_tokens,
                temperature=self.sampling.temperature,
                seed=(self.sampling.seed, len(self.turns)),
            )
            for speaker, messages in zip(self.speakers, asked, strict=True)
        ]
        answers = [Written() for _ in streams]
        running = set(range(len(streams)))
        try:
            while running:
                for place in sorted(running):
                    found = next(streams[place], None)
                    if found is None:
                        running.discard(place)
                    else:
                        answers[place] = found
                yield tuple(answers)
        finally:
            # Also where somebody has stopped them, but not before the first word.
            if any(answer.num_tokens for answer in answers):
                turns = zip(asked, answers, strict=True)
                self.turns.append(tuple(Turn(messages, answer) for messages, answer in turns))

    def _messages(self, place: int, question: str) -> tuple[Message, ...]:
        if not self.turns:
            system = () if self.system is None else (Message("system", self.system),)
            return (*system, Message("user", question))
        last = self.turns[-1][place]
        return (
            *last.messages,
            Message("assistant", last.answer.text),
            Message("user", question),
        )

    def _require_room(self, speaker: Speaker, messages: Sequence[Message]) -> None:
        described = speaker.policy.model.config.get_text_config()
        context = getattr(described, "max_position_embeddings", None)
        used = len(prompt_ids(speaker.policy.tokenizer, messages))
        if context is not None and used + self.sampling.max_tokens > context:
            raise ConfigError(
                f"the conversation has {used} tokens, and {speaker.title} reads {context} with an answer of up to {self.sampling.max_tokens}; "
                "begin anew with /new, or allow shorter answers with --max-tokens"
            )
