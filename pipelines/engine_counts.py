"""What an engine counts, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.orders import EngineMetrics


def of_engine(engine: EngineMetrics) -> Iterator[str]:
    """One line per value. The overload ladder, places, caches, what was computed and what was not."""
    yield from _gauge("load_step", engine.rung)
    yield "# TYPE visavis_load_steps_total counter"
    yield f'visavis_load_steps_total{{direction="up"}} {engine.climbs}'
    yield f'visavis_load_steps_total{{direction="down"}} {engine.falls}'
    yield from _gauge("slots", engine.slots)
    yield from _gauge("slots_taken", engine.taken)
    yield "# TYPE visavis_engine_refused_total counter"
    yield f'visavis_engine_refused_total{{reason="full"}} {engine.full}'
    yield f'visavis_engine_refused_total{{reason="overload"}} {engine.refused}'
    filled = dict(engine.positions)  # the engine's thread goes on changing it
    yield from _gauge("cache_positions", sum(filled.values()))
    yield from _gauge("cache_positions_largest", max(filled.values(), default=0))
    yield from _gauge("cache_span", engine.span)
    for name, value in (
        ("windows", engine.windows),
        ("windows_encoded", engine.encoded),
        ("pictures", engine.pictures),
        ("pictures_unchanged", engine.unchanged_pictures),
        ("tokens", engine.tokens),
        ("answers_begun", engine.shadows),
        ("answers_wasted", engine.wasted_shadows),
        ("tokens_wasted", engine.wasted_tokens),
        ("failures", engine.failures),
        ("out_of_memory", engine.exhausted),
        ("vanished", engine.vanished),
    ):
        yield f"# TYPE visavis_engine_{name}_total counter"
        yield f"visavis_engine_{name}_total {value}"
    yield "# TYPE visavis_engine_dropped_total counter"
    for name, value in (
        ("chunks", engine.dropped_chunks),
        ("windows", engine.dropped_windows),
        ("pictures", engine.dropped_pictures + engine.outdated_pictures),
        ("results", engine.undelivered),
    ):
        yield f'visavis_engine_dropped_total{{what="{name}"}} {value}'
    yield "# TYPE visavis_engine_late_total counter"
    for kind, count in sorted(engine.late.copy().items()):
        yield f'visavis_engine_late_total{{kind="{kind}"}} {count}'
    yield "# TYPE visavis_engine_busy_seconds_total counter"
    yield f"visavis_engine_busy_seconds_total {engine.busy_s:.3f}"


def _gauge(name: str, value: float) -> Iterator[str]:
    yield f"# TYPE visavis_{name} gauge"
    yield f"visavis_{name} {value:g}"
