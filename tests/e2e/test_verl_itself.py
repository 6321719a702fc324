"""verl itself, in an environment that ``RLSR_VERL_PYTHON`` names (docs/verl.md): schema, data, reward, loss, and whole runs on a CPU.

A whole run takes a minute and a half of CPU time, most of it to start Ray and to import verl in its processes.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
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
from rlsr.models import load_policy
from rlsr.pipeline import plan_run, train_run
from rlsr.rewards import RewardBatch, open_reward
from rlsr.runs import RunDirectory
from trainers import roll_out, trainer_of_config

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


def by_sgrpo(settings: Sequence[str]) -> list[str]:
    """Take another method; its name stands before its settings, which would begin anew with it."""
    return ["method=sgrpo", *(one for one in settings if one != "method=rlsr")]


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


def test_what_is_overridden_is_there_as_it_was_read(
    verl_settings: list[str], tmp_path: Path
) -> None:
    run, _ = begun(load_config(overrides=verl_settings), tmp_path / "run")
    (found,) = ask(run, {"ask": "overrides"})
    assert found == {
        "_balance_batch": ["self", "batch", "metrics", "logging_prefix", "keep_minibatch"],
        "_compute_advantage": ["self", "batch", "metrics"],
        "_init_dataloader": ["self"],
        "_next_train_batch": ["self", "num_prompts"],
        "_update_actor": ["self", "batch", "metrics"],
        "forward_backward_batch": ["self", "data", "loss_function", "forward_only"],
        "on_train_begin": ["self"],
        "_build_fsdp_module": ["self", "module"],
        "_build_lr_scheduler": ["self", "optimizer"],
    }


def test_references_become_rows_that_verls_loss_leaves_out(
    verl_settings: list[str], tmp_path: Path
) -> None:
    """Three responses with two references, of two and one tokens, behind prompts of one."""
    run, _ = begun(load_config(overrides=by_sgrpo(verl_settings)), tmp_path / "run")
    (found,) = ask(run, {"ask": "rows"})
    assert found == {
        "input_ids": [[1, 2, 3], [1, 4], [5, 6], [1, 7, 8], [5, 9]],
        "position_ids": [[0, 1, 2], [0, 1], [0, 1], [0, 1, 2], [0, 1]],
        "responses": [[2, 3], [4], [6], [7, 8], [9]],
        "response_mask": [[1, 1], [1], [1], [0, 0], [0]],
        "loss_mask": [[1, 1], [1], [1], [0, 0], [0]],
        "ref_log_prob": [[-1.0, -1.0], [-1.0], [-1.0], [-0.5, -0.25], [-2.0]],
        "temperature": pytest.approx([0.7, 0.7, 0.7, 1.0, 1.0]),
        "is_reference": [False, False, False, True, True],
        "global_token_num": [3, 2, 2],
    }


def test_verls_schema_refuses_an_option_that_is_none_of_its() -> None:
    options = "engine.options={actor_rollout_ref.rollout.nothing: 1}"
    settings = ["stages=null", "method=rlsr", "model.lora=null", "engine=verl", f"engine.python={PYTHON}", options]  # fmt: skip
    config = load_config(overrides=[*settings, "method.max_response_tokens=8"])
    from rlsr.engines.verl.environment import require_environment

    with pytest.raises(ConfigError, match=r"^engine\.options: verl refuses them: .*nothing"):
        require_environment(config, device="cpu")


RLSR: tuple[str, ...] = ()
NLL = ("method.label_weight=0.7",)
CLIPPED = (*NLL, "method.label_loss=ratio_clip")


@pytest.mark.parametrize("method", [RLSR, NLL, CLIPPED])
@pytest.mark.parametrize("average", ["token", "sequence"])
@pytest.mark.parametrize("old", ["of_now", "of_before"])
def test_loss_and_gradient_are_those_of_the_other_engine(
    verl_settings: list[str], tmp_path: Path, method: Sequence[str], average: str, old: str
) -> None:
    more = [*method, f"method.loss_average={average}", "method.clip=0.1"]
    # verl does not weigh the KL term of later updates by the ratio.
    more.append(f"method.kl_coefficient={0 if old == 'of_before' else 0.3}")
    if method:
        verl_settings = by_sgrpo(verl_settings)
    ours = [one for one in verl_settings if not one.startswith("engine")]
    trainer = trainer_of_config(load_config(overrides=[*ours, *more]), tmp_path / "trl", tokens_per_pass=150)  # fmt: skip
    assert isinstance(trainer, RolloutTrainer)
    trainer.model.train()
    batch: dict[str, Any] = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))  # fmt: skip
    with torch.no_grad():
        before, labels_before = _log_probs(trainer, batch), _label_log_probs(trainer)
        for weight in trainer.model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    now, labels = _log_probs(trainer, batch), _label_log_probs(trainer)
    if old == "of_before":
        batch["old_per_token_logps"] = torch.nn.utils.rnn.pad_sequence(before, batch_first=True)
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    loss = float(trainer.compute_loss(trainer.model, batch).detach())
    theirs = [weight.grad.clone() for weight in trainer.model.parameters()]

    logged = {name: values[-1] for name, values in trainer._metrics["train"].items() if values}

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
    if labels:
        rows |= {
            "label_log_probs": [row.tolist() for row in labels],
            "labels_before": [row.tolist() for row in labels_before],
        }
    question = {"ask": "loss", **rows}
    ways = [question, {**question, "rows_per_pass": 3}, {**question, "num_workers": 2, "rows_per_pass": 3}]  # fmt: skip
    for found in ask(run, *ways):
        assert found["loss"] == pytest.approx(loss, rel=1e-4, abs=1e-6)
        if labels:
            for name in ("label_loss", "label_nll"):
                assert found[name] == pytest.approx(logged[f"optim/{name}"], rel=1e-4)
        # Its derivative by the log-probabilities, taken on to the weights.
        trainer.model.zero_grad()
        slopes = [torch.tensor(row) for row in found["slopes"]]
        total = sum((one * own).sum() for one, own in zip([*now, *labels], slopes, strict=True))
        assert isinstance(total, torch.Tensor)
        total.backward(retain_graph=True)
        for mine, weight in zip(theirs, trainer.model.parameters(), strict=True):
            torch.testing.assert_close(mine, weight.grad, rtol=1e-3, atol=1e-6)


def test_weights_after_two_mini_batches_are_those_of_the_other_engine(
    verl_settings: list[str], tmp_path: Path
) -> None:
    """By verl's own engine of the policy, FSDP2 in one process, with references among what it reads."""
    more = [*NLL, "method.prompts_per_update=1", "method.updates_per_rollout=2", "method.clip=0.02", "method.kl_coefficient=0"]  # fmt: skip
    verl_settings = by_sgrpo(verl_settings)
    ours = [one for one in verl_settings if not one.startswith("engine")]
    trainer = trainer_of_config(load_config(overrides=[*ours, *more]), tmp_path / "trl", tokens_per_pass=150)  # fmt: skip
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), lr=0.3)
    trainer.current_gradient_accumulation_steps = 1
    batch = roll_out(trainer)
    # The batch stands in the order of the mini-batches, of which each has one prompt here.
    with torch.no_grad():
        old = _log_probs(trainer, batch)
    lengths = trainer.reward_function.last.num_tokens
    steps = list(dict.fromkeys(step.mini_batch for step in batch["step"]))
    references = [step.references.responses[0] for step in (batch["step"][0], batch["step"][-1])]
    assert steps == [0, 1]
    question = {
        "rewards": trainer.reward_function.last.result.scores.tolist(),
        "log_probs": [row.tolist() for row in old],
        "old_log_probs": [row.tolist() for row in old],
        "ref_log_probs": [row.tolist() for row in old],
        "prompt_ids": [batch["prompt_ids"][row][batch["prompt_mask"][row].bool()].tolist() for row in range(len(old))],
        "response_ids": [batch["completion_ids"][row][: lengths[row]].tolist() for row in range(len(old))],
        "reference_ids": references,
    }  # fmt: skip
    trainer.compute_loss(trainer.model, batch)
    trainer._update_weights(trainer.model)

    run, _ = begun(load_config(overrides=[*verl_settings, *more]), tmp_path / "run")
    (found,) = ask(run, {"ask": "train", "rate": 0.3, **question})
    weights = dict(trainer.model.named_parameters())
    assert set(found) == set(weights)
    before = load_policy(run._config.model, "cpu").model.state_dict()
    for name, weight in weights.items():
        expected = torch.tensor(found[name]).reshape(weight.shape)
        torch.testing.assert_close(weight.detach(), expected, rtol=1e-4, atol=1e-5)
        assert not torch.equal(weight.detach(), before[name]), "it has learnt"


def _log_probs(trainer: RolloutTrainer, batch: dict[str, Any]) -> list[torch.Tensor]:
    """Of the tokens of every response, by a forward pass of its own."""
    lengths = trainer.reward_function.last.num_tokens
    return [
        _scores(
            trainer, batch["prompt_ids"][row][batch["prompt_mask"][row].bool()], response[:length]
        )
        for row, (response, length) in enumerate(zip(batch["completion_ids"], lengths, strict=True))
    ]


def _label_log_probs(trainer: RolloutTrainer) -> list[torch.Tensor]:
    """Of the tokens of every reference that the update reads."""
    assert trainer.step is not None, "a rollout was made"
    read = trainer.step.references
    pairs = zip(read.prompts, read.responses, strict=True)
    return [_scores(trainer, torch.tensor(one), torch.tensor(other)) for one, other in pairs]


def _scores(trainer: RolloutTrainer, prompt: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    logits = trainer.model(input_ids=torch.cat([prompt, response])[None]).logits[0]
    scores = torch.log_softmax(logits[-len(response) - 1 : -1], -1)
    return scores[torch.arange(len(response)), response]


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


def test_labels_are_learnt_in_mini_batches_and_a_run_goes_on(
    verl_settings: list[str], tmp_path: Path
) -> None:
    more = ["method.label_weight=1", "method.label_schedule=linear", "method.prompts_per_update=1", "training.steps=6"]  # fmt: skip
    plan, path = (
        plan_run(load_config(overrides=[*by_sgrpo(verl_settings), *more, VOWELS])),
        tmp_path / "run",
    )
    with pytest.raises(Interrupted):
        train_run(plan, path, observer=_Stops(3))
    assert train_run(plan, path, resume=True).num_steps == 6
    rows = RunDirectory(path).read_metrics()
    losses = [row["optim/label_loss"] for row in rows]
    assert losses == [row["optim/label_nll"] for row in rows]
    assert sum(losses[3:]) < 0.9 * sum(losses[:3])
    weights = [row["optim/label_weight"] for row in rows]
    assert weights == pytest.approx([1 - step / 6 for step in range(6)])
    # References are read beside the responses.
    assert rows[0]["tokens/trained"] > rows[0]["tokens/response"] * 8
    # Two mini-batches a rollout, and rates of the steps.
    optimizer = path / "checkpoints" / "global_step_6" / "actor" / "optim_world_size_1_rank_0.pt"
    states = torch.load(optimizer, weights_only=False)["state"].values()
    assert {int(state["step"]) for state in states} == {12}


def test_two_workers_compare_labels_with_the_policy_before_training(
    verl_settings: list[str], tmp_path: Path
) -> None:
    """Of three prompts a step, so that one worker has more references than the other; at a temperature of 1, whatever that of rollouts."""
    more = ["method.label_loss=ratio_clip", "method.kl_coefficient=0", "method.temperature=0.7", "training.prompts_per_step=3", "training.steps=2"]  # fmt: skip
    settings = [*by_sgrpo(verl_settings), *more, VOWELS]
    config = load_config(
        overrides=[*settings, "engine.gpus_per_node=2", "training.tokens_per_pass=100"]
    )
    train_run(plan_run(config), tmp_path / "run")
    first, second = RunDirectory(tmp_path / "run").read_metrics()
    assert first["optim/label_loss"] == pytest.approx(-1.0, abs=1e-5), "the ratio is 1 at first"
    assert abs(second["optim/label_loss"] + 1.0) > 1e-3, "the policy has moved"
    # What the references cost the policy at first is known without verl.
    others = [one for one in settings if not one.startswith("engine")]
    trainer = trainer_of_config(load_config(overrides=others), tmp_path / "trl", tokens_per_pass=150)  # fmt: skip
    roll_out(trainer)
    nll = -torch.cat(_label_log_probs(trainer)).mean()
    assert first["optim/label_nll"] == pytest.approx(float(nll.detach()), rel=1e-4)
