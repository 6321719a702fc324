"""What is known of the reward ``grader`` without opening it, and how it is opened."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from rlsr.config.embedding import vector_settings
from rlsr.config.graders.grader import Grader, templates_of
from rlsr.config.graders.schema import (
    LabelModel,
    Leaf,
    PythonGrader,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)
from rlsr.config.graders.settings import GraderReward
from rlsr.config.graders.template import ABSENT, did_you_mean, parse_template
from rlsr.config.graders.words import describe_grader
from rlsr.config.remote import ChatEndpoint
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.embeddings import Embedder, load_embedder, require_embedder
from rlsr.errors import DataError, RewardError
from rlsr.models import Device
from rlsr.remote import ChatClient
from rlsr.rewards.graders.leaves import LeafGrader, ModelGrader, PythonCode, TextGrader
from rlsr.rewards.graders.models import request
from rlsr.rewards.graders.reward import GraderScorer, parts_of
from rlsr.rewards.graders.rows import OWN_NAMES, Rows, item_of
from rlsr.rewards.graders.texts import require_metric, similarities, string_checks
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.place import place_of
from rlsr.rewards.protocol import Part, RewardBatch
from rlsr.sandbox import Kind, Limits, Worker, choose_kind
from rlsr.sandbox.worker import SourceError, WorkerError

logger = logging.getLogger(__name__)

_PLACE: Final = "reward.grader"
_GIGA = 10**9
_SEEN: Final[Mapping[str, str]] = {"bleu": "bleu", "cosine": "similarity"}
"""Held-out metrics that a metric of a grader is, or nearly."""
_CONTAINED: Final = ("files", "network", "processes", "memory")


class GraderKind(RewardKind[GraderReward]):
    """The reward ``grader``."""

    config = GraderReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List the score of each of several graders, and the shares of what is not as it should be."""
        return parts_of(self.settings(config).parsed)

    def describe(self, config: RunConfig) -> str:
        """Say what the graders are, and how their scores are put together."""
        return describe_grader(self.settings(config).parsed, config.embedding.name)

    def seen_metrics(self, config: RunConfig) -> frozenset[str]:
        """Add what the metrics of the graders are called where they are held out."""
        metrics = self.settings(config).parsed.metrics
        return super().seen_metrics(config) | {_SEEN[one] for one in metrics if one in _SEEN}

    def heldout_metrics(self, config: RunConfig) -> Mapping[str, Any]:
        """Give the score, which depends on the grader, the server behind it, and the encoder of a cosine."""
        settings = self.settings(config)
        grader = settings.parsed
        endpoint = settings.endpoint
        return {
            "reward": [
                settings.grader,
                settings.missing_output,
                None if endpoint is None else endpoint.decisive(),
                vector_settings(config.embedding) if "cosine" in grader.metrics else None,
            ]
        }

    def endpoints(self, config: RunConfig) -> Mapping[str, ChatEndpoint]:
        """Give the server of the graders that ask a model."""
        endpoint = self.settings(config).endpoint
        return {} if endpoint is None else {place_of("endpoint"): endpoint}

    def questions(
        self, config: RunConfig, batch: RewardBatch
    ) -> Mapping[str, list[dict[str, Any]]]:
        """List what the models of the graders are asked about responses."""
        settings = self.settings(config)
        if settings.endpoint is None:
            return {}
        rows = Rows.of(batch)
        bodies = [
            request(leaf, texts, settings.endpoint.model or leaf.model)
            for leaf in settings.parsed.leaves.values()
            if isinstance(leaf, ScoreModel | LabelModel)
            for texts in rows.render([parse_template(text) for _, text in templates_of(leaf)])
            if texts is not None
        ]
        return {place_of("endpoint"): bodies}

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse what is not installed, and rows without what a template asks for."""
        settings = self.settings(config)
        grader = settings.parsed
        for name, leaf in grader.leaves.items():
            if isinstance(leaf, TextSimilarity):
                require_metric(leaf.evaluation_metric, f"{_PLACE}.{grader.key(name)}evaluation_metric")  # fmt: skip
        if "cosine" in grader.metrics:
            require_embedder(config.embedding, "embedding.model")
        if grader.has(PythonGrader):
            choose_kind(settings.sandbox, "reward.sandbox")
        if settings.endpoint is not None:
            settings.endpoint.read_key(place_of("endpoint"))
        require_items(grader, records)

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> GraderScorer:
        """Load the encoder of a cosine, open the connection to a server, and start the process of each python grader."""
        settings = self.settings(config)
        needs_encoder = "cosine" in settings.parsed.metrics
        embedder = load_embedder(config.embedding, device) if needs_encoder else None
        return open_grader(settings, embedder)


def open_grader(settings: GraderReward, embedder: Embedder | None) -> GraderScorer:
    """Open a grader.

    Args:
        settings: The grader, and what it may use.
        embedder: For a cosine; None where there is none.

    Returns:
        The reward, to be closed by the caller.

    Raises:
        RlsrError: A package, a key or a sandbox is missing, or the code of a python grader fails when it is read.
    """
    grader = settings.parsed
    leaves: dict[str, LeafGrader] = {}
    with ExitStack() as held:
        client = None
        if settings.endpoint is not None:
            client = ChatClient(settings.endpoint, place_of("endpoint"), "go on with --resume")
            held.callback(client.close)
        for name, leaf in grader.leaves.items():
            leaves[name] = _open(leaf, settings, client, embedder, f"{_PLACE}.{grader.key(name)}")
            held.callback(leaves[name].close)
        return GraderScorer(grader, leaves, held.pop_all())


def require_items(grader: Grader, records: Sequence[PromptRecord]) -> None:
    """Refuse rows that lack what a template asks for.

    Args:
        grader: The grader.
        records: The rows.

    Raises:
        DataError: One does; the first is named, and how many there are.
    """
    paths = list(grader.item_paths())
    problems = []
    for record in records if paths else ():
        item = item_of(record)
        lacking = next(((key, path) for key, path in paths if path.find(item) is ABSENT), None)
        if lacking is None:
            continue
        key, path = lacking
        names = [*OWN_NAMES, *record.columns]
        problems.append(
            f"{record.location}: {_PLACE}.{key}: the row has no {path.written}, or it is null; it has {', '.join(names)}"
            f"{did_you_mean(str(path.steps[0]), names)}"
        )
    if problems:
        more = f" ({len(problems):,} of {len(records):,} rows lack such a value)"
        raise DataError(
            f"{problems[0]}; the column that a layout reads as the answer is item.reference{more}", problems
        )  # fmt: skip


def _open(
    leaf: Leaf,
    settings: GraderReward,
    client: ChatClient | None,
    embedder: Embedder | None,
    place: str,
) -> LeafGrader:
    missing = settings.missing_output
    match leaf:
        case StringCheck():
            return TextGrader(leaf, missing, string_checks(leaf))
        case TextSimilarity():
            require_metric(leaf.evaluation_metric, f"{place}evaluation_metric")
            return TextGrader(leaf, missing, similarities(leaf.evaluation_metric, embedder))
        case ScoreModel() | LabelModel():
            assert client is not None, "the config asks for a server"
            assert settings.endpoint is not None, "the client's"
            return ModelGrader(leaf, missing, client, settings.endpoint.model or leaf.model)
        case PythonGrader():
            return PythonCode(leaf, _start(leaf, settings, place))


def _start(leaf: PythonGrader, settings: GraderReward, place: str) -> Worker:
    kind = choose_kind(settings.sandbox, "reward.sandbox")
    wanted = settings.python_limits
    limits = Limits(
        seconds=wanted.timeout_s,
        memory_bytes=int(wanted.memory_gb * _GIGA),
        disk_bytes=int(wanted.disk_gb * _GIGA),
    )
    try:
        worker = Worker(leaf.source, "grade", kind, limits)
    except (SourceError, WorkerError) as error:
        raise RewardError(f"{place}source: it could not be started: {error}; mend the code, or what it imports") from error  # fmt: skip
    _tell(kind, worker.held)
    return worker


def _tell(kind: Kind, held: frozenset[str]) -> None:
    """Say where the code runs, and what is held back from it and what not."""
    free = [name for name in _CONTAINED if name not in held]
    logger.warning(
        "the grader's Python code runs in the sandbox %s, which holds back its %s%s", kind, ", ".join(one for one in _CONTAINED if one in held),
        f", but not its {', '.join(free)}; install bubblewrap, or read the code" if free else "",
    )  # fmt: skip
