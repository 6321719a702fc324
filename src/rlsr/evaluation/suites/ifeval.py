"""The suite ``ifeval``: does a policy follow instructions that a program can check? It knows no encoder, and so no reward of one.

Zhou et al. 2023 (arXiv 2311.07911); prompts are ``google/IFEval``, and the checker is that of the LM Evaluation Harness.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Problem
from rlsr.data.sources import read_rows
from rlsr.errors import DataError, EvaluationError, MissingPackageError
from rlsr.evaluation.suites.asked import sample, settings_of_suite
from rlsr.evaluation.suites.suite import Scored, Suite
from rlsr.models import Device
from rlsr.packages import package_directory

logger = logging.getLogger(__name__)

NAME = "ifeval"
HUB_ID = "google/IFEval"
MAX_RESPONSE_TOKENS = 1280
"""As the harness has it."""
METRICS = (
    "prompt_level_strict_acc",
    "inst_level_strict_acc",
    "prompt_level_loose_acc",
    "inst_level_loose_acc",
)
"""As the harness names them: the share of the prompts of which all instructions are followed, and the share of the instructions
that are. Loose ones forgive a first or last line and asterisks around what follows them."""

Followed = Mapping[str, Any]
"""What the harness says of a response, by metric: whether all is followed, or a list of what is."""


class IfevalSuite(Suite):
    """Asks prompts with instructions, and checks which of them the answers follow.

    Args:
        rows: As the authors publish them.
        follows: Says what an answer follows of a row.
        max_response_tokens: Where an answer is cut.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        follows: Callable[[Mapping[str, Any], str], Followed],
        max_response_tokens: int,
    ) -> None:
        self._rows = tuple(rows)
        self._follows = follows
        self._max_response_tokens = max_response_tokens
        self._records = tuple(map(_record, self._rows))

    @property
    def records(self) -> tuple[PromptRecord, ...]:
        """The prompts; what stands in place of a reference are their instructions."""
        return self._records

    @property
    def max_response_tokens(self) -> int:
        """Where an answer is cut."""
        return self._max_response_tokens

    @property
    def right_metric(self) -> str:
        """An answer is right where it follows everything, strictly."""
        return METRICS[0]

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Check what each answer follows.

        Args:
            responses: One a prompt.
            ended: Is not looked at.

        Returns:
            The metrics of the harness. Those of instructions are shares of all instructions: a prompt with two counts twice as
            much as a prompt with one, so its number may be above 1, and their mean is the share that the harness reports.
        """
        per_prompt = sum(len(row["instruction_id_list"]) for row in self._rows) / len(self._rows)
        followed = [self._checked(*pair) for pair in zip(self._rows, responses, strict=True)]
        scores = {
            name: [None if one is None else _number(one[name], per_prompt) for one in followed]
            for name in METRICS
        }
        return Scored(scores, {"broken": [_broken(*one) for one in zip(self._rows, followed, strict=True)]})  # fmt: skip

    def _checked(self, row: Mapping[str, Any], response: str) -> Followed | None:
        try:
            return self._follows(row, response)
        except Exception as error:  # noqa: BLE001 - an hour of answers is not lost for one that the checker cannot read
            logger.warning("ifeval: prompt %s is left unscored: its checker failed: %r", row["key"], error)  # fmt: skip
            return None


def open_ifeval(config: RunConfig, dataset: Dataset, device: Device) -> IfevalSuite:
    """Read the prompts, and load the checker.

    Args:
        config: The config of a run: ``evaluation.suites.ifeval``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        MissingPackageError: The checker is not installed.
        EvaluationError: What the checker reads is not there.
        DataError: The prompts cannot be read.
    """
    settings = settings_of_suite(config, NAME, reads=("path", "num_prompts", "max_response_tokens"))
    follows, known = _load_checker()
    rows = read_ifeval(settings.path or HUB_ID)
    for row in rows:
        for name in row["instruction_id_list"]:
            if name not in known:
                raise DataError(
                    f"{settings.path or HUB_ID}: key {row['key']}: the checker of {NAME} knows no instruction {name!r}"
                )
    asked = sample(rows, settings.num_prompts)
    return IfevalSuite(asked, follows, settings.max_response_tokens or MAX_RESPONSE_TOKENS)


def read_ifeval(path: str) -> list[Mapping[str, Any]]:
    """Read the prompts as their authors publish them.

    Args:
        path: A file of JSON lines, or the id of a dataset on the hub.

    Returns:
        Rows with ``key``, ``prompt``, ``instruction_id_list`` and, for each instruction, ``kwargs``.

    Raises:
        DataError: It cannot be read, or is something else.
    """
    try:
        rows = list(read_rows(path))
    except DataError as error:
        if path != HUB_ID:
            raise
        raise DataError(
            f"{error}; the 541 prompts of {NAME} are also input_data.jsonl of github.com/google-research/google-research/tree/master/"
            f"instruction_following_eval: --suite {NAME}=input_data.jsonl"
        ) from error
    for row in rows:
        if isinstance(row, Problem):
            raise DataError(row.line)
        if wrong := _what_is_wrong(row.value):
            raise DataError(
                f"{row.location}: {wrong}; rows of {NAME} have key, prompt, instruction_id_list and kwargs, as in "
                '{"key": 1, "prompt": "...", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}'
            )
    return [row.value for row in rows if isinstance(row.value, Mapping)]  # type: ignore[union-attr]


def _what_is_wrong(row: object) -> str | None:
    if not isinstance(row, Mapping):
        return "is no object"
    missing = [
        name for name in ("key", "prompt", "instruction_id_list", "kwargs") if name not in row
    ]
    if missing:
        return f"has no {' and no '.join(missing)}"
    names, settings = row["instruction_id_list"], row["kwargs"]
    if not isinstance(row["prompt"], str) or not row["prompt"].strip():
        return "prompt must be a text"
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        return f"instruction_id_list must be a list of names, got {names!r}"
    if not isinstance(settings, list) or len(settings) != len(names) or not all(isinstance(one, Mapping) for one in settings):  # fmt: skip
        return (
            f"kwargs must be a list of {len(names)} objects, one an instruction, got {settings!r}"
        )
    return None


def _load_checker() -> tuple[Callable[[Mapping[str, Any], str], Followed], Collection[str]]:
    """Load what says which instructions of a row an answer follows, and name those that it knows."""
    for module, package in (
        ("lm_eval", "lm-eval"),
        ("langdetect", "langdetect"),
        ("immutabledict", "immutabledict"),
    ):
        if package_directory(module) is None:
            raise MissingPackageError(package, f"check the answers of {NAME}", "pip install 'rlsr[eval]'")  # fmt: skip
    import langdetect
    import nltk

    try:
        nltk.data.find("tokenizers/punkt_tab")
    except LookupError as error:
        raise EvaluationError(
            f"{NAME}: its checker counts sentences by NLTK's data punkt_tab, which are not on this machine: python -m nltk.downloader "
            "punkt_tab gets them where there is a network; elsewhere put them into nltk_data/tokenizers/ of the home directory, or "
            "name another place by NLTK_DATA"
        ) from error
    # Otherwise it guesses the language of a short text at random.
    langdetect.DetectorFactory.seed = 0
    from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT
    from lm_eval.tasks.ifeval.utils import process_results

    return lambda row, response: process_results(row, [response]), INSTRUCTION_DICT


def _record(row: Mapping[str, Any]) -> PromptRecord:
    return PromptRecord(
        str(row["key"]),
        (Message("user", row["prompt"]),),
        "\n".join(_instructions(row)),
        f"{NAME}:{row['key']}",
        row["instruction_id_list"][0].partition(":")[0],
    )


def _instructions(row: Mapping[str, Any]) -> Iterator[str]:
    """Name the instructions with their settings, those that are null left out."""
    for name, settings in zip(row["instruction_id_list"], row["kwargs"], strict=True):
        given = ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)
        yield f"{name} ({given})" if given else name


def _number(found: bool | list[bool], per_prompt: float) -> float:
    return sum(found) / per_prompt if isinstance(found, list) else float(found)


def _broken(row: Mapping[str, Any], followed: Followed | None) -> str | None:
    """Name the instructions that were not followed, strictly."""
    if followed is None:
        return None
    pairs = zip(_instructions(row), followed["inst_level_strict_acc"], strict=True)
    return "\n".join(name for name, is_followed in pairs if not is_followed) or "none"
