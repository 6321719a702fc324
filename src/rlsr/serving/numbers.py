"""What a server counts of itself, as Prometheus reads it."""

from collections.abc import Callable, Sequence

from rlsr.errors import MissingPackageError
from rlsr.serving.service import RowScore

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class ServerNumbers:
    """Counters and histograms of one server.

    Raises:
        MissingPackageError: prometheus-client is not installed.
    """

    def __init__(self) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as error:
            raise missing("prometheus-client") from error
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "rlsr_requests",
            "Requests by path and status; 499 is one whose client has left.",
            ("path", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "rlsr_request_seconds",
            "From the first byte of a request to its answer.",
            ("path",),
            registry=self._registry,
        )
        self._rows = Counter(
            "rlsr_rows",
            "Responses that were asked about, by what came of them.",
            ("outcome",),
            registry=self._registry,
        )
        self._call_rows = Histogram(
            "rlsr_call_rows",
            "Rows of a call of the reward.",
            registry=self._registry,
            buckets=_ROWS,
        )
        self._call_seconds = Histogram(
            "rlsr_call_seconds", "Seconds of a call of the reward.", registry=self._registry
        )
        self._waiting = Gauge(
            "rlsr_rows_waiting", "Rows that no call has taken yet.", registry=self._registry
        )

    def show_waiting(self, waiting: Callable[[], int]) -> None:
        """Read how many rows wait from where it is known."""
        self._waiting.set_function(waiting)

    def observe_call(self, rows: int, seconds: float) -> None:
        """Count a call of the reward."""
        self._call_rows.observe(rows)
        self._call_seconds.observe(seconds)

    def observe_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def observe_scores(self, scores: Sequence[RowScore]) -> None:
        """Count what came of responses."""
        num_unscored = sum(one.score is None for one in scores)
        self._rows.labels("scored").inc(len(scores) - num_unscored)
        self._rows.labels("unscored").inc(num_unscored)

    def text(self) -> bytes:
        """Write all of it as Prometheus reads it."""
        from prometheus_client import generate_latest

        written: bytes = generate_latest(self._registry)
        return written


def missing(package: str) -> MissingPackageError:
    """Say that a package of the server is not installed.

    Args:
        package: Its name on the index.
    """
    return MissingPackageError(package, "serve the reward over HTTP", "pip install 'rlsr[serve]'")
