"""The static encoder: mean token vectors that come inside a package."""

from importlib.metadata import version

import numpy as np
import pytest

from rlsr.config.embedding import StaticEmbedding
from rlsr.embeddings import load_embedder, load_named_embedder
from rlsr.embeddings.static import StaticEmbedder

pytest.importorskip("wordllama", reason="the demo extra is not installed")


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


def test_vectors_have_unit_length_and_texts_keep_their_order(embedder: StaticEmbedder) -> None:
    texts = ["A cat sat on a mat.", "Prices rose.", "A cat sat on a mat.", "x " * 5000]
    found = embedder.encode(texts)
    assert found.vectors.shape == (4, 256)
    assert found.vectors.dtype == np.float32
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert np.array_equal(found.vectors[0], found.vectors[2])
    assert not np.allclose(found.vectors[0], found.vectors[1], atol=0.1)
    alone = np.concatenate([embedder.encode([text]).vectors for text in texts])
    assert found.vectors == pytest.approx(alone, abs=1e-5)


def test_nothing_is_ever_truncated(embedder: StaticEmbedder) -> None:
    long = "The cat sat. " * 3000
    found = embedder.encode([long, long + "Prices rose in Paris. " * 3000])
    assert found.truncated.tolist() == [False, False]
    assert found.vectors[0] @ found.vectors[1] < 0.99


def test_closer_meanings_are_closer(embedder: StaticEmbedder) -> None:
    cat, kitten, taxes = embedder.encode(
        ["The cat sleeps.", "A kitten is asleep.", "Corporate tax rates rose."]
    ).vectors
    assert cat @ kitten > cat @ taxes


def test_word_order_is_not_seen(embedder: StaticEmbedder) -> None:
    one, other = embedder.encode(["dog bites man", "man bites dog"]).vectors
    assert one @ other > 0.95


def test_a_text_without_anything_to_encode_has_no_direction(embedder: StaticEmbedder) -> None:
    found = embedder.encode(["", "cat", " \n"])
    assert found.vectors.any(axis=1).tolist() == [False, True, False]
    assert not embedder.encode([" "]).vectors.any()
    assert embedder.encode([]).vectors.shape == (0, 256)


def test_the_identity_names_the_package_and_its_version(embedder: StaticEmbedder) -> None:
    assert embedder.identity == f"static wordllama {version('wordllama')}"


def test_it_is_loaded_by_config_and_by_name() -> None:
    assert isinstance(load_embedder(StaticEmbedding(), "cpu"), StaticEmbedder)
    assert isinstance(load_named_embedder("builtin:wordllama", "cpu"), StaticEmbedder)
