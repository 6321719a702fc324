"""What lies between the stages of a pipeline."""

from typing import Any

from pydantic import Field, model_validator

from rlsr.config.base import ConfigTable


class SftStop(ConfigTable):
    """Where supervised training ends; the first rule that is met counts, and ``training`` sets the outer limit."""

    epoch: float | None = Field(default=None, gt=0)
    """After this many passes over the training prompts."""
    loss: float | None = Field(default=None, gt=0)
    """Where the mean loss of the last ``loss_window`` steps is no higher than this."""
    loss_window: int = Field(default=5, ge=1)
    """Steps that the loss is averaged over."""

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_configs(cls, table: Any) -> Any:
        # The config.json of earlier runs says null of a rule that is ``validation.patience`` now.
        if isinstance(table, dict) and table.get("heldout_reward", table) is None:
            return {key: value for key, value in table.items() if key != "heldout_reward"}
        return table


class PipelineConfig(ConfigTable):
    """How a stage hands over to the next."""

    sft_stop: SftStop = SftStop()
    """Where a supervised stage (sft, dft, iw_sft, pear) ends: the strongest SFT policy is not always the best start for RL,
    so that it is worth a sweep. Without effect on the other methods."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Budget of all stages together: ends a stage after the step in which the steps of all stages so far, measurements on
    validation prompts included, have taken this long. A later stage gets what the earlier ones have left."""
    forecast: bool = False
    """Whether a stage with rollouts first asks, as ``rlsr forecast`` does, if it will pay after the supervised stage before it. Where it
    will not, it takes no step, and its model is that of the stage before; where nobody can say, it trains. Without effect on
    other stages."""
