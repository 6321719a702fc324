"""Methods that learn from the references alone: SFT and losses that weigh its tokens."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rlsr.config.method_base import LearningRates, MethodTable


class ReferenceMethod(MethodTable):
    """A method that learns from the references alone, from each where a prompt has several.

    Its loss is a weighted sum of the log-probabilities of their tokens.
    """

    hub_tag = "sft"
    learns_from = "references"
    # TRL's default for SFT, ten times it for adapters.
    learning_rates = LearningRates(adapters=2e-4, all_weights=2e-5)

    @property
    def own_share(self) -> float:
        """How much of what the policy reads of a reference is its own prediction."""
        return 0.0

    @property
    def extra_passes(self) -> int:
        """The policy before training, and the policy's own predictions, are asked for."""
        return super().extra_passes + int(self.own_share > 0)

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many references a step learns from."""
        return f"{num_prompts} references"

    def training_in_words(self, reward: str) -> str:
        """Say by which weights the references were learnt; the reward has no part in it."""
        return f"the references' tokens made likelier, weighted as in {self.cited_title}"


class SftMethod(ReferenceMethod):
    """Supervised fine-tuning: every token of the reference counts the same; the prompt's do not count."""

    title = "SFT"
    type: Literal["sft"] = "sft"

    def training_in_words(self, reward: str) -> str:
        """Say that the references were learnt; the reward has no part in it."""
        return "the references' tokens made likelier"


class DftMethod(ReferenceMethod):
    """Dynamic fine-tuning (arXiv 2508.05629): a token counts as much as the policy believes in it."""

    title = "DFT"
    paper = "2508.05629"

    type: Literal["dft"] = "dft"


class IwSftMethod(ReferenceMethod):
    """Importance-weighted SFT (arXiv 2507.12856): a reference counts as much as the policy has come to prefer it."""

    title = "iw-SFT"
    paper = "2507.12856"

    type: Literal["iw_sft"] = "iw_sft"
    level: Literal["sequence", "token"] = "sequence"
    """``sequence``: one weight a reference, from the mean log-ratio of its tokens; ``token``: one a token."""
    temperature: float = Field(default=1.0, gt=0)
    """Factor of the mean log-ratio; without effect on ``token``."""
    max_weight: float = Field(default=16.0, gt=0)
    """Upper bound of the weight of a reference; without effect on ``token``."""
    token_weights: tuple[float, float] = (0.2, 1.8)
    """Bounds of the weight of a token; without effect on ``sequence``."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        low, high = self.token_weights
        if not 0 <= low <= high:
            raise ValueError(f"token_weights must be 0 <= low <= high, got {low:g} and {high:g}")
        return self

    @property
    def needs_reference_policy(self) -> bool:
        """The weights are ratios to the policy before training."""
        return True


class PearMethod(ReferenceMethod):
    """PEAR (arXiv 2602.01058): a token counts as much as the policy agrees with what follows it in the reference."""

    title = "PEAR"
    paper = "2602.01058"

    type: Literal["pear"] = "pear"
    level: Literal["suffix", "block", "sequence"] = "suffix"
    """What shares a weight: ``suffix``: each token has its own, from all tokens behind it; ``block``: the tokens of a block,
    from all blocks behind it; ``sequence``: the whole reference."""
    block_size: int = Field(default=4, ge=1)
    """Tokens of a block; without effect on the other levels."""
    discount: float = Field(default=0.999, gt=0, le=1)
    """Factor of the weight for every token (or block) that lies between this one and the end; without effect on
    ``sequence``."""
    log_ratio: tuple[float, float] = (-0.08, 0.3)
    """Bounds of the log-ratio of one token to the policy before training."""
    log_weight: tuple[float, float] = (-10.0, 5.0)
    """Bounds of the logarithm of a weight."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        for name in ("log_ratio", "log_weight"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"{name} must be low <= high, got {low:g} and {high:g}")
        return self

    @property
    def needs_reference_policy(self) -> bool:
        """The weights are ratios to the policy before training."""
        return True


class IftMethod(ReferenceMethod):
    """Intuitive fine-tuning (arXiv 2405.11870): tokens are learnt behind what the policy would have written in part."""

    title = "IFT"
    paper = "2405.11870"

    type: Literal["ift"] = "ift"
    residual: float = Field(default=0.2, ge=0, le=1)
    """Share of the policy's own greedy prediction in the embedding of each token of the reference that it reads; 0 reads the
    reference as it is."""
    discount: float = Field(default=0.95, ge=0, le=1)
    """Factor, for every token in between, of how much the loss of a token takes from the weights behind it; 0 lets all
    tokens count the same."""

    @property
    def own_share(self) -> float:
        """The residual."""
        return self.residual

    def training_in_words(self, reward: str) -> str:
        """Say by which weights the references were learnt, and behind which inputs."""
        return f"{super().training_in_words(reward)}, behind inputs of which {self.residual:g} is the policy's own prediction"


SupervisedMethod = SftMethod | DftMethod | IwSftMethod | PearMethod | IftMethod
"""The methods that learn from the references alone."""
