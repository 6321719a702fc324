"""The suite ``commonsense``: seven multiple-choice tasks and HellaSwag from one local file, scored by the LM Evaluation Harness.

The file has the test questions as LLM-Adapters publishes them (Hu et al. 2023, arXiv 2304.01933), where the options stand inside of an
instruction. They are taken out of it, so that a policy is asked what the harness's own tasks ask, in the same words.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.data.rows import Problem
from rlsr.data.sources import read_rows
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation.suites.asked import settings_of_suite
from rlsr.evaluation.suites.harness import HarnessSuite, load_parts
from rlsr.models import Device

NAME = "commonsense"

_OPTION = re.compile(r"\b(?:Answer|Option|Solution|Ending)(\d+):", flags=re.ASCII)
_RIGHT = re.compile(r"(?:answer|option|solution|ending)(\d+)", flags=re.ASCII)
_FORM = re.compile(r"\s*Answer format:[^\n]*\Z")
_HEAD = re.compile(
    r"Please (?:choose the correct (?:answer|solution) to the question|choose the correct answer to fill in the blank to complete the "
    r"given sentence|choose the correct ending to complete the given sentence|answer the following question with true or false, "
    r"question):\s*"
)

Doc = dict[str, Any]
"""One question as the harness reads it: ``query``, ``choices``, ``gold`` and, where the options are beginnings, ``ending``."""


def parse_question(task: str, prompt: str, answer: str) -> Doc:
    """Take a question out of its instruction.

    Args:
        task: As the file names it.
        prompt: The instruction, with options in it.
        answer: The right option, as in ``answer3`` or ``true``.

    Returns:
        What is asked as the harness's own task asks it, the options, and the place of the right one.

    Raises:
        ValueError: There is no such task, or it is not written as its questions are.
    """
    if task not in _TASKS:
        raise ValueError(f"task must be one of {', '.join(_TASKS)}, got {task!r}")
    head = _HEAD.match(prompt)
    if head is None:
        raise ValueError(f"prompt must be a question as LLM-Adapters has them, got {prompt[:60]!r}")
    body = _FORM.sub("", prompt[head.end() :])
    if task == "boolq":
        options, right = ["no", "yes"], {"false": 0, "true": 1}.get(answer)
    else:
        body, options = _split(body)
        number = _RIGHT.fullmatch(answer)
        right = int(number[1]) - 1 if number else None
    if right is None or not 0 <= right < len(options):
        raise ValueError(f"answer must name one of {len(options)} options, got {answer!r}")
    return _TASKS[task][1](body, options, right)


def _split(body: str) -> tuple[str, list[str]]:
    """Part a question and its options."""
    marks = list(_OPTION.finditer(body))
    numbers = [int(mark[1]) for mark in marks]
    if len(marks) < 2 or numbers != list(range(1, len(marks) + 1)):
        raise ValueError(f"prompt must have options that are numbered from 1, got {numbers}")
    ends = [*(mark.start() for mark in marks[1:]), len(body)]
    options = [body[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    if not all(options):
        raise ValueError(
            "prompt must have a text behind the number of each option, got an empty one"
        )
    return body[: marks[0].start()].strip(), options


def _question(body: str, choices: list[str], gold: int) -> Doc:
    return {"query": f"Question: {body}\nAnswer:", "choices": choices, "gold": gold}


def _plain(body: str, choices: list[str], gold: int) -> Doc:
    return {"query": body, "choices": choices, "gold": gold}


def _social(body: str, choices: list[str], gold: int) -> Doc:
    return {"query": f"Q: {body}\nA:", "choices": choices, "gold": gold}


def _yes_or_no(body: str, choices: list[str], gold: int) -> Doc:
    return _question(f"{body.rstrip('?').rstrip()}?", choices, gold)


def _blank(body: str, choices: list[str], gold: int) -> Doc:
    """Put each option into the blank; what follows it is what is asked how likely it is."""
    before, found, after = body.partition("_")
    if not found:
        raise ValueError(f"prompt must have a blank, written _, got {body!r}")
    beginnings = [before + option for option in choices]
    return {"query": body, "choices": beginnings, "gold": gold, "ending": after.strip()}


def _activity(body: str, choices: list[str], gold: int) -> Doc:
    return {"query": _tidy(body), "choices": [_tidy(one) for one in choices], "gold": gold}


def _tidy(text: str) -> str:
    """Take the marks of WikiHow out, as the harness does."""
    text = re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". "))
    return text.replace("  ", " ")


_TASKS: Mapping[str, tuple[str, Callable[[str, list[str], int], Doc]]] = {
    "ARC-Easy": ("arc_easy", _question),
    "ARC-Challenge": ("arc_challenge", _question),
    "winogrande": ("winogrande", _blank),
    "piqa": ("piqa", _question),
    "social_i_qa": ("social_iqa", _social),
    "openbookqa": ("openbookqa", _plain),
    "boolq": ("boolq", _yes_or_no),
    "hellaswag": ("hellaswag", _activity),
}
"""By name in the file: the harness's task of the same questions, and what asks them in its words."""

_BY_TEXT_ALONE = ("winogrande", "boolq")
"""Tasks without ``acc_norm``: the same ending is asked of every option, or the options are two words."""


def task_of(name: str, docs: Sequence[Doc]) -> dict[str, Any]:
    """Write a task down as the harness's files of tasks do.

    Args:
        name: Of the task.
        docs: Its questions.

    Returns:
        What ``lm_eval.tasks.TaskManager.load`` takes.
    """
    metrics = ["acc"] if name in _BY_TEXT_ALONE else ["acc", "acc_norm"]
    asks_beginnings = "ending" in docs[0]
    return {
        "task": name,
        "custom_dataset": lambda **_: {"test": _as_dataset(docs)},
        "output_type": "multiple_choice",
        "test_split": "test",
        "fewshot_split": "test",
        "doc_to_text": "gold" if asks_beginnings else "query",
        "doc_to_target": "ending" if asks_beginnings else "gold",
        "doc_to_choice": "choices",
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True}
            for metric in metrics
        ],
    }


def _as_dataset(docs: Sequence[Doc]) -> Any:
    from datasets import Dataset

    return Dataset.from_list(list(docs))


def read_commonsense(path: str) -> dict[str, list[Doc]]:
    """Read the questions.

    Args:
        path: A file with rows of ``task``, ``prompt`` and ``answer``.

    Returns:
        Questions by name of the harness's task, in the order of the file.

    Raises:
        DataError: It cannot be read, or a row is no such question.
    """
    tasks: dict[str, list[Doc]] = {}
    for row in read_rows(path):
        if isinstance(row, Problem):
            raise DataError(row.line)
        value = row.value if isinstance(row.value, Mapping) else {}
        fields = [value.get(name) for name in ("task", "prompt", "answer")]
        if not all(isinstance(one, str) for one in fields):
            raise DataError(
                f'{row.location}: rows of {NAME} have task, prompt and answer, as in {{"task": "piqa", "prompt": "Please choose the '
                'correct solution to the question: ...", "answer": "solution1"}'
            )
        try:
            doc = parse_question(*map(str, fields))
        except ValueError as error:
            raise DataError(f"{row.location}: {error}") from error
        tasks.setdefault(_TASKS[str(fields[0])][0], []).append(doc)
    return tasks


def open_commonsense(config: RunConfig, dataset: Dataset, device: Device) -> HarnessSuite:
    """Read the questions, and hand them to the harness.

    Args:
        config: The config of a run: ``evaluation.suites.commonsense``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        ConfigError: No file is named.
        MissingPackageError: The harness is not installed.
        DataError: The file cannot be read, or is something else.
    """
    settings = settings_of_suite(
        config, NAME, reads=("path", "num_prompts", "num_fewshot", "chat_template")
    )
    if settings.path is None:
        raise ConfigError(
            f"evaluation.suites.{NAME}.path: names the file of the questions, got none: --suite {NAME}=FILE, where FILE has the test "
            "questions of github.com/AGI-Edgerunners/LLM-Adapters with their task; --suite lm_eval-arc_easy and others ask the hub"
        )
    tasks = read_commonsense(settings.path)
    parts = load_parts(NAME, [task_of(name, docs) for name, docs in tasks.items()], defaults=False)
    return HarnessSuite(NAME, parts, settings)
