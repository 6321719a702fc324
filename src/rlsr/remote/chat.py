"""A client of servers that speak OpenAI's chat completions: it keeps answers, counts what it asks, and ends with its budget."""

from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.config.remote import ChatEndpoint
from rlsr.errors import BudgetError
from rlsr.remote.client import Client
from rlsr.remote.kept_answers import Answer, KeptAnswers, question_of, total_tokens
from rlsr.remote.spending import Account, Spent, current_account
from rlsr.runs.cache import cache_directory

ANSWERS = "answers"
"""The cache directory of answers."""


class ChatClient(Client):
    """Asks a model behind a server, several requests at a time.

    What it asks counts for the run that is going on (``spending_in``); outside of runs for itself.

    Args:
        config: Which server and model, what may be asked, and which answers are kept.
        place: Where the config names them, for messages and for the account.
        afterwards: What a person does once an error is put right, as the end of the sentence "do this, then ...".

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, config: ChatEndpoint, place: str, afterwards: str) -> None:
        super().__init__(config, place, afterwards)
        self._budget = config.budget
        self._kept = KeptAnswers(cache_directory(ANSWERS), config)
        self._own_account = Account()

    def ask(self, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Ask several things at once, equal ones once.

        Args:
            bodies: What each request says besides the model: ``messages``, ``max_tokens``, ``temperature`` and the like.

        Returns:
            The answers, in the order of the requests.

        Raises:
            RemoteError: The server refuses the key, or knows no such model, or does not count the tokens that have a budget; the
                others are not asked any more.
            BudgetError: The budget is used up. What was under way is kept, so that it costs nothing the next time.
        """
        account = current_account() or self._own_account
        questions = {question_of(body): body for body in bodies}
        answers = self._kept.read(questions)
        missing = [question for question in questions if question not in answers]
        if len(bodies) > len(missing):
            account.add(self._place, Spent(cached=len(bodies) - len(missing)))
        found = self.each(lambda question: self._ask(questions[question], account), missing)
        for question, answer in zip(missing, found, strict=True):
            if answer is None:
                raise self._used_up(account.spent(self._place))
            answers[question] = answer
        return [answers[question_of(body)] for body in bodies]

    def _ask(self, body: Mapping[str, Any], account: Account) -> Answer | None:
        """Make one request; None where the budget has no room for it."""
        if not account.add(self._place, Spent(calls=1), within=self._budget):
            return None
        reply = self.post(body)
        if reply.content is None:
            return Answer(None, reply.cause)
        answer = _answer(reply.content, reply.cause)
        self._kept.write(body, answer)
        tokens = total_tokens(reply.content)
        if tokens is not None:
            account.add(self._place, Spent(tokens=tokens))
        elif self._budget.tokens is not None:
            raise self.error(
                "budget.tokens",
                "tokens must be counted by the server, and are not",
                f"no usage in the answer: {reply.cause}",
                "set budget.calls in its place",
            )
        return answer

    def _used_up(self, spent: Spent) -> BudgetError:
        calls = self._budget.calls
        is_calls = calls is not None and spent.calls >= calls
        limit = calls if is_calls else self._budget.tokens
        assert limit is not None, "what has no limit is not used up"
        setting = "budget.calls" if is_calls else "budget.tokens"
        way_out = f"{self._place}.{setting}={2 * limit}"
        found = self.error(
            setting,
            "the budget is used up",
            f"{spent.calls:,} calls, {spent.tokens:,} tokens, and {spent.cached:,} answers that were kept from before",
            f"raise it, as in {way_out}",
        )
        return BudgetError(str(found), way_out)


def _answer(content: Any, shown: str) -> Answer:
    try:
        choice: Any = content["choices"][0]
        text: Any = choice["message"]["content"]
        reason: Any = choice.get("finish_reason")
    except (LookupError, TypeError, AttributeError):
        return Answer(None, f"no chat completion in the answer: {shown}")
    # A model that ends at once has nothing to say: an answer, and an empty one.
    return Answer(
        text if isinstance(text, str) else "",
        is_cut=reason == "length",
        first_tokens=_first_tokens(choice),
    )


def _first_tokens(choice: Mapping[str, Any]) -> dict[str, float] | None:
    """Read the log-probabilities of the likeliest first tokens."""
    try:
        found = {one["token"]: float(one["logprob"]) for one in choice["logprobs"]["content"][0]["top_logprobs"]}  # fmt: skip
    except (LookupError, TypeError, ValueError):
        return None
    return found or None
