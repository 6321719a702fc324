"""The held-out evaluation of a planned run."""

from rlsr.evaluation import Evaluation
from rlsr.evaluation.suites import HeldoutSuite, load_independent
from rlsr.pipeline.plan import RunPlan
from rlsr.rewards import Reward


def make_evaluation(plan: RunPlan, reward: Reward) -> Evaluation | None:
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
    independent = load_independent(config, plan.device)
    suite = HeldoutSuite(
        plan.dataset.heldout, reward=reward, independent=independent, config=config
    )
    return Evaluation(suite, config, plan.processes)
