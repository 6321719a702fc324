"""What the engine verl cannot honour, and environments and clusters that are not there."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rlsr import __version__
from rlsr.config import RunConfig, load_config
from rlsr.engines.verl import environment
from rlsr.engines.verl.environment import require_environment, require_packages
from rlsr.engines.verl.requirements import require_possible, training_device
from rlsr.errors import ConfigError, EngineError, MissingPackageError
from rlsr.models import Device
from rlsr.processes import ALONE, Processes

WHOLE = {"verl": "0.9.1", "ray": "2.60.0", "rlsr": __version__, "torch": "2.13.0"}


def config(*overrides: str) -> RunConfig:
    return load_config(
        overrides=["stages=null", "method=rlsr", "model.lora=null", "engine=verl", *overrides]
    )


def refusal(*overrides: str, device: Device = "cpu", processes: Processes = ALONE) -> str:
    with pytest.raises(ConfigError) as caught:
        require_possible(config(*overrides), device=device, processes=processes)
    return str(caught.value)


def test_the_defaults_without_adapters_are_possible() -> None:
    require_possible(config(), device="cpu", processes=ALONE)
    require_possible(config("engine.gpus_per_node=8"), device="cuda", processes=ALONE)
    require_possible(config("method=sgrpo"), device="cpu", processes=ALONE)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["model.lora={rank: 8}"],
            "model.lora: the engine verl trains all weights; set model.lora=null, or take engine=trl",
        ),
        (
            ["method=sft"],
            "method.type: the engine verl trains rlsr and sgrpo, got sft; take engine=trl for it, which of several stages can be one, "
            "as in stages='[{method: sft}, {method: rlsr, engine: verl}]'",
        ),
        (
            ["method={type: sgrpo, num_generations: 2, prefix_ratios: [0, 0.5]}"],
            "method.prefix_ratios: the engine verl lets the policy write whole responses; take null, or engine=trl",
        ),
        (
            ["method={type: sgrpo, label_in_group: true}"],
            "method.label_in_group: the engine verl compares responses with each other alone; take false, or engine=trl",
        ),
        (
            ["method.advantage.baseline=prefix"],
            "method.advantage.baseline: the engine verl gives all tokens of a response one advantage, got prefix; take group, or engine=trl",
        ),
        (
            ["method.update_subset=4", "method.loss_average=sequence"],
            "method.update_subset: verl averages a loss by sequences over all responses, whatever is selected; take "
            "method.loss_average=token, or null",
        ),
        (
            ["engine.gpus_per_node=3"],
            "engine.gpus_per_node: the 64 responses of a step (training.prompts_per_step x method.num_generations) must divide among 3 "
            "workers; take other numbers",
        ),
        (
            ["engine.gpus_per_node=16", "method.prompts_per_update=1"],
            "engine.gpus_per_node: the 8 responses of a mini-batch (method.prompts_per_update x method.num_generations) must divide among "
            "16 workers; take other numbers",
        ),
        (
            ["model.dtype=bfloat16"],
            "model.dtype: on a CPU the engine verl computes in float32, got bfloat16; take auto or float32",
        ),
        (
            ["training.average_power=1"],
            "training.average_power: the engine verl keeps the last weights alone; set it to null, or take engine=trl",
        ),
        (
            ["evaluation.during=[0.5]"],
            "evaluation.during: the engine verl gives no policy in the middle of its training; leave it out, or take engine=trl",
        ),
        (
            ["reward={type: combined, members: {a: {reward: numeric}}, normalise: group}"],
            "reward.normalise: verl scores a response when it is complete, and not within its group; take none, or engine=trl",
        ),
    ],
)
def test_what_it_cannot_honour_is_named(overrides: list[str], expected: str) -> None:
    assert refusal(*overrides) == expected


def test_all_of_it_is_named_at_once() -> None:
    lines = refusal("model.lora={rank: 8}", "evaluation.during=[0.5]").splitlines()
    assert [line.partition(":")[0] for line in lines] == ["model.lora", "evaluation.during"]


def test_verl_starts_its_own_processes() -> None:
    found = refusal(processes=Processes(0, 2))
    assert (
        found
        == "--processes: verl starts its own; leave it out, and set engine.gpus_per_node and engine.nodes"
    )


def test_a_copy_that_writes_must_fit_the_gpus() -> None:
    found = refusal("engine.gpus_per_node=4", "engine.tensor_parallel=3", device="cuda")
    assert found == "engine.tensor_parallel: must divide the 4 GPUs, got 3; take a divisor"


def test_there_is_no_verl_on_mps() -> None:
    assert refusal(device="mps") == (
        "engine.device: verl trains on cuda or cpu, got mps; set one of them"
    )


def test_a_cluster_has_gpus_unless_it_is_said_that_it_has_none() -> None:
    assert training_device(config(), "cpu") == "cpu"
    assert training_device(config("engine.ray_address=auto"), "cpu") == "cuda"
    assert training_device(config("engine.ray_address=auto", "engine.device=cpu"), "cpu") == "cpu"


# --- the environment -------------------------------------------------------------------------------


def test_a_package_that_is_not_there_comes_with_its_install_line() -> None:
    with pytest.raises(MissingPackageError) as caught:
        require_packages({**WHOLE, "ray": None}, "/opt/verl/bin/python")
    assert "ray (in the environment of /opt/verl/bin/python)" in str(caught.value)
    assert "python -m venv verl-env && verl-env/bin/pip install 'rlsr[verl]'" in str(caught.value)
    assert "engine.python=verl-env/bin/python" in str(caught.value)


def test_another_version_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        require_packages({**WHOLE, "verl": "0.8.0"}, "py")
    assert str(caught.value) == (
        "engine.python: py has verl 0.8.0, and this engine was written for 0.9.1; py -m pip install verl==0.9.1"
    )
    with pytest.raises(EngineError) as caught:
        require_packages({**WHOLE, "rlsr": "0.0.1"}, "py")
    assert str(caught.value) == (
        f"engine.python: rlsr {__version__} starts this run, and the environment of py has rlsr 0.0.1, which verl's processes would load; "
        f"py -m pip install rlsr=={__version__}"
    )


def test_what_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        require_environment(config(f"engine.python={tmp_path}/none"), device="cpu")
    assert str(caught.value) == (
        f"engine.python: {tmp_path}/none cannot be started (No such file or directory); name the Python of verl's environment, as in "
        "verl-env/bin/python"
    )


def test_this_environment_is_asked_and_has_no_verl() -> None:
    """The probe runs in a Python without verl, and says so."""
    found = environment.ask(sys.executable, {})["versions"]
    assert found["rlsr"] == __version__
    if found["verl"] is not None:
        pytest.skip("verl is installed here")
    with pytest.raises(MissingPackageError, match="verl"):
        require_environment(config(), device="cpu")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What an environment with verl says of a cluster."""
    said: dict[str, Any] = {}

    def probe(python: str, question: str) -> dict[str, Any]:
        asked = json.loads(question)
        return {"versions": WHOLE, "refused": said.get("refused"), **({"cluster": said} if "cluster" in asked else {})}  # fmt: skip

    monkeypatch.setattr(environment, "probe", probe)
    return said


def test_a_cluster_that_cannot_be_reached_is_said_before_anything_starts(
    cluster: dict[str, Any],
) -> None:
    cluster["unreachable"] = "ConnectionError: no route"
    with pytest.raises(EngineError) as caught:
        require_environment(config("engine.ray_address=10.0.0.1:6379"), device="cpu")
    assert str(caught.value) == (
        "engine.ray_address: there is no Ray cluster at 10.0.0.1:6379 (ConnectionError: no route); start one with `ray start --head`, or "
        "leave it out for this machine alone"
    )


def test_fewer_gpus_than_asked_for_are_said_before_anything_starts(
    cluster: dict[str, Any],
) -> None:
    cluster["gpus_of_nodes"] = [8, 4]
    asked = ["engine.ray_address=auto", "engine.nodes=2"]
    require_environment(config(*asked, "engine.gpus_per_node=4"), device="cpu")
    with pytest.raises(EngineError) as caught:
        require_environment(config(*asked, "engine.gpus_per_node=8"), device="cpu")
    assert str(caught.value) == (
        "engine.gpus_per_node: 2 x 8 GPUs are asked for, and the nodes of the cluster at auto have 8, 4; lower engine.gpus_per_node or "
        "engine.nodes, or take engine.device=cpu"
    )


def test_this_machine_has_too_few_gpus(cluster: dict[str, Any]) -> None:
    cluster["gpus"] = 1
    with pytest.raises(EngineError, match=r"1 x 2 GPUs are asked for, and the nodes of this machine have 1;"):  # fmt: skip
        require_environment(config("engine.gpus_per_node=2"), device="cuda")


def test_an_option_that_verl_does_not_know_is_said_before_anything_starts(
    cluster: dict[str, Any],
) -> None:
    one = config("method.max_response_tokens=8", "engine.options={actor_rollout_ref.nothing: 1}")
    require_environment(one, device="cpu")
    cluster["refused"] = "Key 'nothing' is not in struct"
    with pytest.raises(ConfigError, match=r"^engine\.options: verl refuses them: Key 'nothing' is not in struct; "):  # fmt: skip
        require_environment(one, device="cpu")
