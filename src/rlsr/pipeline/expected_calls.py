"""What a run will ask of the server behind its reward, so that a budget can be chosen before it is spent."""

import math

from rlsr.data.stored import Joined
from rlsr.pipeline.plan import RunPlan
from rlsr.rewards import RewardBatch, reward_kind


def expected_calls(plan: RunPlan) -> dict[str, int]:
    """Count the questions about all responses of a run.

    Args:
        plan: What it will do.

    Returns:
        The most that it takes to its last step; equal responses and kept answers make it less. By the setting of each server that
        the reward asks.
    """
    config = plan.config
    kind = reward_kind(config)
    if not kind.endpoints(config):
        return {}
    records = Joined(plan.train, plan.dataset.heldout)
    # Any response: how many questions it takes depends on its references.
    asked = kind.questions(config, RewardBatch(records, ["response"] * len(records)))
    responses = _num_responses(plan)
    return {
        setting: math.ceil(responses * len(bodies) / len(records))
        for setting, bodies in asked.items()
    }


def _num_responses(plan: RunPlan) -> int:
    config = plan.config
    trained = plan.num_steps * config.training.prompts_per_step * config.method.num_sampled
    num_heldout = len(plan.dataset.heldout) if config.evaluation.enabled else 0
    along = min(num_heldout, config.evaluation.during_prompts or num_heldout)
    measured = plan.num_steps // config.validation.every_steps + 2
    validated = 0 if config.validation_metric == "nll" else measured * len(plan.validation)
    return trained + 2 * num_heldout + len(config.evaluation.during) * along + validated
