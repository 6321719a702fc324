"""Training with verl: write what it needs, start it, follow it step by step, and bring its model back."""

import logging
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from rlsr.config.method import RlsrMethod
from rlsr.engines.job import TrainingJob
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.schedule import rate_factor
from rlsr.engines.step_log import StepLog
from rlsr.engines.verl.child import VerlProcess
from rlsr.engines.verl.composition import (
    CONFIG_NAME,
    Setup,
    environment,
    save_every,
    verl_settings,
    write_composition,
)
from rlsr.engines.verl.environment import python_of
from rlsr.engines.verl.exchange import Answer, Exchange
from rlsr.engines.verl.hydra_grammar import as_overrides
from rlsr.engines.verl.prompts import write_prompts
from rlsr.engines.verl.requirements import engine_settings, num_workers, training_device
from rlsr.engines.verl.starting_point import starting_model
from rlsr.engines.verl.steps import describe_step
from rlsr.errors import RunError
from rlsr.interruption import Deferral, Interrupted
from rlsr.models import Policy, PromptLengths, load_tokenizer
from rlsr.models.forms import form_of
from rlsr.runs.json_file import write_json
from rlsr.runs.refused_writes import writing_to
from rlsr.runs.step_metrics import PEAK_MEMORY

logger = logging.getLogger(__name__)

_NEWEST = "latest_checkpointed_iteration.txt"
"""verl's file with the step of the newest checkpoint that is whole."""


class VerlRun:
    """One session of training with verl.

    Args:
        job: What is to be done.
        observer: Who watches.
    """

    def __init__(self, job: TrainingJob, observer: TrainingObserver) -> None:
        self._job = job
        self._config = job.config
        assert isinstance(job.config.method, RlsrMethod), "other methods are refused before"
        self._method = job.config.method
        self._log = StepLog(job, observer)
        self._directory = (job.run.path / "verl").resolve()
        self._exchange = Exchange(self._directory)
        self._num_tokens = 0

    def train(self, *, resume: bool) -> Path:
        """Train to the end, and save the model.

        Args:
            resume: Whether to go on from the newest checkpoint, if there is one.

        Raises:
            Interrupted: The process was asked to end; a checkpoint of the last step is written.
            RunError: The newest checkpoint is not whole.
            RlsrError: verl or the reward has failed.
        """
        job = self._job
        step = self._newest_step() if resume else 0
        # What is measured before the first step is measured on what training starts from.
        ended = self._log.go_on_from(step) if step else None
        if ended is None and step < job.num_steps:
            self._begin(step)
            step = self._follow(step)
        with writing_to(job.run.final):
            self._log.save_final(self._policy_after(step), job.run.final)
        return job.run.final

    def _begin(self, step: int) -> None:
        """Write what verl reads."""
        job, exchange = self._job, self._exchange
        self._directory.mkdir(parents=True, exist_ok=True)
        exchange.clear()
        with writing_to(self._directory):
            if not exchange.prompts_file.is_file():
                write_prompts(exchange.prompts_file, job.records)
            write_json(
                exchange.config_file,
                {
                    "config": self._config.model_dump(mode="json"),
                    "stop_ids": self._stop_ids,
                    "num_prompts": len(job.records),
                    "num_steps": job.num_steps,
                },
            )
            self._setup = self._write_config(step)

    def _write_config(self, step: int) -> Setup:
        job = self._job
        tokenizer = load_tokenizer(self._config.model)
        longest = max(PromptLengths(tokenizer).count([one.messages for one in job.records]))
        engine = engine_settings(self._config)
        setup = Setup(
            exchange=self._exchange,
            model=starting_model(self._config.model, self._directory / "start", job.device),
            checkpoints=job.run.checkpoints.resolve(),
            device=training_device(self._config, job.device),
            longest_prompt=longest,
            tokens_per_pass=job.cut.tokens_per_pass,
            num_steps=job.num_steps,
            # Logical ones: a server, an agent and a worker each, and what verl itself starts.
            num_cpus=16 + 4 * num_workers(self._config) + engine.reward_workers,
            resume_from=self._checkpoint(step).resolve() if step else None,
        )
        write_composition(self._directory, self._config, setup)
        return setup

    @cached_property
    def _stop_ids(self) -> list[int]:
        """Tokens that end a response, as verl's rollouts know them."""
        from transformers import GenerationConfig

        tokenizer = load_tokenizer(self._config.model)
        model = starting_model(self._config.model, self._directory / "start", self._job.device)
        declared: Any = None
        try:
            declared = GenerationConfig.from_pretrained(model).eos_token_id
        except OSError:
            logger.info("%s declares no ends of responses; its tokenizer does", model)
        listed = [declared] if isinstance(declared, int) else list(declared or [])
        return sorted({tokenizer.eos_token_id, *listed})

    def _follow(self, step: int) -> int:
        """Start verl, write every step down, and say after each how it goes on; return the last one."""
        job, config = self._job, self._config
        setup = self._setup
        managed = verl_settings(config, setup)
        command = [
            python_of(config),
            "-m",
            "rlsr.engines.verl.inside.start",
            f"--config-path={self._directory}",
            f"--config-name={CONFIG_NAME}",
            *as_overrides(engine_settings(config).options, managed),
        ]
        log_file = self._directory / "log.txt"
        deferral = Deferral()
        rows = self._job.run.read_metrics()
        sampled = [row.get("tokens/total") or 0.0 for row in rows if row["step"] == step]
        self._num_tokens = int(sum(sampled))
        self._log.begin(step, partial(self._policy_after, step))
        with VerlProcess(command, environment(setup), log_file, self._exchange) as process:
            try:
                ends = False
                while not ends:
                    step += 1
                    told = self._exchange.wait_for_step(step, process.look)
                    deferral.begin()
                    reason = self._write_down(step, told)
                    saved = step % save_every(config) == 0 or step == job.num_steps
                    ends = (
                        step == job.num_steps or reason is not None or deferral.number is not None
                    )
                    self._exchange.answer(step, _answer(ends=ends, saved=saved))
                    if saved:
                        self._log.on_checkpoint()
                process.wait()
            finally:
                deferral.end()
        if deferral.number is not None:
            raise Interrupted(deferral.number, step=step)
        return step

    def _write_down(self, step: int, told: dict[str, Any]) -> str | None:
        """Write a step, and say why a rule ends training with it."""
        described = describe_step(
            told,
            self._job.records,
            method=self._method,
            parts=self._job.reward.parts,
            num_samples=self._config.training.sample_groups,
        )
        self._num_tokens += described.num_tokens
        training = self._config.training
        factor = rate_factor(
            step - 1,
            warmup_steps=training.warmup_steps,
            num_steps=self._job.num_steps,
            schedule=training.lr_schedule,
        )
        metrics = {
            **described.metrics,
            "optim/learning_rate": self._config.learning_rate * factor,
            "tokens/total": float(self._num_tokens),
            # What verl's processes hold, they do not say.
            PEAK_MEMORY: None,
        }
        return self._log.add(step, metrics, described.samples, partial(self._policy_after, step))

    def _policy_after(self, step: int) -> Policy:
        """Load the policy after a step that was saved; that of step 0 is what training starts from."""
        job = self._job
        form = form_of(self._config.method)
        if step == 0:
            return form.load(self._config.model, job.device)
        saved = self._checkpoint(step) / "actor" / "huggingface"
        return form.load(self._config.model.saved_in(saved), job.device)

    def _checkpoint(self, step: int) -> Path:
        return self._job.run.checkpoints / f"global_step_{step}"

    def _newest_step(self) -> int:
        """Say after which step verl has last saved; 0 where it has not.

        Raises:
            RunError: What verl has saved is not there.
        """
        file = self._job.run.checkpoints / _NEWEST
        if not file.is_file():
            return 0
        step = int(file.read_text(encoding="utf-8"))
        checkpoint = self._checkpoint(step)
        if not (checkpoint / "data.pt").is_file():
            raise RunError(
                f"{checkpoint}: {file.name} names it as the newest checkpoint, and it is not whole; put it back, or name an older one in "
                "that file"
            )
        return step


def _answer(*, ends: bool, saved: bool) -> Answer:
    if not ends:
        return "go_on"
    return "end" if saved else "save_and_end"
