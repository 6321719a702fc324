"""The rewards."""

from typing import Annotated

from pydantic import Field

from rlsr.config.combined import CombinedReward
from rlsr.config.reward import SingleReward

RewardConfig = Annotated[SingleReward | CombinedReward, Field(discriminator="type")]
"""The rewards of our own; what each says of itself is all that the rest of the program knows of it."""
