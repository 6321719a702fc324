"""What every training method has, and what it says of itself."""

from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from rlsr.config.base import ConfigTable


class LearningRates(NamedTuple):
    """Peak learning rates that suit a method where the config names none."""

    adapters: float
    """Where LoRA adapters are trained."""
    all_weights: float
    """Where all weights are."""


class MethodTable(ConfigTable):
    """Lengths, and what the rest of the program asks of any method, so that nothing else has to know them one by one."""

    title: ClassVar[str]
    """Its name as papers write it."""
    paper: ClassVar[str | None] = None
    """Number of its paper on arXiv, where it has one."""
    hub_tag: ClassVar[str]
    """The Hugging Face hub's tag of models that are trained like this."""
    learns_from: ClassVar[Literal["rollouts", "references", "pairs"]]
    """What an update reads: responses that the policy samples in every step, the references alone, or pairs of a better and a
    worse response."""
    makes: ClassVar[Literal["policy", "scorer"]] = "policy"
    """What training leaves: a policy, which answers prompts, or a scorer, which answers nothing and says how good an answer is. It
    decides how the model is loaded, saved and measured."""
    learning_rates: ClassVar[LearningRates]
    """The default peaks."""
    responses_together: ClassVar[int] = 1
    """Responses to a prompt that have to stand in one pass, since the loss compares them."""

    max_prompt_tokens: int = Field(default=2048, ge=1)
    """Longest prompt, chat template included; a longer one is a bad row."""
    max_response_tokens: int | None = Field(default=None, ge=1, le=32768)
    """Longest response; null is twice the 95th percentile of the references, between 32 and 2,048. Methods that learn from
    the references cut longer ones there and teach no end to them."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Refuse a method, known by its ``type``, that leaves out what it has to say of itself."""
        facts = ("title", "hub_tag", "learns_from", "learning_rates")
        missing = [fact for fact in facts if not hasattr(cls, fact)]
        if "type" in cls.model_fields and missing:
            raise TypeError(f"{cls.__name__}: the method does not say its {', '.join(missing)}")

    @property
    def cited_title(self) -> str:
        """Its name with its paper."""
        return self.title if self.paper is None else f"{self.title} (arXiv {self.paper})"

    @property
    def num_sampled(self) -> int:
        """Responses to a prompt that the policy samples in a step."""
        return 0

    @property
    def samples_end(self) -> bool:
        """Whether what the policy samples in a step is meant to end by itself."""
        return True

    @property
    def longest_sample(self) -> int | None:
        """Tokens of the longest response that the policy samples in a step."""
        return self.max_response_tokens

    @property
    def responses_per_prompt(self) -> int:
        """Responses of a prompt that the update learns from."""
        return 1

    @property
    def updates_per_step(self) -> int:
        """How often a step learns from what it has read or sampled."""
        return 1

    def num_mini_batches(self, prompts_per_step: int) -> int:
        """Count the parts that a step is learnt from one after another, each with an update of its own."""
        return 1

    @property
    def learns_references(self) -> bool:
        """Whether the tokens of the references are learnt from, alone or beside others."""
        return self.learns_from == "references"

    @property
    def needs_reference_policy(self) -> bool:
        """Whether the policy before training takes part."""
        return False

    @property
    def extra_passes(self) -> int:
        """Passes without gradient over what an update learns from: that of the policy before training."""
        return int(self.needs_reference_policy)

    def batch_in_words(self, num_prompts: int) -> str:
        """Say what a step learns from.

        Args:
            num_prompts: Prompts of the step.

        Returns:
            A part of a sentence, as in ``8 references``.
        """
        return f"{num_prompts} prompts"

    def training_in_words(self, reward: str) -> str:
        """Say how the model was trained, for its card.

        Args:
            reward: What responses were rewarded for, in words.

        Returns:
            A part of a sentence.
        """
        return f"by {self.cited_title}"
