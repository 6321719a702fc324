"""Stands in for the Python of verl's environment: says what verl's trainer would say, and learns nothing.

It is started as ``engine.python``. What it saves is the model that it was given, so that everything around verl can be tried in seconds.
"""

import json
import os
import shutil
import stat
import sys
from pathlib import Path

SAYS = "FAKE_VERL"
"""Environment variable with what it does besides: ``reward_fails``, ``dies_at:STEP``, ``has_no_verl``."""


def install(directory: Path) -> Path:
    """Write the program.

    Args:
        directory: Where to.

    Returns:
        What ``engine.python`` shall be.
    """
    program = directory / "verl-python"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} \"$@\"\n", encoding="utf-8")  # fmt: skip
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def _train(directory: Path) -> None:
    import yaml

    from rlsr.engines.prompt_order import prompts_of_steps
    from rlsr.engines.verl.exchange import Exchange

    exchange = Exchange.of_this_process()
    assert exchange.directory == directory
    run = json.loads(exchange.config_file.read_text(encoding="utf-8"))
    config = yaml.safe_load((directory / "verl.yaml").read_text(encoding="utf-8"))
    trainer, size = config["trainer"], run["config"]["method"]["num_generations"]
    begun = trainer["resume_from_path"]
    first = int(begun.rpartition("_")[2]) + 1 if begun else 1
    says = os.environ.get(SAYS, "")

    def save(step: int) -> None:
        checkpoints = Path(trainer["default_local_dir"])
        place = checkpoints / f"global_step_{step}"
        shutil.copytree(config["actor_rollout_ref"]["model"]["path"], place / "actor" / "huggingface", dirs_exist_ok=True)  # fmt: skip
        (place / "data.pt").touch()
        (checkpoints / "latest_checkpointed_iteration.txt").write_text(str(step), encoding="utf-8")

    steps = list(prompts_of_steps(run["num_prompts"], prompts_per_step=run["config"]["training"]["prompts_per_step"], num_steps=run["num_steps"], seed=0))  # fmt: skip
    for step in range(first, run["num_steps"] + 1):
        if says == f"dies_at:{step}":
            sys.exit("verl has died")
        if says == "reward_fails":
            exchange.failure_file.write_text("Traceback\nRewardError: no such word", encoding="utf-8")  # fmt: skip
            exchange.wait_for_answer(step)
        rollout = [
            {
                "place": place,
                "response": f"answer {number}",
                "num_tokens": 4,
                "ended": True,
                "score": number + step,
                "components": {},
                "texts": {},
            }
            for place in steps[step - 1]
            for number in range(size)
        ]
        if step % trainer["save_freq"] == 0 or step == run["num_steps"]:
            save(step)
        metrics = {"timing_s/step": 1.5, "actor/loss": 0.1, "actor/grad_norm": 1.0}
        exchange.tell(step, {"metrics": metrics, "rollout": rollout, "reference_tokens": 0})
        answer = exchange.wait_for_answer(step)
        if answer == "save_and_end":
            save(step)
        if answer != "go_on":
            return


def main() -> None:
    """Do what the arguments ask for: the probe, or a training."""
    arguments = sys.argv[1:]
    if arguments[0].endswith("probe.py"):
        from rlsr import __version__

        verl = None if os.environ.get(SAYS) == "has_no_verl" else "0.9.1"
        versions = {"verl": verl, "rlsr": __version__, "ray": "2.60.0"}
        sys.stdout.write(json.dumps({"versions": versions, "refused": None}))
        return
    assert arguments[:2] == ["-m", "rlsr.engines.verl.inside.start"], arguments
    place = next(one for one in arguments if one.startswith("--config-path="))
    _train(Path(place.partition("=")[2]))


if __name__ == "__main__":
    main()
