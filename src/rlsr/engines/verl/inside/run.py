"""What verl's processes have to know of the run that they belong to."""

from dataclasses import dataclass
from functools import cache

from rlsr.config import RunConfig, config_from_table
from rlsr.config.method import RlsrMethod
from rlsr.engines.verl.exchange import Exchange
from rlsr.runs.json_file import read_json


@dataclass(frozen=True)
class Run:
    """Its settings."""

    config: RunConfig
    """The resolved config."""
    method: RlsrMethod
    """Its method."""
    stop_ids: frozenset[int]
    """Tokens that end a response."""
    num_prompts: int
    """Training prompts."""
    num_steps: int
    """Steps of the run."""


@cache
def this_run() -> Run:
    """Read the run that this process belongs to."""
    written = read_json(Exchange.of_this_process().config_file)
    config = config_from_table(written["config"])
    assert isinstance(config.method, RlsrMethod), "other methods are refused before"
    return Run(
        config=config,
        method=config.method,
        stop_ids=frozenset(written["stop_ids"]),
        num_prompts=int(written["num_prompts"]),
        num_steps=int(written["num_steps"]),
    )
