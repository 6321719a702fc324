"""The environment that verl is installed in, and the cluster that it will train on: are they there?"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rlsr import __version__
from rlsr.config.run import RunConfig
from rlsr.engines.verl.composition import (
    CONFIG_NAME,
    Setup,
    verl_settings,
    write_composition,
)
from rlsr.engines.verl.exchange import Exchange
from rlsr.engines.verl.hydra_grammar import as_overrides
from rlsr.engines.verl.requirements import engine_settings, training_device
from rlsr.errors import ConfigError, EngineError, MissingPackageError
from rlsr.models import Device

VERSION = "0.9.1"
"""Of verl: what is overridden of it was read in this one."""

INSTALL = "python -m venv verl-env && verl-env/bin/pip install 'rlsr[verl]'"
"""verl wants an older transformers than rlsr trains with, so that the two share no environment."""

_PROBE = Path(__file__).parent / "inside" / "probe.py"
_PROBE_SECONDS = 180


def python_of(config: RunConfig) -> str:
    """Name the Python of verl's environment."""
    return engine_settings(config).python or sys.executable


def require_environment(config: RunConfig, *, device: Device) -> None:
    """Refuse to start where verl is not installed, or has fewer GPUs than asked for.

    Args:
        config: The resolved config.
        device: The run's own.

    Raises:
        MissingPackageError: verl, or something it needs, is not installed there.
        EngineError: The Python is none, the cluster cannot be reached, or has too few GPUs.
        ConfigError: verl has no such option, or no such value of one.
    """
    engine = engine_settings(config)
    question: dict[str, Any] = {}
    if training_device(config, device) == "cuda" or engine.ray_address is not None:
        question["cluster"] = engine.ray_address
    python = python_of(config)
    require_packages(ask(python, {})["versions"], python)
    if question:
        _require_gpus(config, ask(python, question)["cluster"])
    if engine.options:
        _require_options(config, python, training_device(config, device))


def _require_options(config: RunConfig, python: str, device: Device) -> None:
    """Let verl's own schema check the user's options, in a config as it will be but for places and sizes."""
    nowhere = Path("/nowhere")
    method = config.method
    setup = Setup(
        exchange=Exchange(nowhere),
        model=config.model.name,
        checkpoints=nowhere,
        device=device,
        longest_prompt=method.max_prompt_tokens,
        tokens_per_pass=method.max_prompt_tokens,
        num_steps=1,
        num_cpus=1,
    )
    overrides = as_overrides(engine_settings(config).options, verl_settings(config, setup))
    with TemporaryDirectory() as directory:
        write_composition(Path(directory), config, setup)
        asked = {"directory": directory, "name": CONFIG_NAME, "overrides": overrides}
        refused = ask(python, {"compose": asked})["refused"]
    if refused is not None:
        raise ConfigError(
            f"engine.options: verl refuses them: {refused.strip()}; its settings are what `{python} -m verl.trainer.main_ppo --cfg job` "
            "writes"
        )


def require_packages(versions: Mapping[str, str | None], python: str) -> None:
    """Refuse an environment that lacks something.

    Args:
        versions: By package; None of what is not there.
        python: Of the environment.

    Raises:
        MissingPackageError: A package is not there.
        EngineError: verl or rlsr are of another version.
    """
    for package, version in versions.items():
        if version is None:
            raise MissingPackageError(
                f"{package} (in the environment of {python})",
                "train with engine=verl",
                f"{INSTALL}, then set engine.python=verl-env/bin/python",
            )
    if versions["verl"] != VERSION:
        raise EngineError(
            f"engine.python: {python} has verl {versions['verl']}, and this engine was written for {VERSION}; "
            f"{Path(python)} -m pip install verl=={VERSION}"
        )
    if versions["rlsr"] != __version__:
        raise EngineError(
            f"engine.python: rlsr {__version__} starts this run, and the environment of {python} has rlsr {versions['rlsr']}, which "
            f"verl's processes would load; {python} -m pip install rlsr=={__version__}"
        )


def _require_gpus(config: RunConfig, cluster: Mapping[str, Any]) -> None:
    engine = engine_settings(config)
    if "unreachable" in cluster:
        raise EngineError(
            f"engine.ray_address: there is no Ray cluster at {engine.ray_address} ({cluster['unreachable']}); start one with `ray start "
            "--head`, or leave it out for this machine alone"
        )
    of_nodes = cluster.get("gpus_of_nodes", [cluster.get("gpus", 0)])
    enough = [number for number in of_nodes if number >= engine.gpus_per_node]
    if len(enough) < engine.nodes:
        where = (
            "this machine" if engine.ray_address is None else f"the cluster at {engine.ray_address}"
        )
        raise EngineError(
            f"engine.gpus_per_node: {engine.nodes} x {engine.gpus_per_node} GPUs are asked for, and the nodes of {where} have "
            f"{', '.join(map(str, of_nodes)) or 'none'}; lower engine.gpus_per_node or engine.nodes, or take engine.device=cpu"
        )


def ask(python: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Ask verl's environment something (``inside/probe.py``)."""
    return probe(python, json.dumps(question))


def probe(python: str, question: str) -> dict[str, Any]:
    """Start that Python once.

    Args:
        python: Of the environment.
        question: JSON.

    Raises:
        EngineError: It is no Python, or does not answer.
    """
    try:
        ended = subprocess.run(
            [python, str(_PROBE), question],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
    except OSError as error:
        raise EngineError(
            f"engine.python: {python} cannot be started ({error.strerror}); name the Python of verl's environment, as in "
            "verl-env/bin/python"
        ) from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = error.stderr if isinstance(error.stderr, str) else ""
        last = (said.strip().splitlines() or [str(error)])[-1]
        raise EngineError(
            f"engine.python: {python} does not say what it has: {last}; look at that environment"
        ) from error
    found: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return found
