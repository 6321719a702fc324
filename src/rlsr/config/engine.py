"""Which engine trains."""

from typing import Any, Literal

from pydantic import Field

from rlsr.config.base import ConfigTable


class TrlEngine(ConfigTable):
    """TRL's trainers, on one machine."""

    type: Literal["trl"] = "trl"
    passes: Literal["auto", "grouped", "plain"] = "auto"
    """``grouped``: a prompt passes once for its whole group and nothing is padded, in rollouts and updates; ``plain``: as TRL
    does it; ``auto``: grouped on a CPU, where it is measured, and where the policy's attention is known."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further fields of ``trl.GRPOConfig``, checked by it; those that rlsr sets itself are refused."""


EngineConfig = TrlEngine
"""The engines. A second one makes this ``Annotated[TrlEngine | Another, Field(discriminator="type")]``, as for the methods; pydantic
takes no tag for a union of one."""
