"""The suite ``gsm8k``: word problems of elementary school, of which the answer is a number.

Cobbe et al. 2021 (arXiv 2110.14168).
"""

from collections.abc import Mapping, Sequence
from contextlib import closing

from rlsr.answers.places import behind
from rlsr.config import RunConfig
from rlsr.config.verifiers import NumericReward
from rlsr.data import Dataset
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Problem
from rlsr.data.sources import read_rows
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation.suites.asked import sample, settings_of_suite
from rlsr.evaluation.suites.suite import Scored, Suite
from rlsr.models import Device
from rlsr.rewards import RewardBatch
from rlsr.rewards.verifiers.numeric import NumericAnswer

NAME = "gsm8k"
MAX_RESPONSE_TOKENS = 512
RIGHT = "exact_match"
"""Named as the harness names it."""
_FIELDS = (("question", "answer"), ("prompt", "response"))
"""What rows call the problem and its solution: as published, and as this project's data has them."""
_MARK = "####"


class Gsm8kSuite(Suite):
    """Asks word problems, and compares the last number of an answer to the solution's.

    Args:
        records: The problems; the reference ends with the right number.
        max_response_tokens: Where an answer is cut.
    """

    def __init__(self, records: Sequence[PromptRecord], max_response_tokens: int) -> None:
        self._records = tuple(records)
        self._max_response_tokens = max_response_tokens

    @property
    def records(self) -> tuple[PromptRecord, ...]:
        """The problems, with their solutions as references."""
        return self._records

    @property
    def max_response_tokens(self) -> int:
        """Where an answer is cut."""
        return self._max_response_tokens

    @property
    def right_metric(self) -> str:
        """The right number."""
        return RIGHT

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Compare numbers, exactly.

        Args:
            responses: One a problem.
            ended: Whether each ended by itself; None where that is not known.

        Returns:
            ``exact_match``: 1 where the last number of the answer is the right one, else 0; and the number that was read.
        """
        with closing(NumericAnswer(NumericReward())) as verifier:
            found = verifier.score(RewardBatch(self._records, responses, ended))
            numbers = [verifier.last_number(response) for response in responses]
        return Scored({RIGHT: found.heldout["reward"]}, {"number": numbers})


def open_gsm8k(config: RunConfig, dataset: Dataset, device: Device) -> Gsm8kSuite:
    """Read the problems.

    Args:
        config: The config of a run: ``evaluation.suites.gsm8k``.
        dataset: Is not looked at.
        device: Nothing is held on it.

    Raises:
        ConfigError: No file is named.
        DataError: It cannot be read, or is something else.
    """
    settings = settings_of_suite(config, NAME, reads=("path", "num_prompts", "max_response_tokens"))
    if settings.path is None:
        raise ConfigError(
            f"evaluation.suites.{NAME}.path: names the file of the problems, got none: --suite {NAME}=FILE, where FILE is test.jsonl of "
            "github.com/openai/grade-school-math, or has rows with prompt and response"
        )
    records = sample(read_gsm8k(settings.path), settings.num_prompts)
    return Gsm8kSuite(records, settings.max_response_tokens or MAX_RESPONSE_TOKENS)


def read_gsm8k(path: str) -> list[PromptRecord]:
    """Read the problems.

    Args:
        path: A file with ``question`` and ``answer`` as published, or with ``prompt`` and ``response``; the right number stands
            behind ``####`` at the end of the solution, or in ``final``.

    Returns:
        Problems with their solutions, each ending with ``####`` and the right number.

    Raises:
        DataError: It cannot be read, or a row has no problem or no number.
    """
    records = []
    for place, row in enumerate(read_rows(path)):
        if isinstance(row, Problem):
            raise DataError(row.line)
        record = _record(place, row.location, row.value)
        if record is None:
            raise DataError(
                f"{row.location}: rows of {NAME} have question and answer, or prompt and response, and the right number behind "
                f"{_MARK} or in final, as in "
                '{"question": "What is 2 and 3?", "answer": "2 + 3 = 5\\n#### 5"}'
            )
        records.append(record)
    return records


def _record(place: int, location: str, row: object) -> PromptRecord | None:
    if not isinstance(row, Mapping):
        return None
    for problem, solution in _FIELDS:
        asked, solved = row.get(problem), row.get(solution)
        if isinstance(asked, str) and asked.strip() and isinstance(solved, str):
            break
    else:
        return None
    number = behind(solved, _MARK) or row.get("final")
    written = "" if number is None else str(number)
    with closing(NumericAnswer(NumericReward())) as verifier:
        if verifier.last_number(written) is None:
            return None
    steps = solved.partition(_MARK)[0].strip()
    return PromptRecord(
        str(place),
        (Message("user", asked),),
        f"{steps}\n{_MARK} {written}".strip(),
        location,
    )
