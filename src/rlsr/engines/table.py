"""The engines by their type in the config; one more is a folder beside this file, its settings in the config, and a line here."""

from collections.abc import Mapping

from rlsr.config.run import RunConfig
from rlsr.config.unions import UNIONS
from rlsr.engines.job import Engine
from rlsr.engines.trl.engine import TrlTraining
from rlsr.engines.verl.engine import VerlTraining

ENGINES: Mapping[str, Engine] = {"trl": TrlTraining(), "verl": VerlTraining()}
"""Each loads its trainer when it is used, and nothing of it before."""

assert set(ENGINES) == set(UNIONS["engine"].tables), (
    "every engine of the config is there, and the other way round"
)


def engine_of(config: RunConfig) -> Engine:
    """Find the engine of a run.

    Args:
        config: Its ``engine`` says which.
    """
    return ENGINES[config.engine.type]
