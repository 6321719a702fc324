"""The held-out evaluation of a planned run."""

from rlsr.embeddings import Embedder
from rlsr.evaluation import Evaluation, PairEvaluation
from rlsr.evaluation.suites import HeldoutSuite
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
        return PairEvaluation(records, config, plan.processes)
    suite = HeldoutSuite(records, reward=reward, independent=independent, config=config)
    return Evaluation(suite, config, plan.processes)


def measures_heldout(plan: RunPlan) -> bool:
    """Say whether policies are measured on held-out prompts.

    Args:
        plan: What was planned.
    """
    return plan.config.evaluation.enabled and bool(plan.dataset.heldout)
