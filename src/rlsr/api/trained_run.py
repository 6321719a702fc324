"""A run, or stages of training, as a value that a notebook can look at."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from rlsr.api.frames import to_frame
from rlsr.api.show import ShownTable
from rlsr.errors import RunError
from rlsr.evaluation import MetricChange, MetricMean, how_to_read
from rlsr.evaluation.metrics import describe, labelled
from rlsr.models import Policy
from rlsr.pipeline.stages_summary import StageSummary, summarise_run, summarise_stages
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.record import UNTRAINED, Run, Stage
from rlsr.runs.step_totals import steps_taken
from rlsr.runs.typed_json import from_table
from rlsr.statistics.in_words import mean_with_interval, number

Rows = list[dict[str, Any]]


class TrainedRun:
    """What training has left in a directory, read when it is asked for.

    Args:
        run: As it was read.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def path(self) -> Path:
        """The directory of the run, or of its stages."""
        return self._run.path

    @property
    def is_complete(self) -> bool:
        """Whether it has reached its end."""
        return self._run.is_complete

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The runs that it is made of, in their order: one, or those of the stages that were begun."""
        return self._run.stages

    @cached_property
    def metrics(self) -> Rows:
        """The numbers of every step, as ``metrics.jsonl`` has them, with the ``stage`` of each; NaN is unscored."""
        return [{"stage": stage.name, **row} for stage in self.stages for row in stage.steps]

    @cached_property
    def summaries(self) -> tuple[StageSummary, ...]:
        """What each complete stage has done."""
        return tuple(
            summarise_run(stage.path)
            for stage in self.stages
            if stage.manifest is not None and stage.method != UNTRAINED
        )

    @cached_property
    def changes(self) -> tuple[MetricChange, ...]:
        """Held-out metrics before the first stage and after the last; empty where they were not measured, or not yet."""
        if not self.is_complete or not self.summaries:
            return ()
        if self._run.is_pipeline:
            stages = PipelineDirectory.open(self.path)
            return summarise_stages(stages, skipped=(), seconds=0.0).changes
        return self.summaries[0].changes

    @cached_property
    def means(self) -> tuple[MetricMean, ...]:
        """The held-out metrics of the policy that came out, or of one that was only evaluated."""
        if self.changes:
            return tuple(MetricMean(one.name, one.after, one.in_reward) for one in self.changes)
        manifest = self.stages[-1].manifest
        return from_table(tuple[MetricMean, ...], manifest["heldout"]) if manifest else ()

    @property
    def heldout(self) -> Rows:
        """The held-out metrics as rows: ``metric``, ``before``, ``after``, ``difference`` with its interval, ``reading``."""
        return [
            {
                "metric": one.name,
                "in_reward": one.in_reward,
                "before": one.before.mean,
                "after": one.after.mean,
                "difference": one.difference.mean,
                "low": one.difference.low,
                "high": one.difference.high,
                "reading": one.reading,
            }
            for one in self.changes
        ]

    @property
    def answers(self) -> Rows:
        """The held-out prompts with their references, and what was answered ``before`` and ``after`` training."""
        before, after = self._run.before or (), self._run.after or ()
        texts = {row.key: row.response for row in before}
        return [
            {
                "id": row.id,
                "prompt": row.prompt,
                "reference": row.reference,
                "before": texts.get(row.key) if after else row.response,
                "after": row.response if after else None,
                **{f"score/{name}": value for name, value in row.scores.items()},
            }
            for row in after or before
        ]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the numbers say that a person should know."""
        return tuple(warning for stage in self.summaries for warning in stage.warnings)

    def to_pandas(self) -> Any:
        """Make a pandas frame of ``metrics``.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return to_frame(self.metrics)

    def model(self) -> Policy:
        """Load the trained model.

        Returns:
            With ``model`` and ``tokenizer``, as ``transformers`` and ``peft`` have them, on the device of the run's config. It is
            loaded once.

        Raises:
            RunError: It is not there yet.
            ModelError: It cannot be loaded.
        """
        return self._policy

    @cached_property
    def _policy(self) -> Policy:
        from rlsr.models import choose_device
        from rlsr.models.forms import form_of

        last = self.stages[-1]
        config = last.known_config
        if not self.is_complete or config is None:
            raise RunError(
                f"{self.path}: the run is not complete, and leaves its model at its end; `rlsr.train(out={str(self.path)!r}, resume=True)` "
                "goes on with it"
            )
        model = config.model if last.method == UNTRAINED else config.model.saved_in(self._final)
        return form_of(config.method).load(model, choose_device(config.device))

    @property
    def _final(self) -> Path:
        return self.stages[-1].path / "final"

    def answer(
        self, prompts: Sequence[str], *, max_response_tokens: int | None = None
    ) -> list[str]:
        """Let the trained model answer, with the most likely tokens.

        Args:
            prompts: What a user says, one turn each; at least one.
            max_response_tokens: Longest answer; the run's own limit if not given.

        Returns:
            One answer a prompt.

        Raises:
            RunError: There is no model yet, or it is a scorer, which answers nothing.
        """
        from rlsr.data import Message, PromptRecord
        from rlsr.evaluation.generate import answer_prompts

        policy, config = self.model(), self.stages[-1].known_config
        assert config is not None, "the policy is loaded by it"
        if config.method.makes == "scorer":
            raise RunError(
                f"{self.path}: {config.method.type} leaves a scorer, which answers no prompts; take it as a reward, "
                "{'type': 'preference_model', 'model': DIR}"
            )
        records = [
            PromptRecord(str(place), (Message("user", prompt),), "-", f"prompt {place}")
            for place, prompt in enumerate(prompts, start=1)
        ]
        answers, _ = answer_prompts(
            policy,
            records,
            max_response_tokens=max_response_tokens or config.method.max_response_tokens or 256,
            batch_size=config.evaluation.batch_size,
        )
        return answers

    @property
    def _table(self) -> ShownTable:
        headings: tuple[str, ...]
        rows: list[tuple[str, ...]]
        if self.changes:
            headings = ("metric", "before", "after", "paired difference", "reading")
            rows = [_change_cells(change) for change in self.changes]
            level = self.stages[-1].known_config
            read = how_to_read(self.changes, level.evaluation.confidence) if level else ""
            notes = [read] if read else []
        else:
            headings = ("metric", "mean") if self.means else ()
            rows = [_mean_cells(mean) for mean in self.means]
            notes = []
        warnings = [f"warning: {warning}" for warning in self.warnings]
        return ShownTable(
            self._in_words, headings, rows, notes=[*notes, *warnings, f"directory: {self.path}"]
        )

    @property
    def _in_words(self) -> str:
        parts = [
            UNTRAINED if stage.method == UNTRAINED else f"{stage.method}, {_steps(stage)}"
            for stage in self.stages
        ]
        ending = "" if self.is_complete else " (not complete)"
        return f"{'; then '.join(parts)}{ending}"

    def __repr__(self) -> str:
        return f"TrainedRun({str(self.path)!r}: {self._in_words})"

    def __str__(self) -> str:
        return self._table.text

    def _repr_html_(self) -> str:
        return self._table.html


def _steps(stage: Stage) -> str:
    count = steps_taken(stage.steps)
    return f"{count} step{'' if count == 1 else 's'}"


def _change_cells(change: MetricChange) -> tuple[str, ...]:
    digits = describe(change.name).digits
    return (
        labelled(change.name, in_reward=change.in_reward),
        number(change.before.mean, digits),
        number(change.after.mean, digits),
        mean_with_interval(change.difference, digits, sign=True),
        change.reading,
    )


def _mean_cells(mean: MetricMean) -> tuple[str, ...]:
    cell = mean_with_interval(mean.after, describe(mean.name).digits)
    return labelled(mean.name, in_reward=mean.in_reward), cell
