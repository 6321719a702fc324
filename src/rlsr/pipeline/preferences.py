"""The worse answers of preference training: those of the data, or the worst of the policy's own samples."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np

from rlsr.config import RunConfig
from rlsr.config.preference import PairMethod
from rlsr.data import PromptRecord
from rlsr.data.stored import take
from rlsr.engines.prompt_order import prompts_of_steps
from rlsr.errors import DataError
from rlsr.models import Policy
from rlsr.processes import ALONE, Processes
from rlsr.rewards import Reward, RewardBatch
from rlsr.rewards.protocol import Scores
from rlsr.runs import RunDirectory

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]

NOTHING_SCORED = "none of their responses could be scored"
EMPTY = "their worst response is empty"
SAME = "their worst response is the reference"


@dataclass(frozen=True)
class Pairs:
    """What preference training learns from."""

    records: Sequence[PromptRecord]
    """The training prompts, each with a rejected answer."""
    beside: tuple[tuple[PromptRecord, ...], ...]
    """The same of the groups of prompts that pairs were asked for beside them."""
    warnings: tuple[str, ...]
    """What was left out."""


def rejected_source(
    method: PairMethod, records: Sequence[PromptRecord]
) -> Literal["data", "worst_sample"]:
    """Decide where the worse answers come from.

    Args:
        method: Its ``rejected`` may be ``auto``.
        records: The training prompts.

    Returns:
        ``data`` or ``worst_sample``.

    Raises:
        DataError: The config says ``data``, and rows have no rejected answer.
    """
    missing = [record for record in records if record.rejected is None]
    if method.rejected == "auto":
        return "worst_sample" if missing else "data"
    if method.rejected == "data" and missing:
        raise DataError(
            f"method.rejected: data asks for a `rejected` answer in every training row, but {len(missing)} of "
            f"{len(records)} have none, the first one is {missing[0].location}; add them, or use "
            "method.rejected=worst_sample"
        )
    return method.rejected


def make_pairs(  # noqa: PLR0913 - what is paired, by what, where to, and who watches
    config: RunConfig,
    records: Sequence[PromptRecord],
    *,
    policy: Callable[[], Policy],
    reward: Reward,
    run: RunDirectory,
    beside: Sequence[Sequence[PromptRecord]] = (),
    processes: Processes = ALONE,
    on_progress: Callable[[int, int], None] | None = None,
) -> Pairs:
    """Give every prompt that training will use a worse answer.

    Samples are written to the run before they are used, and a resumed run takes those: another draw would be another run.

    Args:
        config: The resolved config, of a preference method.
        records: The training prompts.
        policy: Gives the policy before training, which samples answers where the data have none.
        reward: Tells which of them is the worst.
        run: Where they are kept.
        beside: Groups of prompts that are not trained on and get a worse answer, too.
        processes: Those that train together; the first one samples.
        on_progress: Told how many prompts are answered, of how many.

    Raises:
        DataError: Rows have no rejected answer though the config asks for it, or no prompt has a worse answer.
    """
    assert isinstance(config.method, PairMethod), "other methods need no pairs"
    if rejected_source(config.method, [*records, *chain.from_iterable(beside)]) == "data":
        return Pairs(records, tuple(map(tuple, beside)), ())
    rows: Sequence[Row] = ()
    if processes.is_main:
        kept = run.read_preferences()
        if kept is None:
            used = [*used_records(config, records), *chain.from_iterable(beside)]
            rows = _sample(config, used, policy(), reward, on_progress)
            run.write_preferences(rows)
        else:
            rows = kept
    return _from_rows(processes.from_main(rows), records, beside)


def used_records(config: RunConfig, records: Sequence[PromptRecord]) -> Sequence[PromptRecord]:
    """Find the prompts that the steps of a run come to.

    Args:
        config: The resolved config.
        records: The training prompts.

    Returns:
        Those, in the order of the data.
    """
    training = config.training
    assert training.steps is not None, "resolved by the plan"
    if training.steps * training.prompts_per_step >= len(records):
        return records
    steps = prompts_of_steps(
        len(records),
        prompts_per_step=training.prompts_per_step,
        num_steps=training.steps,
        seed=config.seed,
    )
    return take(records, np.sort(np.fromiter(chain.from_iterable(steps), int)))


def _sample(
    config: RunConfig,
    records: Sequence[PromptRecord],
    policy: Policy,
    reward: Reward,
    on_progress: Callable[[int, int], None] | None,
) -> list[Row]:
    import torch

    from rlsr.models.generate import generate_responses

    method = config.method
    assert isinstance(method, PairMethod), "checked by the caller"
    assert method.max_response_tokens is not None, "resolved by the plan"
    torch.manual_seed(config.seed)
    groups = generate_responses(
        policy,
        [record.messages for record in records],
        num_generations=method.num_generations,
        max_response_tokens=method.max_response_tokens,
        batch_size=config.evaluation.batch_size,
        temperature=method.temperature,
        on_progress=on_progress,
    )
    texts = [[response.text for response in group] for group in groups]
    batch = RewardBatch(
        [record for record in records for _ in range(method.num_generations)],
        [text for group in texts for text in group],
        [not response.was_cut for group in groups for response in group],
    )
    compared = reward.learning_scores(batch.records, reward.score(batch))
    scores = compared.reshape(len(records), method.num_generations)
    return [
        preference_row(record, group, of_group)
        for record, group, of_group in zip(records, texts, scores, strict=True)
    ]


def preference_row(record: PromptRecord, responses: Sequence[str], scores: Scores) -> Row:
    """Pair a reference with the worst of some responses.

    Args:
        record: The prompt with its reference.
        responses: At least one.
        scores: Of the responses; NaN is unscored, and never the worst.

    Returns:
        A JSON-ready row; ``rejected`` is None, and ``left_out`` says why, where there is no worse answer.
    """
    scored = scores[~np.isnan(scores)]
    worst = int(np.nanargmin(scores)) if scored.size else None
    left_out = _why_left_out(record, None if worst is None else responses[worst])
    return {
        "id": record.id,
        "prompt": record.prompt,
        "chosen": record.reference,
        "rejected": None if worst is None or left_out else responses[worst],
        "score": None if worst is None else float(scores[worst]),
        "scores": {
            "num": len(scores),
            "num_unscored": len(scores) - len(scored),
            "lowest": float(scored.min()) if scored.size else None,
            "mean": float(scored.mean()) if scored.size else None,
            "highest": float(scored.max()) if scored.size else None,
        },
        "left_out": left_out,
    }


def _why_left_out(record: PromptRecord, worst: str | None) -> str | None:
    if worst is None:
        return NOTHING_SCORED
    if not worst.strip():
        return EMPTY
    return SAME if worst.strip() in {text.strip() for text in record.references} else None


def _from_rows(
    rows: Sequence[Row],
    records: Sequence[PromptRecord],
    beside: Sequence[Sequence[PromptRecord]],
) -> Pairs:
    """Put the answers of ``preferences.jsonl`` back to their records, and say what has none."""
    # An id names a record within its file alone, and what is measured may have one of its own: places tell them apart.
    start = len(rows) - sum(map(len, beside))
    pairs, measured = _paired(rows[:start], records), []
    for group in beside:
        measured.append(_paired(rows[start : start + len(group)], group))
        start += len(group)
    reasons = Counter(row["left_out"] for row in rows if row["rejected"] is None)
    if not reasons:
        return Pairs(pairs, tuple(measured), ())
    listed = "; ".join(f"{count} because {reason}" for reason, count in reasons.most_common())
    if not pairs:
        raise DataError(
            f"method.rejected: none of the {len(rows)} prompts got a worse answer from the policy: {listed}; raise "
            "method.num_generations, or give rows with a `rejected` answer"
        )
    warning = (
        f"{reasons.total()} of {len(rows)} prompts have no worse answer and are left out: {listed}"
    )
    logger.warning("%s", warning)
    return Pairs(pairs, tuple(measured), (warning,))


def _paired(rows: Sequence[Row], records: Sequence[PromptRecord]) -> tuple[PromptRecord, ...]:
    by_id = {record.id: record for record in records}
    return tuple(
        replace(by_id[row["id"]], rejected=row["rejected"])
        for row in rows
        if row["rejected"] is not None
    )
