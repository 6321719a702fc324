"""verl itself, in an environment that ``RLSR_VERL_PYTHON`` names (docs/verl.md): schema, data, reward, loss, and whole runs on a CPU.

A whole run takes a minute and a half of CPU time, most of it to start Ray and to import verl in its processes.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from rlsr.config import RunConfig, load_config
from rlsr.engines import SilentObserver
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import StepCut
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.engines.verl.composition import environment
from rlsr.engines.verl.train import VerlRun
from rlsr.errors import ConfigError
from rlsr.interruption import Interrupted
from rlsr.pipeline import plan_run, train_run
from rlsr.rewards import RewardBatch, open_reward
from rlsr.runs import RunDirectory
from trainers import trainer_of_config

PYTHON = os.environ.get("RLSR_VERL_PYTHON")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PYTHON is None, reason="RLSR_VERL_PYTHON names no environment with verl"),
]
SIDE = Path(__file__).parents[1] / "verl_side.py"


@pytest.fixture
def verl_settings(tiny_settings: list[str], tmp_path: Path) -> list[str]:
    """2 x 4 responses a step, rewarded for vowels, which a random policy learns to write."""
    (tmp_path / "vowels.py").write_text(
        "def vowels(completions, **_):\n"
        "    texts = [completion[-1]['content'] for completion in completions]\n"
        "    return [sum(letter in 'aeiou' for letter in text) / max(len(text), 1) for text in texts]\n",
        encoding="utf-8",
    )
    return [
        *tiny_settings,
        "method=rlsr",
        "evaluation.enabled=false",
        "engine=verl",
        f"engine.python={PYTHON}",
    ]


@pytest.fixture(autouse=True)
def _beside_the_reward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewards of the working directory are found there by verl's processes, too."""
    monkeypatch.chdir(tmp_path)


VOWELS = "reward={type: python, function: 'vowels:vowels'}"


def begun(config: RunConfig, path: Path) -> tuple[VerlRun, TrainingJob]:
    """Write all that verl reads, and start nothing."""
    plan = plan_run(config)
    job = TrainingJob(
        config=plan.config,
        records=plan.train,
        reward=open_reward(plan.config, "cpu"),
        run=RunDirectory.create(path, plan.config),
        device="cpu",
        num_steps=plan.num_steps,
        cut=StepCut(900),
    )
    run = VerlRun(job, SilentObserver())
    run._begin(0)
    return run, job


def ask(run: VerlRun, *questions: Mapping[str, Any]) -> list[Any]:
    """Ask verl, in a process of its environment."""
    directory = run._directory
    asked, answered = directory / "question.json", directory / "answer.json"
    asked.write_text(json.dumps([{"directory": str(directory), **one} for one in questions]), encoding="utf-8")  # fmt: skip
    assert PYTHON is not None, "skipped otherwise"
    ended = subprocess.run(
        [PYTHON, str(SIDE), str(asked), str(answered)],
        env={**os.environ, **environment(run._setup)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    found: list[Any] = json.loads(answered.read_text(encoding="utf-8"))
    return found


def test_verl_reads_what_is_written_and_scores_by_the_same_reward(
    verl_settings: list[str], tmp_path: Path
) -> None:
    run, job = begun(load_config(overrides=verl_settings), tmp_path / "run")
    (found,) = ask(run, {"ask": "check"})
    assert found["num_rows"] == len(job.records) == 8
    first = job.records[0]
    assert found["first"] == [{"role": "user", "content": first.prompt}]
    assert found["trainer"] == "RlsrTrainer"
    batch = RewardBatch([first] * 3, ["the cat sat", "a e i", "zzz"])
    assert found["scores"] == pytest.approx(job.reward.score(batch).scores, abs=1e-6)
    # verl's own advantages, without the floor.
    rewards = torch.tensor([0.1, 0.9, 0.4, 0.4])
    expected = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
    assert found["advantages"] == pytest.approx(expected.tolist(), abs=1e-5)


def test_verls_schema_refuses_an_option_that_is_none_of_its() -> None:
    options = "engine.options={actor_rollout_ref.rollout.nothing: 1}"
    settings = ["stages=null", "method=rlsr", "model.lora=null", "engine=verl", f"engine.python={PYTHON}", options]  # fmt: skip
    config = load_config(overrides=[*settings, "method.max_response_tokens=8"])
    from rlsr.engines.verl.environment import require_environment

    with pytest.raises(ConfigError, match=r"^engine\.options: verl refuses them: .*nothing"):
        require_environment(config, device="cpu")


@pytest.mark.parametrize("average", ["token", "sequence"])
@pytest.mark.parametrize("old", ["of_now", "of_before"])
def test_loss_and_gradient_are_those_of_the_other_engine(
    verl_settings: list[str], tmp_path: Path, average: str, old: str
) -> None:
    more = [f"method.loss_average={average}", "method.kl_coefficient=0.3", "method.clip=0.1"]
    if old == "of_before":
        # verl does not weigh the KL term of later updates by the ratio.
        more[1] = "method.kl_coefficient=0"
    ours = [one for one in verl_settings if not one.startswith("engine")]
    trainer = trainer_of_config(load_config(overrides=[*ours, *more]), tmp_path / "trl", tokens_per_pass=150)  # fmt: skip
    assert isinstance(trainer, RolloutTrainer)
    trainer.model.train()
    batch: dict[str, Any] = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))  # fmt: skip
    with torch.no_grad():
        before = _log_probs(trainer, batch)
        for weight in trainer.model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    now = _log_probs(trainer, batch)
    if old == "of_before":
        batch["old_per_token_logps"] = torch.nn.utils.rnn.pad_sequence(before, batch_first=True)
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    loss = float(trainer.compute_loss(trainer.model, batch).detach())
    theirs = [weight.grad.clone() for weight in trainer.model.parameters()]

    run, _ = begun(load_config(overrides=[*verl_settings, *more]), tmp_path / "run")
    lists = [row.tolist() for row in now]
    reference = batch.get("ref_per_token_logps")
    lengths = [len(row) for row in now]
    rows = {
        "rewards": trainer.reward_function.last.result.scores.tolist(),
        "log_probs": lists,
        "old_log_probs": lists if old == "of_now" else [row.tolist() for row in before],
        "ref_log_probs": lists
        if reference is None
        else [row[:n].tolist() for row, n in zip(reference, lengths, strict=True)],
    }
    (found,) = ask(run, {"ask": "loss", **rows})
    assert found["loss"] == pytest.approx(loss, rel=1e-4, abs=1e-6)
    # Its derivative by the log-probabilities, taken on to the weights.
    trainer.model.zero_grad()
    slopes = [torch.tensor(row) for row in found["slopes"]]
    total = sum((one * slope).sum() for one, slope in zip(now, slopes, strict=True))
    assert isinstance(total, torch.Tensor)
    total.backward()
    for mine, weight in zip(theirs, trainer.model.parameters(), strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-3, atol=1e-6)


def _log_probs(trainer: RolloutTrainer, batch: dict[str, Any]) -> list[torch.Tensor]:
    """Of the tokens of every response, by a forward pass of its own."""
    found = []
    for row in range(len(batch["advantages"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
        length = trainer.reward_function.last.num_tokens[row]
        response = batch["completion_ids"][row][:length]
        logits = trainer.model(input_ids=torch.cat([prompt, response])[None]).logits[0]
        scores = torch.log_softmax(logits[-length - 1 : -1], -1)
        found.append(scores[torch.arange(length), response])
    return found


class _Stops(SilentObserver):
    """Asks the run to end after a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        if step == self._step:
            import signal

            os.kill(os.getpid(), signal.SIGINT)


def test_two_workers_train_are_interrupted_and_go_on(
    verl_settings: list[str], tmp_path: Path
) -> None:
    more = [VOWELS, "engine.gpus_per_node=2", "training.steps=3", "training.save_every=50"]
    plan, path = plan_run(load_config(overrides=[*verl_settings, *more])), tmp_path / "run"
    with pytest.raises(Interrupted) as caught:
        train_run(plan, path, observer=_Stops(2))
    assert caught.value.step == 2
    checkpoint = path / "checkpoints" / "global_step_2" / "actor"
    assert len(list(checkpoint.glob("model_world_size_2_rank_*.pt"))) == 2
    assert train_run(plan, path, resume=True).num_steps == 3
    assert [row["step"] for row in RunDirectory(path).read_metrics()] == [1, 2, 3]
    shutil.rmtree(path / "checkpoints")


def test_a_policy_learns(verl_settings: list[str], tmp_path: Path) -> None:
    more = [VOWELS, "training.steps=20", "training.prompts_per_step=8", "method.num_generations=8"]
    plan = plan_run(load_config(overrides=[*verl_settings, *more, "training.save_every=50"]))
    train_run(plan, tmp_path / "run")
    rewards = [row["reward/mean"] for row in RunDirectory(tmp_path / "run").read_metrics()]
    assert sum(rewards[-5:]) > 1.5 * sum(rewards[:5])
