"""What measures policies before, while and after they are trained."""

from collections.abc import Callable, Mapping, Sequence

from rlsr.evaluation.suites import load_independent
from rlsr.models import Policy
from rlsr.pipeline.heldout import make_evaluation, measures_heldout
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.validation import make_validation
from rlsr.rewards import Reward
from rlsr.rewards.protocol import Scores
from rlsr.runs.rows import HeldoutRow


class Measuring:
    """Held-out prompts before, along the way and after, and validation prompts; one encoder serves all of it.

    Args:
        plan: Of the run.
        reward: Scores answers.
    """

    def __init__(self, plan: RunPlan, reward: Reward) -> None:
        self._plan = plan
        self._reward = reward
        validates = plan.validation and plan.config.validation_metric == "independent_similarity"
        needed = measures_heldout(plan) or validates
        self._independent = load_independent(plan.config, plan.device) if needed else None
        self.evaluation = make_evaluation(plan, reward, self._independent)

    def validate(self, tokens_per_pass: int) -> Callable[[Policy], Mapping[str, Scores]] | None:
        """Give what measures a policy on validation prompts; None where there are none."""
        plan = self._plan
        if not plan.validation:
            return None
        return make_validation(
            plan.config,
            plan.validation,
            reward=self._reward,
            independent=self._independent,
            tokens_per_pass=tokens_per_pass,
            processes=plan.processes,
        )

    @property
    def answer_heldout(self) -> Callable[[Policy], Sequence[HeldoutRow]] | None:
        """Give what lets a policy answer held-out prompts along the way; None where it does not."""
        settings = self._plan.config.evaluation
        if not settings.during or self.evaluation is None:
            return None
        evaluation = make_evaluation(
            self._plan, self._reward, self._independent, num_prompts=settings.during_prompts
        )
        assert evaluation is not None, "all of them can be measured"
        return lambda policy: evaluation.rows(evaluation.run(policy))
