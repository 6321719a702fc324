"""What a chat does with each line that somebody writes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rlsr.chat.commands import COMMANDS, read_line
from rlsr.chat.conversation import Conversation
from rlsr.chat.scoring import ScoredPart, Scorer
from rlsr.errors import ConfigError
from rlsr.models.stream import Written


class View(Protocol):
    """Shows what is answered."""

    def answers(self, question: str, answers: Iterator[tuple[Written, ...]]) -> None:
        """Show answers, while they are written where that can be seen.

        Args:
            question: What was asked.
            answers: What there is of them after each token, one a model.
        """

    def scores(self, reference: str, parts: Sequence[ScoredPart]) -> None:
        """Show what the reward says of the last answers.

        Args:
            reference: What they were compared with.
            parts: The numbers, one a model each.
        """


class Talk:
    """A chat that goes on.

    Args:
        conversation: Who takes part, and what was said.
        scorer: The reward.
        view: Shows answers and numbers.
        say: Shows what else there is to say.
        every_question_alone: Whether each question begins a conversation of its own.
    """

    def __init__(
        self,
        conversation: Conversation,
        scorer: Scorer,
        view: View,
        say: Callable[[str], object],
        *,
        every_question_alone: bool = False,
    ) -> None:
        self._conversation = conversation
        self._scorer = scorer
        self._view = view
        self._say = say
        self._every_question_alone = every_question_alone

    def obey(self, line: str) -> bool:
        """Do what a line says: answer a question, or obey a command.

        Args:
            line: As written.

        Returns:
            Whether the chat goes on.

        Raises:
            RlsrError: The line cannot be obeyed; the chat may go on all the same.
        """
        found = read_line(line)
        if found is None:
            return True
        match found.command:
            case None:
                self._answer(found.text)
            case "reference":
                self._score(found.text)
            case "system":
                self._conversation.begin_anew(found.text or None)
                self._say("the system prompt is set" if found.text else "there is no system prompt")
            case "new":
                self._conversation.begin_anew(self._conversation.system)
                self._say("a new conversation")
            case "help":
                for name, command in COMMANDS.items():
                    self._say(f"  {f'/{name} {command.takes}':<16} {command.does}")
        return found.command != "quit"

    def _answer(self, question: str) -> None:
        if self._every_question_alone:
            self._conversation.begin_anew(self._conversation.system)
        self._view.answers(question, self._conversation.ask(question))

    def _score(self, reference: str) -> None:
        if not self._conversation.turns:
            raise ConfigError(
                "/reference: belongs to an answer, and there is none yet; ask something first"
            )
        parts = self._scorer.score(self._conversation.turns[-1], reference)
        self._say(f"scored by {self._scorer.description}")
        self._view.scores(reference, parts)
