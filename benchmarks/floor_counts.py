"""What a GRPO step cannot do without: operations and bytes, counted from the policy's sizes.

An operation is one addition or one multiplication; a product with a matrix of n weights costs 2 n for each token.
Lower bounds throughout, so that a floor stays a floor:

- means stand for lengths, and attention grows with their square, whose mean is larger;
- a prompt is computed once for its whole group, in training too;
- adapters are merged into the weights for sampling, at no cost;
- norms, activation functions, softmax, rotary positions, sampling and the reward are left out;
- activations cost no memory traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Operations = dict[str, float]

RATES = (
    "decode", "decode_head", "forward", "forward_head", "input_gradient", "input_gradient_head",
    "weight_gradient", "weight_gradient_head",
)  # fmt: skip
"""Kinds of products whose rate differs: few rows or many, a layer's matrices or the head, forward or backward."""


@dataclass(frozen=True)
class PolicyShape:
    """Sizes of a Llama-like policy."""

    hidden: int
    """Width."""
    layers: int
    """Depth."""
    heads: int
    """Query heads."""
    key_heads: int
    """Key and value heads."""
    head_size: int
    """Width of a head."""
    mlp: int
    """Width between the matrices of the gated MLP."""
    vocabulary: int
    """Tokens of the head."""
    bytes_per_weight: int = 2
    """2 for bfloat16."""

    @property
    def linear_shapes(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of the matrices of a layer: query, key, value, output, gate, up, down."""
        queries, keys = self.heads * self.head_size, self.key_heads * self.head_size
        return (
            (self.hidden, queries), (self.hidden, keys), (self.hidden, keys), (queries, self.hidden),
            (self.hidden, self.mlp), (self.hidden, self.mlp), (self.mlp, self.hidden),
        )  # fmt: skip

    @property
    def layer_weights(self) -> int:
        """Weights of the matrices of all layers."""
        return self.layers * sum(rows * columns for rows, columns in self.linear_shapes)

    @property
    def head_weights(self) -> int:
        """Weights of the head, tied to the embeddings or not."""
        return self.hidden * self.vocabulary

    @property
    def weight_bytes(self) -> float:
        """Bytes of all matrices."""
        return float((self.layer_weights + self.head_weights) * self.bytes_per_weight)

    @property
    def position_bytes(self) -> float:
        """Bytes of the keys and values of one position, over all layers."""
        return 2.0 * self.layers * self.key_heads * self.head_size * self.bytes_per_weight

    def adapter_weights(self, rank: int) -> int:
        """Count the weights of low-rank adapters on every matrix of a layer.

        Args:
            rank: Of each adapter.

        Returns:
            rank * (inputs + outputs), summed over all matrices.
        """
        return self.layers * sum(rank * (rows + columns) for rows, columns in self.linear_shapes)


@dataclass(frozen=True)
class Workload:
    """What a step is about."""

    num_prompts: int
    """Prompts."""
    num_generations: int
    """Responses to each."""
    prompt_tokens: float
    """Mean length of a prompt."""
    response_tokens: float
    """Mean length of a response."""
    longest_response: float
    """Length of the longest response: sampling has as many turns."""

    @property
    def num_responses(self) -> int:
        """Responses of the step."""
        return self.num_prompts * self.num_generations


@dataclass(frozen=True)
class Stage:
    """A part of a phase in which products and memory traffic can overlap at best."""

    name: str
    operations: Operations
    """Operations by the name of their rate."""
    num_bytes: float
    """Bytes that must be moved."""


def shape_of(config: Mapping[str, Any], bytes_per_weight: int = 2) -> PolicyShape:
    """Read the sizes of a policy.

    Args:
        config: Its ``config.json``.
        bytes_per_weight: 2 for bfloat16, 4 for float32.

    Returns:
        The sizes.
    """
    heads = int(config["num_attention_heads"])
    return PolicyShape(
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        key_heads=config.get("num_key_value_heads") or heads,
        head_size=config.get("head_dim") or config["hidden_size"] // heads,
        mlp=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        bytes_per_weight=bytes_per_weight,
    )


def attention_operations(shape: PolicyShape, before: float, new: float) -> float:
    """Count the products of causal attention.

    A position that sees t positions takes 2 products (queries with keys, weights with values) of 2 t operations for each
    number of a query: 4 * layers * heads * head_size * (new * before + new^2 / 2) in all.

    Args:
        shape: The policy.
        before: Positions whose keys and values are there already.
        new: Positions that are computed.

    Returns:
        Operations of one sequence.
    """
    seen = new * before + new**2 / 2
    return 4.0 * shape.layers * shape.heads * shape.head_size * seen


def generation(shape: PolicyShape, work: Workload) -> tuple[Stage, ...]:
    """Count sampling.

    Prefill: each prompt once, 2 * layer_weights * prompt_tokens and its attention, the head at its last position; the
    weights are read once. Decode: each sampled token but the last is fed back once, 2 * (layer_weights + head_weights)
    and its attention; every turn reads all weights once, the keys and values of each prompt once for its whole group,
    and those of each response.

    Args:
        shape: The policy.
        work: The step.

    Returns:
        Two stages.
    """
    prompts, responses = work.num_prompts, work.num_responses
    fed = max(work.response_tokens - 1, 0.0)
    turns = max(work.longest_response - 1, 0.0)
    prefill = prompts * (
        2.0 * shape.layer_weights * work.prompt_tokens
        + attention_operations(shape, 0, work.prompt_tokens)
    )
    decode = responses * (
        2.0 * shape.layer_weights * fed + attention_operations(shape, work.prompt_tokens, fed)
    )
    cache = turns * prompts * work.prompt_tokens + responses * fed**2 / 2
    return (
        Stage(
            "prefill",
            {"forward": prefill, "forward_head": 2.0 * shape.head_weights * prompts},
            shape.weight_bytes,
        ),
        Stage(
            "decode",
            {"decode": decode, "decode_head": 2.0 * shape.head_weights * responses * fed},
            turns * shape.weight_bytes + cache * shape.position_bytes,
        ),
    )


def _forward(shape: PolicyShape, work: Workload) -> tuple[float, float, float]:
    """Count a forward pass over prompts, once each, and responses: layers, attention, head at response positions."""
    tokens = work.num_prompts * work.prompt_tokens + work.num_responses * work.response_tokens
    attention = work.num_prompts * attention_operations(
        shape, 0, work.prompt_tokens
    ) + work.num_responses * attention_operations(shape, work.prompt_tokens, work.response_tokens)
    head = 2.0 * shape.head_weights * work.num_responses * work.response_tokens
    return 2.0 * shape.layer_weights * tokens, attention, head


def reference(shape: PolicyShape, work: Workload) -> tuple[Stage, ...]:
    """Count the reference's log-probabilities.

    Prompts once and responses through the layers, 2 * layer_weights for each token and attention; the head at response
    positions only. The weights are read once.

    Args:
        shape: The policy.
        work: The step.

    Returns:
        One stage.
    """
    layers, attention, head = _forward(shape, work)
    return (
        Stage("forward", {"forward": layers + attention, "forward_head": head}, shape.weight_bytes),
    )


def update(shape: PolicyShape, work: Workload, lora_rank: int | None) -> tuple[Stage, ...]:
    """Count forward, backward and optimiser.

    Forward: as for the reference. Gradients of the inputs: as many operations again for matrices and head, twice as many
    for attention. Gradients of the weights: as many again if all weights are trained, none for frozen weights. Adapters
    of A weights: 2 A for each token forward, for the inputs and for the weights. Weights are read forward and backward,
    gradients of all weights are written once. AdamW in float32 reads and writes two moments and a copy (24 bytes) and
    reads the gradient, 4 bytes for adapters; for all weights the gradient has the weight's type, and the weight is
    written, too.

    Args:
        shape: The policy.
        work: The step.
        lora_rank: Rank of the adapters; None trains all weights.

    Returns:
        Two stages.
    """
    layers, attention, head = _forward(shape, work)
    operations = {
        "forward": layers + attention,
        "forward_head": head,
        "input_gradient": layers + 2 * attention,
        "input_gradient_head": head,
    }
    traffic = 2 * shape.weight_bytes
    if lora_rank is None:
        operations |= {"weight_gradient": layers, "weight_gradient_head": head}
        weights = shape.layer_weights + shape.head_weights
        traffic += shape.weight_bytes
        moved = weights * (24.0 + 2 * shape.bytes_per_weight)
    else:
        weights = shape.adapter_weights(lora_rank)
        # Of the layers' operations the same share as of their weights.
        adapters = layers * weights / shape.layer_weights
        operations["forward"] += adapters
        operations["input_gradient"] += adapters
        operations["weight_gradient"] = adapters
        moved = weights * (24.0 + 4)
    return Stage("gradient", operations, traffic), Stage("optimizer", {}, moved)


def stage_seconds(
    stage: Stage, rates: Mapping[str, float], bandwidth: float
) -> tuple[float, float]:
    """Turn a stage into times.

    Args:
        stage: What must be done.
        rates: Operations a second by kind.
        bandwidth: Bytes a second.

    Returns:
        Seconds of the products alone, and of the memory traffic alone.
    """
    products = sum(count / rates[name] for name, count in stage.operations.items())
    return products, stage.num_bytes / bandwidth


def floor_seconds(stages: tuple[Stage, ...], rates: Mapping[str, float], bandwidth: float) -> float:
    """Give the time that a phase cannot fall below.

    Args:
        stages: Its stages, one after the other.
        rates: Operations a second by kind.
        bandwidth: Bytes a second.

    Returns:
        The sum over the stages of the larger of the two times.
    """
    return sum(max(stage_seconds(stage, rates, bandwidth)) for stage in stages)
