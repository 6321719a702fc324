"""Encoders of the Qwen3-Embedding architecture: a small one with random weights, since the weights of the real one are large."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.config.embedding import SentenceTransformersEmbedding
from rlsr.embeddings.sentence_transformers import SentenceTransformersEmbedder

pytest.importorskip("sentence_transformers", reason="the train extra is not installed")

END = "<|endoftext|>"
QUERY = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)
SAME_MEANING = "Instruct: Retrieve semantically similar text.\nQuery:"
TEXTS = ["cat", "The capital of France is Paris, and that of Italy is Rome.", "a b", "x" * 40]


@pytest.fixture(scope="module", params=["left", "right"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save it as its makers do: last token, unit length, a prompt for queries, the end of text after each text."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=[END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    raw.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, 0)])  # fmt: skip
    side = request.param
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=END, pad_token=END, padding_side=side, model_max_length=160
    )
    torch.manual_seed(0)
    model = Qwen3Model(
        Qwen3Config(
            vocab_size=300,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            max_position_embeddings=256,
        )
    )
    base = tmp_path_factory.mktemp(f"qwen3-{side}")
    model.save_pretrained(base / "transformer")
    tokenizer.save_pretrained(base / "transformer")
    encoder = SentenceTransformer(
        modules=[
            Transformer(str(base / "transformer")),
            Pooling(32, pooling_mode="lasttoken"),
            Normalize(),
        ],
        prompts={"query": QUERY, "document": ""},
        device="cpu",
    )
    encoder.save(str(base / "encoder"))
    return base


def load(directory: Path, **settings: Any) -> SentenceTransformersEmbedder:
    config = SentenceTransformersEmbedding(
        model=str(directory / "encoder"), dtype="float32", **settings
    )
    return SentenceTransformersEmbedder(config, "cpu")


@cache
def load_plainly(directory: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    place = directory / "transformer"
    return AutoModel.from_pretrained(place), AutoTokenizer.from_pretrained(place)


def last_state(directory: Path, text: str) -> np.ndarray:
    """Read the state of the last token of one text alone, without padding and without sentence-transformers."""
    import torch

    model, tokenizer = load_plainly(directory)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids[-1:]) == END
    with torch.inference_mode():
        state = model(torch.tensor([ids])).last_hidden_state[0, -1].numpy()
    vector: np.ndarray = state / np.linalg.norm(state)
    return vector


@pytest.mark.parametrize(
    ("settings", "prompt"),
    [({}, ""), ({"prompt_name": "query"}, QUERY), ({"prompt": SAME_MEANING}, SAME_MEANING)],
)
def test_a_vector_is_the_last_state_alone_and_in_a_batch(
    directory: Path, settings: dict[str, Any], prompt: str
) -> None:
    embedder = load(directory, **settings, tokens_per_batch=10_000)
    together = embedder.encode(TEXTS)
    alone = np.concatenate([embedder.encode([text]).vectors for text in TEXTS])
    expected = [last_state(directory, prompt + text) for text in TEXTS]
    np.testing.assert_allclose(together.vectors, expected, atol=1e-5)
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    assert not together.truncated.any()
    # The first and the second are told apart by more than rounding.
    assert abs(together.vectors[0] @ together.vectors[1]) < 0.999


def test_what_is_cut_keeps_the_end_of_text_that_is_read(directory: Path) -> None:
    embedder = load(directory, max_tokens=16)
    long = "the cat and the dog " * 9
    found = embedder.encode([long, "cat"])
    assert found.truncated.tolist() == [True, False]
    np.testing.assert_allclose(found.vectors[1], last_state(directory, "cat"), atol=1e-5)
    longer = embedder.encode([long + "which is not read"]).vectors[0]
    np.testing.assert_allclose(found.vectors[0], longer, atol=1e-5)
