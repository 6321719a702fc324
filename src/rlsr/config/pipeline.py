"""What lies between the stages of a pipeline."""

from pydantic import Field

from rlsr.config.base import ConfigTable


class HeldoutRewardStop(ConfigTable):
    """Stops where the reward of greedy answers to prompts that are not trained on no longer rises."""

    every_steps: int = Field(default=10, ge=1)
    """Steps between two measurements."""
    patience: int = Field(default=2, ge=1)
    """Measurements in a row that are no higher than the best one before the stage ends."""
    num_prompts: int = Field(default=32, ge=1)
    """Prompts to measure on. They are taken out of the training prompts, so that the held-out prompts of the evaluation
    stay unseen by every choice."""


class SftStop(ConfigTable):
    """Where supervised training ends; the first rule that is met counts, and ``training`` sets the outer limit."""

    epoch: float | None = Field(default=None, gt=0)
    """After this many passes over the training prompts."""
    loss: float | None = Field(default=None, gt=0)
    """Where the mean loss of the last ``loss_window`` steps is no higher than this."""
    loss_window: int = Field(default=5, ge=1)
    """Steps that the loss is averaged over."""
    heldout_reward: HeldoutRewardStop | None = None
    """Where the held-out reward no longer rises."""


class PipelineConfig(ConfigTable):
    """How a stage hands over to the next."""

    sft_stop: SftStop = SftStop()
    """Where a supervised stage (sft, dft, iw_sft, pear) ends: the strongest SFT policy is not always the best start for RL,
    so that it is worth a sweep. Without effect on the other methods."""
