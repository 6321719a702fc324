"""Writes responses on a CPU by ``generate`` of transformers, where verl would ask vLLM or SGLang."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ray
import torch
from verl.workers.rollout import base
from verl.workers.rollout.replica import RolloutReplica, RolloutReplicaRegistry, TokenOutput

from rlsr.engines.verl.batching import Batcher
from rlsr.engines.verl.inside.run import this_run

NAME = "rlsr_cpu"
"""Of this rollout, in verl's config."""


class CpuServer:
    """An actor with a copy of the policy: token ids in, token ids out; questions that come together are answered together.

    Args:
        config: verl's, of rollouts.
        model: Where the policy lies.
        replica: Which copy this is; each draws from a seed of its own.
    """

    def __init__(self, config: Any, model: str, replica: int) -> None:
        from transformers import AutoModelForCausalLM

        self._model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        self._ends = sorted(this_run().stop_ids)
        self._longest = int(config.response_length)
        self._step = 0
        self._batcher = Batcher(self._write, max_size=256, wait_s=0.02)
        torch.manual_seed(int(config.seed) + replica)

    async def generate(
        self,
        request_id: str,
        prompt_ids: Sequence[int],
        sampling_params: Mapping[str, Any],
        **_: Any,
    ) -> TokenOutput:
        """Write one response."""
        return await self._batcher.ask((list(prompt_ids), dict(sampling_params)))

    async def load_weights(self, weights: Mapping[str, Any], step: int | None) -> None:
        """Take over the weights of the policy in training."""
        tensors = {name: torch.as_tensor(values) for name, values in weights.items()}
        _, unexpected = self._model.load_state_dict(tensors, strict=False)
        assert not unexpected, f"weights that the policy does not have: {unexpected}"
        self._step = self._step if step is None else step

    async def set_global_steps(self, step: int) -> None:
        """Hear which step comes."""
        self._step = step

    async def _nothing(self, *_: Any, **__: Any) -> None:
        """Nothing is put to sleep or thrown away here."""

    wake_up = sleep = clear_kv_cache = release_kv_cache = resume_kv_cache = _nothing
    abort_all_requests = resume_generation = start_profile = stop_profile = _nothing

    def _write(self, questions: Sequence[tuple[list[int], dict[str, Any]]]) -> list[TokenOutput]:
        """Answer questions; those that are drawn alike in one batch."""
        found: dict[int, TokenOutput] = {}
        for places in _drawn_alike([settings for _, settings in questions]):
            prompts = [questions[place][0] for place in places]
            answers = self._generate(prompts, questions[places[0]][1])
            found |= dict(zip(places, answers, strict=True))
        return [found[place] for place in range(len(questions))]

    def _generate(self, prompts: list[list[int]], settings: dict[str, Any]) -> list[TokenOutput]:
        width = max(map(len, prompts))
        ids = torch.full((len(prompts), width), self._ends[0])
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        temperature = float(settings.get("temperature", 1.0))
        drawn: dict[str, Any] = {"do_sample": False}
        if temperature:
            # verl says -1 where transformers says 0.
            top_k = max(int(settings.get("top_k", -1)), 0)
            drawn = {"do_sample": True, "temperature": temperature, "top_k": top_k}
            drawn["top_p"] = float(settings.get("top_p", 1.0))
        # It asks for no gradient.
        written = self._model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=settings.get("max_tokens") or self._longest,
            eos_token_id=self._ends,
            pad_token_id=self._ends[0],
            output_logits=True,
            return_dict_in_generate=True,
            **drawn,
        )
        tokens = written.sequences[:, width:]
        logits = torch.stack(written.logits, dim=1).float() / (temperature or 1.0)
        log_probs = logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
        return [
            self._output(row.tolist(), own.tolist())
            for row, own in zip(tokens, log_probs, strict=True)
        ]

    def _output(self, tokens: list[int], log_probs: list[float]) -> TokenOutput:
        ends = (place + 1 for place, token in enumerate(tokens) if token in self._ends)
        length = next(ends, len(tokens))
        return TokenOutput(
            token_ids=tokens[:length],
            log_probs=log_probs[:length],
            stop_reason="completed",
            extra_fields={"global_steps": self._step},
        )


def _drawn_alike(settings: Sequence[Mapping[str, Any]]) -> Iterator[list[int]]:
    """List the places of equal settings."""
    names = ("temperature", "top_p", "top_k", "max_tokens")
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, one in enumerate(settings):
        groups.setdefault(tuple(one.get(name) for name in names), []).append(place)
    yield from groups.values()


def _server_name(replica: int) -> str:
    return f"{NAME}_server_{replica}"


class CpuReplica(RolloutReplica):
    """Starts the actor of one copy."""

    async def launch_servers(self) -> None:
        """Start it."""
        server = (
            ray.remote(CpuServer)
            .options(
                name=_server_name(self.replica_rank),
                num_cpus=1,
                max_concurrency=self.max_concurrency,
            )
            .remote(self.config, self.model_config.path, self.replica_rank)
        )
        self.servers = [server]
        self._server_handle = server
        self._server_address = f"{_server_name(self.replica_rank)}:0"


class CpuAdapter(base.BaseRollout):
    """Hands the weights of a worker to the actor beside it."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        size = self.config.tensor_model_parallel_size * self.config.data_parallel_size
        self._replica, self._place = divmod(int(os.environ["RANK"]), size)

    async def resume(self, tags: list[str]) -> None:
        """Nothing was put to sleep."""

    async def release(self) -> None:
        """Nothing is put to sleep."""

    async def update_weights(self, weights: Any, global_steps: int | None = None, **_: Any) -> None:
        """Collect the weights, which all workers do together, and hand them on."""
        named = {
            name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in weights
        }
        if self._place == 0:
            server = ray.get_actor(_server_name(self._replica))
            await asyncio.wrap_future(server.load_weights.remote(named, global_steps).future())


def register() -> None:
    """Make this rollout known to verl."""
    RolloutReplicaRegistry.register(NAME, lambda: CpuReplica)
    base._ROLLOUT_REGISTRY[NAME, "async"] = f"{__name__}.{CpuAdapter.__name__}"
