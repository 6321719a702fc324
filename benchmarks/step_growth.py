"""How the time of a step of rlsr grows with group, response, prompt and data.

    python benchmarks/step_growth.py --steps 3 --out DIR

One process a point, each with all responses at full length; the points share their middle. DIR keeps the result of every
process, so that a benchmark that was interrupted goes on; it ends with step_growth.json and step_growth.svg.
"""

import argparse
import logging
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from step_chart import growth_chart, to_svg
from step_record import Request, Result, write_json
from step_runs import Inputs, StepRunError, measure
from step_setting import Training
from step_statistics import summarise

from rlsr.runs import collect_provenance

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Point:
    """What a step is about."""

    group: int = 8
    """Responses to a prompt."""
    response: int = 80
    """Tokens of every response."""
    prompt: int = 40
    """Mean tokens of a prompt, about."""
    rows: int = 64
    """Rows of the data."""

    @property
    def name(self) -> str:
        """Of its files."""
        return f"group{self.group}-response{self.response}-prompt{self.prompt}-rows{self.rows}"


AXES = {
    "group": "responses to a prompt",
    "response": "tokens of a response",
    "prompt": "tokens of a prompt",
    "rows": "rows of data",
}
"""What is varied, and how the chart calls it."""
VALUES = {
    "group": (4, 8, 16),
    "response": (40, 80, 160),
    "prompt": (40, 256, 512),
    "rows": (64, 180, 360, 10_000),
}
"""The values of each axis; the others stay at the defaults of ``Point``."""


def points_of(axis: str) -> tuple[Point, ...]:
    """List the points of an axis.

    Args:
        axis: A name of ``AXES``.

    Returns:
        The default point with one value changed, for each value.
    """
    return tuple(replace(Point(), **{axis: value}) for value in VALUES[axis])


def main() -> None:
    """Measure and write the table and the chart."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    arguments = _parser().parse_args()
    axes = arguments.axes.split(",")
    if unknown := set(axes) - set(AXES):
        sys.exit(f"unknown axes {', '.join(sorted(unknown))}; there are {', '.join(AXES)}")
    try:
        inputs = Inputs(arguments.model, arguments.out / "inputs")
        results = [
            (axis, point, _measure_point(point, inputs, arguments))
            for axis in axes
            for point in points_of(axis)
        ]
    except StepRunError as error:
        sys.exit(str(error))
    rows = [_row(*result) for result in results]
    report = {
        "machine": collect_provenance(),
        "code": sorted({result.code for _, _, result in results}),
        "model": arguments.model,
        "training": arguments.training,
        "steps": arguments.steps,
        "points": rows,
    }
    write_json(report, arguments.out / "step_growth.json")
    chart = growth_chart({axis: AXES[axis] for axis in axes}, rows, _note(report))
    (arguments.out / "step_growth.svg").write_text(to_svg(chart), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--axes", default=",".join(AXES), help=f"of {', '.join(AXES)}; default: all"
    )
    parser.add_argument("--training", choices=["lora", "full"], default="lora")
    parser.add_argument("--steps", type=int, default=3, help="measured steps of a point")
    parser.add_argument("--out", type=_absolute, required=True, help="directory of the results")
    parser.add_argument("--model", default="builtin:smollm2-135m", help="or a directory")
    return parser  # fmt: skip


def _absolute(text: str) -> Path:
    # Results know the paths of their inputs: the same directory must have one name.
    return Path(text).resolve()


def _measure_point(point: Point, inputs: Inputs, arguments: argparse.Namespace) -> Result:
    training: Training = arguments.training
    request = Request(
        side="rlsr",
        training=training,
        model=inputs.model(endless=True),
        data=inputs.rows(point.prompt, with_instruction=False, num_rows=point.rows),
        max_response_tokens=point.response,
        num_steps=arguments.steps,
        seed=0,
        num_generations=point.group,
    )
    return measure(request, arguments.out / f"{training}-{point.name}.json")


def _row(axis: str, point: Point, result: Result) -> dict[str, Any]:
    summary = summarise([result])
    return {
        "axis": axis,
        "value": getattr(point, axis),
        "point": asdict(point),
        "setup": result.setup,
        **asdict(summary),
    }


def _note(report: dict[str, Any]) -> str:
    machine = report["machine"]
    middle = Point()
    return (
        f"{report['model']}, {report['training']}, 4 prompts a step; elsewhere {middle.group} responses of {middle.response} tokens, "
        f"prompts of about {middle.prompt}; n={report['steps']} steps; {machine['processor']}, {machine['cores']} cores, "
        f"{machine['time'][:10]}"
    )


if __name__ == "__main__":
    main()
