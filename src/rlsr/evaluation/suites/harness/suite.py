"""A suite of tasks of the harness: it asks the policy itself, and we keep every item."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.config.suites import SuiteConfig
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import EvaluationError
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.suites.asked import sample
from rlsr.evaluation.suites.harness.items import Sample, item_of, items_to_scores
from rlsr.evaluation.suites.harness.surroundings import SEED, hushed, seeded
from rlsr.evaluation.suites.suite import AskingSuite, Scored

logger = logging.getLogger(__name__)

Task = Any
"""A task of the harness, which has no types."""

_MULTIPLE_CHOICE = "multiple_choice"
_MEANS = ("mean", "nanmean")
"""What the harness calls the aggregations that are means over the items."""


class HarnessSuite(AskingSuite):
    """Asks a policy tasks of the harness, in its prompts and by its scoring.

    Args:
        name: Of the suite, for messages.
        parts: Loaded tasks by part of the suite.
        settings: How many items of each task are asked, with how many examples, and whether through the chat template.

    Raises:
        EvaluationError: No task has a metric that is a mean over its items.
    """

    @seeded()
    def __init__(
        self, name: str, parts: Mapping[str, Sequence[Task]], settings: SuiteConfig
    ) -> None:
        self._name = name
        self._parts = parts
        self._settings = settings
        self._tasks: list[Task] = [task for tasks in parts.values() for task in tasks]
        _require_means(name, self._tasks)
        # By task the places of its items that are asked.
        self._places: dict[str, list[int]] = {}
        self._options: dict[str, Sequence[str] | None] = {}
        self._records: list[PromptRecord] = []
        for part, tasks in parts.items():
            for task in tasks:
                self._read(part, task)

    def _read(self, part: str, task: Task) -> None:
        docs = _pinned(task)
        places = sample(range(len(docs)), self._settings.num_prompts)
        self._places[task.task_name] = places
        for place in places:
            doc = docs[place]
            options = task.doc_to_choice(doc) if task.OUTPUT_TYPE == _MULTIPLE_CHOICE else None
            record = _record(task, part, place, doc, options)
            self._records.append(record)
            self._options[record.id] = options

    @property
    def records(self) -> Sequence[PromptRecord]:
        """The items: as prompt what the task asks, without examples, and as reference what is right."""
        return self._records

    @property
    def answers_in_words(self) -> str | None:
        """Say how items are answered."""
        kinds = {task.OUTPUT_TYPE for task in self._tasks}
        if kinds == {_MULTIPLE_CHOICE}:
            return "options by their likelihood"
        return "as its tasks have it"

    @seeded()
    def ask(self, asker: Asker) -> tuple[Sequence[str], Scored]:
        """Let the harness ask the policy.

        Args:
            asker: The policy.

        Returns:
            What it chose or wrote, and the metrics of the harness item by item.

        Raises:
            EvaluationError: The harness cannot ask this policy these tasks.
        """
        listed = self._listed(asker)
        items = {
            part: [
                item_of(
                    listed[_id(task, place)],
                    options=self._options[_id(task, place)],
                    averaged=_averaged(task),
                )
                for task in tasks
                for place in self._places[task.task_name]
            ]
            for part, tasks in self._parts.items()
        }
        found = [item for part in items.values() for item in part]
        likelihoods = [item.log_likelihoods for item in found]
        return [item.response for item in found], Scored(
            items_to_scores(items),
            {"log_likelihoods": likelihoods} if any(likelihoods) else {},
        )

    def _listed(self, asker: Asker) -> dict[str, list[Sample]]:
        """Ask, and list by record what the harness says of it."""
        listed: dict[str, list[Sample]] = {}
        for name, samples in self.results(asker)["samples"].items():
            for one in samples:
                listed.setdefault(f"{name}:{one['doc_id']}", []).append(one)
        return listed

    def results(self, asker: Asker) -> dict[str, Any]:
        """Ask a policy as the harness's own command does.

        Args:
            asker: The policy.

        Returns:
            What the harness's ``evaluate`` returns, its aggregates included.

        Raises:
            EvaluationError: The harness cannot ask this policy these tasks.
        """
        from lm_eval.evaluator import evaluate

        from rlsr.evaluation.suites.harness.policy import AskedPolicy

        for task in self._tasks:
            _take_examples(task, self._settings.num_fewshot)
        with hushed("lm_eval"):
            policy = AskedPolicy(asker)
        try:
            with hushed("lm_eval.evaluator"), seeded():
                found: dict[str, Any] = evaluate(
                    lm=policy,
                    task_dict={"tasks": {task.task_name: task for task in self._tasks}},
                    samples=None if self._settings.num_prompts is None else self._places,
                    bootstrap_iters=0,
                    apply_chat_template=self._settings.chat_template,
                    fewshot_as_multiturn=True,
                )
        except (AssertionError, ValueError) as error:
            raise EvaluationError(
                f"suite {self._name!r}: the LM Evaluation Harness cannot ask this policy: {error}"
            ) from error
        return found


def _pinned(task: Task) -> Any:
    """Read the items of a task once and for all: some tasks draw the order of their options whenever they are asked for items."""
    docs = task.eval_docs
    setattr(task, "test_docs" if task.has_test_docs() else "validation_docs", lambda: docs)
    return docs


def _take_examples(task: Task, number: int | None) -> None:
    """Say how many examples stand before an item, as the harness's command does it; a task that forbids them has none."""
    own = task.get_config("num_fewshot")
    if own == 0 and number:
        logger.warning("%s takes no examples, so that num_fewshot has no effect on it", task.task_name)  # fmt: skip
    elif own is None or number is not None:
        task.set_config("num_fewshot", number or 0)
    task.set_fewshot_seed(seed=SEED)


def _require_means(name: str, tasks: Sequence[Task]) -> None:
    left_out = {
        metric: task.task_name
        for task in tasks
        for metric, is_mean in _averaged(task).items()
        if not is_mean
    }
    if not any(is_mean for task in tasks for is_mean in _averaged(task).values()):
        raise EvaluationError(
            f"suite {name!r}: nothing would be measured, since {', '.join(left_out)} is no mean over items, so that it has no "
            "interval over them and no paired difference; ask the harness itself (lm_eval run), or name a task with acc or exact_match"
        )
    for metric, task_name in left_out.items():
        logger.warning("suite %r: %s of %s is left out, since it is no mean over items", name, metric, task_name)  # fmt: skip


def _averaged(task: Task) -> dict[str, bool]:
    """Say of the metrics of a task whether the harness reports their means over items."""
    return {
        metric: getattr(aggregation, "__name__", "") in _MEANS
        for metric, aggregation in task.aggregation().items()
    }


def _record(
    task: Task, part: str, place: int, doc: Any, options: Sequence[str] | None
) -> PromptRecord:
    asked, right = task.doc_to_text(doc), task.doc_to_target(doc)
    if isinstance(asked, int) and options is not None:
        # The options are beginnings of one text, as in Winogrande, and the number says which is right.
        number, ending = asked, right
        asked, right = "\n".join(f"{option} {ending}" for option in options), options[number]
    several = right if isinstance(right, list) else [right]
    texts = [_target(one, options) for one in several]
    return PromptRecord(
        _id(task, place),
        (Message("user", str(asked)),),
        texts[0] if texts else "",
        _id(task, place),
        part,
        other_references=tuple(dict.fromkeys(texts[1:])),
    )


def _target(right: object, options: Sequence[str] | None) -> str:
    if options is not None and isinstance(right, int) and 0 <= right < len(options):
        return options[right]
    return str(right)


def _id(task: Task, place: int) -> str:
    return f"{task.task_name}:{place}"
