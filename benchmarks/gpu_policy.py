"""Policies and an encoder of random weights, for a machine that has no real ones and no network.

    python benchmarks/gpu_policy.py qwen2-7b DIR --device cuda    a policy with a tokenizer
    python benchmarks/gpu_policy.py encoder DIR                   an encoder of MiniLM's sizes

Time and memory of a step depend on sizes alone. A random policy hardly ever ends a response, so that all have the longest length.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_QWEN2 = {"model_type": "qwen2", "num_hidden_layers": 28}
SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {
        "model_type": "qwen2", "vocab_size": 5000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True,
    },
    "smollm2-135m": {
        "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True,
    },
    "qwen2-1.5b": {
        **_QWEN2, "vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12,
        "num_key_value_heads": 2, "tie_word_embeddings": True,
    },
    "qwen2-7b": {
        **_QWEN2, "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28,
        "num_key_value_heads": 4, "tie_word_embeddings": False,
    },
}  # fmt: skip
"""Sizes as in the published ``config.json`` of each."""
_TOKENS = 4096
_POSITIONS = 8192
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SEED = 0


def make_model(name: str, device: str) -> Any:
    """Make a policy in bfloat16, its weights drawn on the device.

    Args:
        name: Of ``SHAPES``.
        device: Where.

    Returns:
        A causal language model of transformers.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {**SHAPES[name]}
    config = AutoConfig.for_model(
        shape.pop("model_type"),
        **shape,
        max_position_embeddings=_POSITIONS,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )
    torch.manual_seed(_SEED)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)


def make_tokenizer() -> Any:
    """Learn a byte-level tokenizer from the built-in instructions.

    Returns:
        A fast tokenizer with a chat template.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        _texts(),
        trainers.BpeTrainer(
            vocab_size=_TOKENS,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _texts() -> Iterator[str]:
    from rlsr.data.builtin import open_builtin

    with open_builtin("instructions") as lines:
        for line in lines:
            yield from (text for text in json.loads(line).values() if isinstance(text, str))


def save_policy(name: str, directory: Path, device: str) -> None:
    """Write a policy as ``model.name`` takes it.

    Args:
        name: Of ``SHAPES``.
        directory: To make.
        device: Where the weights are drawn.
    """
    make_model(name, device).save_pretrained(directory)
    make_tokenizer().save_pretrained(directory)


def save_encoder(directory: Path, *, layers: int) -> None:
    """Write an encoder with the sizes of all-MiniLM-L6-v2 as ``embedding`` takes it.

    Args:
        directory: To make.
        layers: Six in MiniLM.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel

    torch.manual_seed(_SEED)
    config = BertConfig(
        vocab_size=_TOKENS,
        hidden_size=384,
        num_hidden_layers=layers,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=512,
    )
    tokenizer = make_tokenizer()
    tokenizer.chat_template = None
    with tempfile.TemporaryDirectory() as weights:
        BertModel(config).save_pretrained(weights)
        tokenizer.save_pretrained(weights)
        transformer = Transformer(weights, max_seq_length=256)
    pooling = Pooling(transformer.get_embedding_dimension())
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(directory))


def main() -> None:
    """Make what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("name", choices=[*SHAPES, "encoder", "tiny-encoder"])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if arguments.name.endswith("encoder"):
        save_encoder(arguments.directory, layers=1 if arguments.name.startswith("tiny") else 6)
    else:
        save_policy(arguments.name, arguments.directory, arguments.device)


if __name__ == "__main__":
    main()
