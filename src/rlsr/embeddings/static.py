"""Static token vectors: a sentence is the mean of its tokens' vectors. No transformer, no length limit."""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from rlsr.embeddings.builtin import WORDLLAMA
from rlsr.embeddings.protocol import Encoding, unit_rows
from rlsr.errors import MissingPackageError
from rlsr.packages import package_directory


class StaticEmbedder:
    """The 256-dimensional vectors that come inside the package ``wordllama``.

    Raises:
        MissingPackageError: wordllama is not installed.
    """

    def __init__(self) -> None:
        directory = package_directory("wordllama")
        if directory is None:
            raise MissingPackageError(
                "wordllama", f"load {WORDLLAMA}", "pip install wordllama==0.4.0.post1"
            )
        from wordllama import WordLlama

        # Its own search path knows neither; both arguments are needed to keep it off the network.
        self._model = WordLlama.load(cache_dir=directory, disable_download=True)

    @property
    def identity(self) -> str:
        """The package's version, since the vectors come with it."""
        return f"static wordllama {version('wordllama')}"

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Encode each distinct text once.

        Args:
            texts: Any texts.

        Returns:
            Unit vectors in the order of the texts; nothing is ever truncated.
        """
        distinct = list(dict.fromkeys(texts))
        place = {text: row for row, text in enumerate(distinct)}
        visible = [row for row, text in enumerate(distinct) if text.strip()]
        vectors = np.zeros((len(distinct), self._model.embedding.shape[1]), dtype=np.float32)
        if visible:
            vectors[visible] = self._model.embed([distinct[row] for row in visible])
        rows = [place[text] for text in texts]
        return Encoding(
            vectors=unit_rows(vectors[rows]), truncated=np.zeros(len(texts), dtype=np.bool_)
        )
