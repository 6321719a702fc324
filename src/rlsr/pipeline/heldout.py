"""The held-out evaluation of a planned run."""

from collections.abc import Sequence

from rlsr.data import PromptRecord
from rlsr.embeddings import Embedder
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation import Evaluation, PairEvaluation
from rlsr.evaluation.suites import HELDOUT, HeldoutSuite, require_heldout
from rlsr.pipeline.plan import RunPlan
from rlsr.rewards import Reward


def make_evaluation(
    plan: RunPlan, reward: Reward, independent: Embedder | None, *, num_prompts: int | None = None
) -> Evaluation | None:
    """Put together what scores policies on the held-out prompts.

    Args:
        plan: What was planned.
        reward: What the policy is trained on.
        independent: The encoder that the reward never saw; None where the config names none.
        num_prompts: How many of them, the first ones; None is all.

    Returns:
        The evaluation; None where it is switched off or no prompt is held out.
    """
    config, records = plan.config, plan.dataset.heldout[:num_prompts]
    if not measures_heldout(plan):
        return None
    if config.method.makes == "scorer":
        return evaluation_of_pairs(plan, records)
    suite = HeldoutSuite(records, reward=reward, independent=independent, config=config)
    return Evaluation(suite, config, plan.processes)


def evaluation_of_pairs(plan: RunPlan, records: Sequence[PromptRecord]) -> PairEvaluation:
    """Put together what measures scorers.

    Args:
        plan: What was planned.
        records: With rejected answers.
    """
    return PairEvaluation(records, plan.config, plan.processes)


def require_answerable(plan: RunPlan, suites: Sequence[str]) -> None:
    """Refuse to ask a scorer for answers, or about prompts that have one answer.

    Args:
        plan: What was planned.
        suites: Names of what it is to be measured by.

    Raises:
        ConfigError: A suite asks for answers.
        DataError: Nothing is held out, or a held-out row has no rejected answer.
    """
    if plan.config.method.makes != "scorer":
        return
    others = [name for name in suites if name != HELDOUT]
    if others:
        raise ConfigError(
            f"--suite: the method {plan.config.method.type} makes a scorer, which answers no prompts and is measured on held-out pairs "
            f"alone, got {others[0]}; leave it out"
        )
    require_heldout(plan.config, plan.dataset)
    missing = [record for record in plan.dataset.heldout if record.rejected is None]
    if missing:
        raise DataError(
            f"{plan.config.data.path}: a scorer is measured on pairs, but {len(missing)} of {len(plan.dataset.heldout)} held-out rows have no "
            f"`rejected` answer, the first one is {missing[0].location}; add them (those that a run has sampled are in its "
            "preferences.jsonl)"
        )


def measures_heldout(plan: RunPlan) -> bool:
    """Say whether policies are measured on held-out prompts.

    Args:
        plan: What was planned.
    """
    return plan.config.evaluation.enabled and bool(plan.dataset.heldout)
