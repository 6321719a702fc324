"""What a small policy itself says of answers: its hidden states as an encoder, and how likely the reference is after them.

    python benchmarks/ranker_policy.py --data DIR --cache DIR --prompts 30

Takes seconds a prompt on a core, so it reads the first prompts of each set alone; what it found is kept in the cache, and
a later call goes on from there.
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from quality_data import Group, load_groups

from rlsr.config.model import ModelConfig
from rlsr.data.record import Message
from rlsr.models.chat import prompt_ids
from rlsr.models.load import Policy, load_policy

SOURCES = ("gsm8k", "self_instruct", "vicuna", "truthfulqa")
"""Arena's prompts and answers are too long for what a core can do."""

_NUM_PROMPT, _NUM_ANSWER = 128, 96
"""Most tokens that are read of a prompt (its end) and of an answer (its beginning)."""
_MIDDLE = 15
"""The layer half-way up, of 30."""
_BETWEEN = "\n\n"


@dataclass(frozen=True)
class Reading:
    """What the policy makes of a prompt's answers; the reference is the last row of the states."""

    states: dict[str, NDArray[np.float32]]
    """By layer and pooling: one vector for each answer and for the reference."""
    nats_per_token: NDArray[np.float64]
    """Mean log-probability of the reference's tokens after each answer."""


def main() -> None:
    """Read the answers to the first prompts of each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the gzip files")
    parser.add_argument("--cache", type=Path, required=True, help="directory for what was found")
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES)
    parser.add_argument("--prompts", type=int, default=30, help="of each set")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    policy = load_policy(ModelConfig(name="builtin:smollm2-135m", dtype="float32"), "cpu")
    for group in in_turn(load_groups(arguments.data), arguments.sources, arguments.prompts):
        place = place_of(arguments.cache, group)
        if not place.exists():
            reading = read(policy, group)
            np.savez(place, nats_per_token=reading.nats_per_token, **reading.states)


def in_turn(groups: Sequence[Group], sources: Sequence[str], prompts: int) -> Iterator[Group]:
    """Yield a prompt of each set, then the next of each; Vicuna's with gpt35's answer as the reference alone."""
    by_source = (
        [group for group in groups if group.source == source and "gpt35" not in group.names][:prompts]
        for source in sources
    )  # fmt: skip
    for row in zip_longest(*by_source):
        yield from (group for group in row if group is not None)


def place_of(cache: Path, group: Group) -> Path:
    """Name the file of a prompt."""
    digest = hash_of(f"{group.source}\n{group.id}\n{group.reference}")
    return cache / f"{group.source}-{digest}.npz"


def hash_of(text: str) -> str:
    """Name a text by a few hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:16]


def load_reading(cache: Path, group: Group) -> Reading | None:
    """Look a prompt up; None where the policy has not read it."""
    place = place_of(cache, group)
    if not place.exists():
        return None
    with np.load(place) as found:
        states = {name: found[name] for name in found.files if name != "nats_per_token"}
        return Reading(states, found["nats_per_token"])


def read(policy: Policy, group: Group) -> Reading:
    """Let the policy read prompt, answer and reference in one pass, and prompt and reference in another."""
    prompt = prompt_ids(policy.tokenizer, (Message("user", group.prompt),))[-_NUM_PROMPT:]
    between = _ids(policy, _BETWEEN)
    reference = _ids(policy, group.reference)
    answers = [_ids(policy, text) or between for text in group.responses]
    rows = [[*prompt, *answer, *between, *reference] for answer in answers]
    rows.append([*prompt, *reference])
    lengths = [*map(len, answers), len(reference)]
    with torch.inference_mode():
        ids = torch.full((len(rows), max(map(len, rows))), policy.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
            mask[place, : len(row)] = 1
        output = policy.model.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        layers = {"middle": output.hidden_states[_MIDDLE], "last layer": output.last_hidden_state}
        states: dict[str, list[NDArray[np.float32]]] = {}
        nats = []
        for place, length in enumerate(lengths):
            for name, layer in layers.items():
                own = layer[place, len(prompt) : len(prompt) + length]
                states.setdefault(f"{name}, mean", []).append(own.mean(dim=0).numpy())
                states.setdefault(f"{name}, last token", []).append(own[-1].numpy())
        for place, row in enumerate(rows[:-1]):
            before = output.last_hidden_state[place, len(row) - len(reference) - 1 : len(row) - 1]
            log_probs = policy.model.lm_head(before).log_softmax(dim=-1)
            nats.append(float(log_probs[range(len(reference)), reference].mean()))
    return Reading({name: np.stack(rows) for name, rows in states.items()}, np.array(nats))


def _ids(policy: Policy, text: str) -> list[int]:
    ids: list[int] = policy.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids[:_NUM_ANSWER]


if __name__ == "__main__":
    main()
