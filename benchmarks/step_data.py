"""Inputs of the step benchmark: prompts of a wanted length, and a policy that never ends a response.

python benchmarks/step_data.py '{"kind": "rows", ...}'    as step_runs.py calls it, in a process of its own
"""

import json
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from step_setting import INSTRUCTION

NEVER = "<|never|>"
"""End of sequence of the policy that never ends: its id is one beyond the vocabulary, so it cannot be sampled."""
_NUM_DISTINCT = 64
_SHORTEST_SHARE = 0.5
"""Long prompts have lengths from this share of the mean up to two minus it, evenly spread."""
_SEED = 0


@dataclass(frozen=True)
class RowsRequest:
    """Which prompts to write."""

    model: str
    """Directory of the policy, whose tokens are counted."""
    out: str
    """JSONL file to write, with columns ``prompt``, ``response`` and ``prompt_tokens``."""
    prompt_tokens: int
    """Mean length; 40 stands for the shortest prompts of the built-in set as they are."""
    with_instruction: bool
    """Whether to ask for one sentence."""
    num_rows: int = _NUM_DISTINCT
    """Rows to write; more than 64 are numbered variants of the first 64."""


def short_rows(rows: Sequence[dict[str, str]], lengths: Sequence[int]) -> list[dict[str, str]]:
    """Choose the rows with the shortest prompts.

    Args:
        rows: Prompts with responses.
        lengths: Tokens of each prompt.

    Returns:
        At most 64 rows, in the order in which they came.
    """
    order = sorted(range(len(rows)), key=lambda place: (lengths[place], place))
    return [rows[place] for place in sorted(order[:_NUM_DISTINCT])]


def numbered(rows: Sequence[dict[str, str]], num_rows: int) -> list[dict[str, str]]:
    """Repeat rows, told apart by a number in front of the prompt.

    Args:
        rows: Prompts with responses.
        num_rows: How many to return.

    Returns:
        The rows as they are, then their variants.
    """
    repeats = [divmod(place, len(rows)) for place in range(num_rows)]
    return [
        {**rows[row], "prompt": f"Case {turn}. {rows[row]['prompt']}" if turn else rows[row]["prompt"]}
        for turn, row in repeats
    ]  # fmt: skip


def spread_lengths(mean: int, count: int) -> list[int]:
    """Spread lengths evenly around a mean, in a fixed random order.

    Args:
        mean: Tokens.
        count: How many lengths.

    Returns:
        Lengths from half the mean to one and a half times the mean.
    """
    step = 2 * (1 - _SHORTEST_SHARE) / max(count - 1, 1)
    lengths = [round(mean * (_SHORTEST_SHARE + step * place)) for place in range(count)]
    random.Random(_SEED).shuffle(lengths)
    return lengths


def with_context(prompt: str, context: str) -> str:
    """Put background text in front of a prompt.

    Args:
        prompt: The question.
        context: The text; may be empty.

    Returns:
        The longer prompt.
    """
    return f"Background:\n{context}\n\nQuestion:\n{prompt}" if context else prompt


def lengthen(
    rows: Sequence[dict[str, str]],
    targets: Sequence[int],
    context: str,
    count: Callable[[str], int],
    cut: Callable[[str, int], str],
) -> list[dict[str, str]]:
    """Bring every prompt to about its wanted length by text in front of it.

    Args:
        rows: Prompts with responses.
        targets: Tokens that each prompt should have.
        context: Text that is at least as long as the longest target.
        count: Tokens of a prompt, chat template included.
        cut: The first tokens of a text.

    Returns:
        Rows with longer prompts, each with another part of the text.
    """
    longer = []
    for place, (row, target) in enumerate(zip(rows, targets, strict=True)):
        # Each prompt begins at another word, so that no two have a common beginning.
        words = context.split()
        start = place * len(words) // len(rows)
        text = " ".join([*words[start:], *words[:start]])
        missing = target - count(with_context(row["prompt"], "-"))
        background = cut(text, missing) if missing > 0 else ""
        longer.append({**row, "prompt": with_context(row["prompt"], background)})
    return longer


def write_rows(request: RowsRequest) -> None:
    """Write a file of prompts with references.

    Args:
        request: Which ones.
    """
    from rlsr.config.data import DataConfig
    from rlsr.config.model import ModelConfig
    from rlsr.data import load_dataset
    from rlsr.data.record import Message
    from rlsr.models import load_tokenizer, prompt_ids

    tokenizer = load_tokenizer(ModelConfig(name=request.model))

    def count(prompt: str) -> int:
        return len(prompt_ids(tokenizer, (Message("user", prompt),)))

    def cut(text: str, num_tokens: int) -> str:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        return str(tokenizer.decode(ids[:num_tokens]))

    dataset = load_dataset(DataConfig(path="builtin:instructions"))
    records = [*dataset.train, *dataset.heldout]
    everything = [{"prompt": record.prompt, "response": record.reference} for record in records]
    rows = short_rows(everything, [count(row["prompt"]) for row in everything])
    if request.with_instruction:
        rows = [{**row, "prompt": f"{row['prompt']}\n{INSTRUCTION}"} for row in rows]
    rows = numbered(rows, request.num_rows)
    if request.prompt_tokens > 40:
        targets = spread_lengths(request.prompt_tokens, len(rows))
        context = " ".join(row["response"] for row in everything)
        rows = lengthen(rows, targets, context, count, cut)
    lines = [json.dumps({**row, "prompt_tokens": count(row["prompt"])}) for row in rows]
    Path(request.out).write_text("\n".join(lines) + "\n", encoding="utf-8")


def copy_without_end(model: str, out: Path) -> None:
    """Copy a policy whose responses all reach the maximum.

    Its end of sequence becomes a new token of the tokenizer for which the model has no logit. Padding stays as it was.

    Args:
        model: Directory of the policy.
        out: Directory to make.
    """
    from transformers import AutoTokenizer

    shutil.copytree(model, out, dirs_exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    vocabulary = int(json.loads((out / "config.json").read_text(encoding="utf-8"))["vocab_size"])
    # Embeddings are often padded, so that the next free id may have a logit.
    fillers = [f"<|never-{place}|>" for place in range(max(vocabulary - len(tokenizer), 0))]
    tokenizer.add_tokens(fillers)
    tokenizer.add_special_tokens({"eos_token": NEVER})
    never = tokenizer.convert_tokens_to_ids(NEVER)
    assert never >= vocabulary, "the model must have no logit for it"
    tokenizer.save_pretrained(out)
    for name in ("config.json", "generation_config.json"):
        file = out / name
        if file.is_file():
            table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            table |= {"eos_token_id": never, "pad_token_id": tokenizer.pad_token_id}
            file.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def find_model(name: str, out: Path) -> None:
    """Write down in which directory a policy lies, and its sizes.

    Args:
        name: ``builtin:smollm2-135m`` or a directory.
        out: JSON file to write.
    """
    from rlsr.models.builtin import resolve_model_name

    directory = resolve_model_name(name)
    config = json.loads((Path(directory) / "config.json").read_text(encoding="utf-8"))
    found = {"name": name, "directory": directory, "config": config}
    out.write_text(json.dumps(found), encoding="utf-8")


def main() -> None:
    """Make one input, as a JSON object on the command line says."""
    request = json.loads(sys.argv[1])
    kind = request.pop("kind")
    if kind == "rows":
        write_rows(RowsRequest(**request))
    elif kind == "endless":
        copy_without_end(request["model"], Path(request["out"]))
    else:
        find_model(request["model"], Path(request["out"]))


def as_argument(request: RowsRequest) -> dict[str, Any]:
    """Write a request as ``main`` reads it.

    Args:
        request: Which rows.

    Returns:
        A JSON-ready table.
    """
    return {"kind": "rows", **asdict(request)}


if __name__ == "__main__":
    main()
