"""The held-out evaluation of a planned run."""

from rlsr.embeddings import load_named_embedder
from rlsr.evaluation import HeldoutEvaluation
from rlsr.pipeline.plan import RunPlan
from rlsr.rewards import Reward


def make_evaluation(plan: RunPlan, reward: Reward) -> HeldoutEvaluation | None:
    """Put together what scores policies on the held-out prompts.

    Args:
        plan: What was planned.
        reward: What the policy is trained on.

    Returns:
        The evaluation; None where it is switched off or no prompt is held out.
    """
    config = plan.config
    if not config.evaluation.enabled or not plan.dataset.heldout:
        return None
    independent = config.evaluation.independent_embedding
    limit = config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    return HeldoutEvaluation(
        plan.dataset.heldout,
        reward=reward,
        independent=None if independent is None else load_named_embedder(independent, plan.device),
        config=config,
        max_response_tokens=limit,
        processes=plan.processes,
    )
