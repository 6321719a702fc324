"""How long a step of rlsr takes, beside TRL's GRPOTrainer as its documentation uses it.

    python benchmarks/step_time.py --settings lora-40-natural,full-512-forced --rounds 3 --steps 3 --out DIR

The sides take turns, each in a process of its own, on the same weights, prompts and settings. DIR keeps the result of
every process, so that a benchmark that was interrupted goes on; its tables are step_time.json and step_time.md.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from step_record import Request, Result, Side, write_json
from step_runs import Inputs, StepRunError, measure
from step_setting import GRID, Setting, parse_settings
from step_statistics import as_table
from step_tables import markdown

from rlsr.packages import package_directory
from rlsr.runs import collect_provenance

logger = logging.getLogger(__name__)


def main() -> None:
    """Measure and write the tables."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    arguments = _parser().parse_args()
    try:
        settings = parse_settings(arguments.settings)
        inputs = Inputs(arguments.model, arguments.out / "inputs")
        results = {setting: _measure_setting(setting, inputs, arguments) for setting in settings}
    except (StepRunError, ValueError) as error:
        sys.exit(str(error))
    report = _report(results, inputs, arguments)
    write_json(report, arguments.out / "step_time.json")
    (arguments.out / "step_time.md").write_text(markdown(report), encoding="utf-8")
    logger.info("%s", markdown(report))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = ", ".join(setting.name for setting in GRID)
    parser.add_argument("--settings", default="all", help=f"of {names}; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each side")
    parser.add_argument("--steps", type=int, default=3, help="measured steps of a process")
    parser.add_argument("--out", type=_absolute, required=True, help="directory of the results")
    parser.add_argument("--model", default="builtin:smollm2-135m", help="or a directory")
    parser.add_argument(
        "--trl-gradient-checkpointing",
        action="store_true",
        help="leave it on for TRL, as is TRL's default: less memory, more time",
    )
    parser.add_argument(
        "--sides", default="rlsr,trl", help=f"of {', '.join(get_args(Side))}; default: rlsr,trl"
    )
    parser.add_argument("--prompts-per-step", type=int, default=4)
    parser.add_argument(
        "--response-tokens", type=int, help="longest response, where it is not the setting's"
    )
    parser.add_argument("--encoder", default="builtin:minilm", help="or a directory")
    return parser


def _absolute(text: str) -> Path:
    # Results know the paths of their inputs: the same directory must have one name.
    return Path(text).resolve()


def _sides(arguments: argparse.Namespace) -> tuple[Side, ...]:
    wanted = arguments.sides.split(",")
    unknown = [side for side in wanted if side not in get_args(Side)]
    if unknown or "rlsr" not in wanted:
        raise StepRunError(
            f"--sides: rlsr and any of {', '.join(get_args(Side))}, got {arguments.sides}"
        )
    if any(side.endswith("vllm") for side in wanted) and package_directory("vllm") is None:
        raise StepRunError("--sides: vllm is not installed")
    # rlsr goes first: the others then take its prompts in its order.
    return tuple(sorted(set(wanted), key=get_args(Side).index))


def _measure_setting(
    setting: Setting, inputs: Inputs, arguments: argparse.Namespace
) -> dict[str, list[Result]]:
    directory = arguments.out / setting.name
    directory.mkdir(parents=True, exist_ok=True)
    sides = _sides(arguments)
    results: dict[str, list[Result]] = {side: [] for side in sides}
    natural = setting.ending == "natural"
    for number in range(arguments.rounds):
        for side in sides:
            request = Request(
                side=side,
                training=setting.training,
                model=inputs.model(endless=not natural),
                data=inputs.rows(
                    setting.prompt_tokens, with_instruction=natural, num_rows=_num_rows(arguments)
                )
                if side.startswith("rlsr")
                else str(directory / f"rlsr-{number}.json"),
                max_response_tokens=arguments.response_tokens or setting.max_response_tokens,
                num_steps=arguments.steps,
                seed=number,
                prompts_per_step=arguments.prompts_per_step,
                encoder=arguments.encoder,
                gradient_checkpointing=side.startswith("trl")
                and arguments.trl_gradient_checkpointing,
            )
            results[side].append(measure(request, directory / f"{side}-{number}.json"))
        _check_same_prompts({side: rounds[-1] for side, rounds in results.items()})
    return results


def _num_rows(arguments: argparse.Namespace) -> int:
    """Count the prompts of a process, whole sets of the 64 that there are."""
    steps = arguments.steps + 1
    return 64 * -(-steps * arguments.prompts_per_step // 64)


def _check_same_prompts(by_side: dict[str, Result]) -> None:
    """Make sure that a pair of steps is a pair."""
    ours = [step.rows for step in by_side["rlsr"].steps]
    for side, result in by_side.items():
        if [step.rows for step in result.steps] != ours:
            raise StepRunError(f"{side} took other prompts than rlsr, or in another order")


def _report(
    results: dict[Setting, dict[str, list[Result]]], inputs: Inputs, arguments: argparse.Namespace
) -> dict[str, Any]:
    everything = _all_results(list(results.values()))
    return {
        "machine": collect_provenance(),
        "device": everything[0].device,
        "code": sorted({result.code for result in everything}),
        "model": arguments.model,
        "model_config": inputs.model_config,
        "rounds": arguments.rounds,
        "steps": arguments.steps,
        "prompts_per_step": everything[0].request.prompts_per_step,
        "num_generations": everything[0].request.num_generations,
        "gradient_checkpointing": arguments.trl_gradient_checkpointing,
        "settings": {
            setting.name: {
                **asdict(setting),
                "max_response_tokens": arguments.response_tokens or setting.max_response_tokens,
                **as_table(by_side),
            }
            for setting, by_side in results.items()
        },
    }


def _all_results(settings: Sequence[dict[str, list[Result]]]) -> list[Result]:
    return [result for by_side in settings for rounds in by_side.values() for result in rounds]


if __name__ == "__main__":
    main()
