"""What the process has measured, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..runtime.ledger import Histogram, LatencyTotals
from .access import Access
from .calls import Calls
from .engine_counts import of_engine
from .loop_lag import Lag
from .pipeline import Pipeline

if TYPE_CHECKING:
    from ..models.orders import EngineMetrics

QUANTILES = (0.5, 0.95, 0.99)


@runtime_checkable
class Measured(Protocol):
    """A peer that knows what became of the media on its way in."""

    @property
    def receive_delay(self) -> Histogram:
        """Milliseconds that packets were held."""
        ...

    @property
    def media_counts(self) -> Mapping[str, int]:
        """What was lost or dropped."""
        ...


@runtime_checkable
class HasEngine(Protocol):
    """A pipeline whose engine counts what it does."""

    @property
    def engine_metrics(self) -> EngineMetrics | None:
        """None where it counts nothing."""
        ...


def prometheus(calls: Calls, lag: Lag, pipeline: Pipeline, access: Access | None = None) -> str:
    """One line per value. Latencies are in milliseconds, as everywhere in visavis."""
    parts = [*_of_calls(calls), *_of_media(calls), *_of_lag(lag), *_of_totals(pipeline.totals)]
    if isinstance(pipeline, HasEngine) and (engine := pipeline.engine_metrics) is not None:
        parts += of_engine(engine)
    if access is not None:
        parts += _of_access(access)
    return "\n".join((*parts, ""))


def _of_access(access: Access) -> Iterator[str]:
    """What was turned away, and what every key is using."""
    yield "# TYPE visavis_refused_total counter"
    for code, count in sorted(access.usage.refusals.items()):
        yield f'visavis_refused_total{{code="{code}"}} {count}'
    yield "# TYPE visavis_connections gauge"
    yield f"visavis_connections {len(access.connections)}"
    yield "# TYPE visavis_handshakes gauge"
    yield f"visavis_handshakes {len(access.handshakes)}"
    yield "# TYPE visavis_key_sessions gauge"
    for key_id, count in sorted(access.usage.sessions().items()):
        yield f'visavis_key_sessions{{key="{key_id}"}} {count}'
    yield "# TYPE visavis_audit_lost_total counter"
    yield f"visavis_audit_lost_total {access.audit.dropped + access.audit.failed}"


def _of_calls(calls: Calls) -> Iterator[str]:
    yield "# TYPE visavis_sessions gauge"
    yield f"visavis_sessions {len(calls)}"
    yield "# TYPE visavis_sessions_limit gauge"
    yield f"visavis_sessions_limit {calls.limit}"
    for name, value in (
        ("opened", calls.opened),
        ("refused", calls.refused),
        ("failed", calls.failed),
    ):
        yield f"# TYPE visavis_sessions_{name}_total counter"
        yield f"visavis_sessions_{name}_total {value}"
    yield "# TYPE visavis_sessions_ended_total counter"
    for why, count in sorted(calls.ended.items()):
        yield f'visavis_sessions_ended_total{{why="{why}"}} {count}'
    yield "# TYPE visavis_dropped_total counter"
    for name, value in calls.dropped.items():
        yield f'visavis_dropped_total{{what="{name}"}} {value}'


def _of_media(calls: Calls) -> Iterator[str]:
    """Of the conversations under way."""
    delay, counts = Histogram(), Counter[str]()
    for call in calls:
        if isinstance(call.peer, Measured):
            delay.merge(call.peer.receive_delay)
            counts.update(call.peer.media_counts)
    if delay.count:
        yield "# TYPE visavis_receive_delay_ms gauge"
        for share in (*QUANTILES, 1.0):
            value = delay.quantile(share)
            yield f'visavis_receive_delay_ms{{quantile="{share:g}"}} {value:.3f}'
    if counts:
        yield "# TYPE visavis_media gauge"
    for name, count in sorted(counts.items()):
        yield f'visavis_media{{what="{name}"}} {count}'


def _of_lag(lag: Lag) -> Iterator[str]:
    yield "# TYPE visavis_loop_lag_ms gauge"
    for label, value in (("0.5", lag.p50_ms), ("0.99", lag.p99_ms), ("1", lag.max_ms)):
        yield f'visavis_loop_lag_ms{{quantile="{label}"}} {value:.3f}'
    yield "# TYPE visavis_loop_stalls_total counter"
    yield f"visavis_loop_stalls_total {lag.stalls}"


def _of_totals(totals: LatencyTotals) -> Iterator[str]:
    if totals.histograms:
        yield "# TYPE visavis_latency_ms summary"
    for name, histogram in sorted(totals.histograms.items()):
        for share in QUANTILES:
            value = histogram.quantile(share)
            yield f'visavis_latency_ms{{stage="{name}",quantile="{share}"}} {value:.3f}'
        yield f'visavis_latency_ms_sum{{stage="{name}"}} {histogram.total:.3f}'
        yield f'visavis_latency_ms_count{{stage="{name}"}} {histogram.count}'
    if totals.counts:
        yield "# TYPE visavis_count_total counter"
    for name, count in sorted(totals.counts.items()):
        yield f'visavis_count_total{{what="{name}"}} {count}'
