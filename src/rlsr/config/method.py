"""Methods that optimise the reward by GRPO; a method is a name with vetted defaults."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rlsr.config.base import ConfigTable
from rlsr.config.method_base import LearningRates, MethodTable


class AdvantageConfig(ConfigTable):
    """How rewards within the group of one prompt become advantages."""

    scale: Literal["group_std", "none"] = "group_std"
    """``group_std`` divides by max(standard deviation of the group, ``std_floor``); ``none`` only subtracts the mean."""
    std_floor: float = Field(default=0.02, ge=0)
    """Smallest divisor, in units of the reward: a group of nearly equal cosines is not blown up to full size."""
    min_std: float = Field(default=1e-6, ge=1e-9)
    """Groups whose rewards spread no more than this have no signal: they are counted and take no part in the update."""
    baseline: Literal["group", "prefix"] = "group"
    """What a reward is compared with. ``group``: the mean of its group. ``prefix``: for each token also what the reward says of the response
    up to there, in place of its end, over the mean of the group at the same place; the gradient keeps its mean and has less noise. It asks
    the reward about every ``prefix_tokens`` of each response, so that it is for rewards that cost next to nothing."""
    prefix_tokens: int = Field(default=8, ge=1)
    """Every how many tokens the reward is asked about the response up to there; without effect on the baseline ``group``."""
    cut: Literal["as_scored", "lowest", "at_most_mean"] = "as_scored"
    """What a response counts as that was cut at the longest. ``as_scored``: as the reward says, as in the paper, where nothing asks
    an answer to end. ``lowest``: as the lowest reward of its group, so that it never pays not to end, and short answers gain
    wherever many are cut. ``at_most_mean``: as no more than the mean of its group, so that it does not pay either, and to end is no
    merit of its own. ``metrics.jsonl`` and ``samples/`` still have its own reward."""


class RlsrMethod(MethodTable):
    """RLSR (arXiv 2510.14200): GRPO on the similarity to the reference. docs/papers.md gives each default its source."""

    title = "RLSR"
    paper = "2510.14200"
    hub_tag = "grpo"
    learns_from = "rollouts"
    learning_rates = LearningRates(adapters=1e-4, all_weights=1e-6)

    type: Literal["rlsr"] = "rlsr"
    num_generations: int = Field(default=8, ge=2)
    """Responses sampled for each prompt: the group."""
    update_subset: int | None = Field(default=None, ge=2)
    """Responses of each group that the update learns from: those whose rewards have the largest variance, which are some
    of the highest and some of the lowest (PODS, arXiv 2504.13818). Mean and standard deviation of the advantages are
    theirs, and so is the average of the loss. At most ``num_generations``; null is all responses."""
    kl_coefficient: float = Field(default=0.001, ge=0)
    """Weight of the KL divergence from the reference policy, the policy before training."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature of the rollouts, whose probabilities are learnt at it, too. Well below 1 responses are close to the greedy
    answer and fewer are cut; what 0.6 gave stands in docs/log.md."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus of the sampling; below 1 the rollouts are no longer samples of the policy that is updated."""
    loss_average: Literal["token", "sequence"] = "token"
    """``token``: every token of the batch weighs the same; ``sequence``: every response does, as in the GRPO paper."""
    updates_per_rollout: int = Field(default=1, ge=1)
    """Updates that learn from the same responses of a rollout, one after another. The first is on-policy; the probabilities that it finds
    are those that the ratios of the others are taken from."""
    prompts_per_update: int | None = Field(default=None, ge=1)
    """Prompts of a mini-batch, which divide ``training.prompts_per_step``: an update learns from so many prompts of the rollout with their
    whole groups, and the next one from others. The ratios of all of them are taken from the policy that wrote the rollout. With
    ``updates_per_rollout`` above 1 all mini-batches are gone through as often. null learns from the whole rollout at once."""
    clip: float = Field(default=0.2, gt=0, lt=1)
    """Half-width of the probability-ratio clip; without effect on the first update of a rollout."""
    advantage: AdvantageConfig = AdvantageConfig()
    """How rewards become advantages."""

    @field_validator("update_subset")
    @classmethod
    def _subset_of_the_group(cls, size: int | None, info: ValidationInfo) -> int | None:
        group = info.data.get("num_generations")
        if size is not None and group is not None and size > group:
            raise ValueError(
                f"must be at most method.num_generations = {group}, got {size}; sample more responses, or take null to "
                "learn from all of them"
            )
        return size

    @property
    def num_sampled(self) -> int:
        """The group."""
        return self.num_generations

    @property
    def responses_per_prompt(self) -> int:
        """Responses of a prompt that the update learns from."""
        return self.update_subset or self.num_generations

    @property
    def updates_per_step(self) -> int:
        """How often each response of a rollout is learnt from."""
        return self.updates_per_rollout

    def num_mini_batches(self, prompts_per_step: int) -> int:
        """Count the mini-batches of a rollout."""
        return prompts_per_step // (self.prompts_per_update or prompts_per_step)

    @property
    def extra_passes(self) -> int:
        """Passes without gradient over what an update learns from, of the policy that wrote it among them."""
        return super().extra_passes + int(self.prompts_per_update is not None)

    @property
    def needs_reference_policy(self) -> bool:
        """Whether the policy before training takes part."""
        return self.kl_coefficient > 0

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many responses a step samples and learns from."""
        subset, updates = self.update_subset, self.updates_per_rollout
        learnt = "" if subset is None else f", {subset} of each prompt's learnt from,"
        often = "" if updates == 1 else f", {updates} updates from them"
        if self.prompts_per_update is not None:
            updates *= self.num_mini_batches(num_prompts)
            often = f", {updates} updates from {self.prompts_per_update} prompts each"
        return f"{num_prompts} x {self.num_generations} responses{learnt}{often}"

    def training_in_words(self, reward: str) -> str:
        """Say what was sampled, rewarded and optimised."""
        subset = self.update_subset
        chosen = "" if subset is None else f" on the {subset} whose rewards vary most"
        return (
            f"{self.num_generations} responses to each prompt, rewarded by {reward}, optimised by "
            f"GRPO{chosen} (KL coefficient {self.kl_coefficient:g})"
        )


class SgrpoMethod(RlsrMethod):
    """S-GRPO (arXiv 2512.14100): GRPO with a supervised term on the label, which is the first reference of the prompt."""

    title = "S-GRPO"
    paper = "2512.14100"

    type: Literal["sgrpo"] = "sgrpo"  # type: ignore[assignment]  # the tag of a tagged union
    label_weight: float | None = Field(default=None, ge=0)
    """Weight of the supervised term, a mean over the label tokens of a step, beside the loss of GRPO; null is
    1 / ``num_generations``, as in the released code."""
    label_schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the weight goes on: constant, or down to 0 behind the last step of the run."""
    label_loss: Literal["nll", "ratio_clip", "one_sided_clip", "as_released"] = "nll"
    """The loss of a label token, with d its log-ratio to the policy before training and eps ``label_clip``. ``nll``:
    -log p, as in SFT; ``ratio_clip``: -clip(exp(d), 1 - eps, 1 + eps); ``one_sided_clip``: -min(exp(d), 1 + eps);
    ``as_released``: -clip(d, 1 - eps, 1 + eps), which teaches nothing until a token has become 2.2 times as likely."""
    label_clip: float = Field(default=0.2, gt=0, lt=1)
    """Half-width eps of the clip of the label term; without effect on ``nll``."""
    label_in_group: bool = False
    """Whether the label joins its group as one more response: its reward counts in mean and standard deviation, and its
    advantage weighs its tokens, with a ratio of 1, no clip and no KL term. The supervised term stays unless its weight is 0."""

    prefix_ratios: tuple[Annotated[float, Field(ge=0, le=1)], ...] | None = None
    """How much of the label is given to each response of a group as its beginning, one share for each of
    ``num_generations``, as in [0, 0, 0, 0, 0.2, 0.2, 0.5, 1]; null gives nothing. The policy goes on from there: the reward is
    that of the whole text, GRPO learns from the policy's own tokens, and the prefix adds a supervised term."""
    prefix_weight: float = Field(default=1.0, ge=0)
    """Weight of that term, a mean over the prefix tokens of a step; without effect without prefixes."""
    prefix_floor: float = Field(default=0.1, gt=0, le=1)
    """Probability below which a prefix token counts less, by its probability over this one; without effect without prefixes."""

    @field_validator("prefix_ratios")
    @classmethod
    def _one_for_each_response(
        cls, ratios: tuple[float, ...] | None, info: ValidationInfo
    ) -> tuple[float, ...] | None:
        group = info.data.get("num_generations")
        if ratios is not None and group is not None and len(ratios) != group:
            raise ValueError(
                f"must have one share for each of method.num_generations = {group} responses, got {len(ratios)}; write as many, "
                "or take null to give no prefixes"
            )
        return ratios

    @property
    def initial_label_weight(self) -> float:
        """The weight of the supervised term at the first step, with the default filled in."""
        return 1 / self.num_generations if self.label_weight is None else self.label_weight

    @property
    def compares_labels(self) -> bool:
        """Whether the policy before training is asked about the labels."""
        return self.label_loss != "nll" and self.initial_label_weight > 0

    @property
    def reads_labels(self) -> bool:
        """Whether the update reads whole labels beside the responses."""
        return self.initial_label_weight > 0 or self.label_in_group

    @property
    def learns_references(self) -> bool:
        """Whether anything is learnt from the labels' tokens."""
        return self.reads_labels or self.prefix_ratios is not None

    @property
    def responses_per_prompt(self) -> int:
        """Responses of a prompt that the update learns from, the label among them."""
        return super().responses_per_prompt + int(self.reads_labels)

    @property
    def needs_reference_policy(self) -> bool:
        """Whether the policy before training takes part."""
        return super().needs_reference_policy or self.compares_labels

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many responses and references a step learns from."""
        words = super().batch_in_words(num_prompts)
        if self.prefix_ratios is not None:
            words += " that go on from parts of the references"
        return f"{words} and {num_prompts} references" if self.reads_labels else words

    def training_in_words(self, reward: str) -> str:
        """Say what was learnt from the references beside their reward."""
        ways = []
        if self.label_in_group:
            ways.append("the references as responses of their groups")
        if self.prefix_ratios is not None:
            shares = ", ".join(f"{ratio:g}" for ratio in self.prefix_ratios)
            ways.append(f"prefixes of the references given to the responses (shares {shares})")
        if self.initial_label_weight:
            weight = f"weight {self.initial_label_weight:g}"
            if self.label_schedule != "constant":
                weight += f", {self.label_schedule} to 0"
            ways.append(f"a supervised term on the references ({self.label_loss}, {weight})")
        words = super().training_in_words(reward)
        return f"{words} with {' and '.join(ways)}" if ways else words
