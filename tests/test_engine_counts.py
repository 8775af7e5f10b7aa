"""The engine's counts as /metrics tells them."""

from __future__ import annotations

from visavis.models.orders import EngineMetrics
from visavis.pipelines.engine_counts import of_engine


def test_the_ladder_places_caches_and_work_are_told() -> None:
    engine = EngineMetrics(slots=8, taken=3, rung=2, climbs=5, falls=3, full=4, refused=1, span=512)
    engine.positions.update({0: 100, 2: 250})
    engine.windows, engine.encoded, engine.pictures, engine.unchanged_pictures = 900, 300, 20, 15
    engine.late["audio"] += 2
    lines = list(of_engine(engine))
    for line in (
        "visavis_load_step 2",
        'visavis_load_steps_total{direction="up"} 5',
        'visavis_load_steps_total{direction="down"} 3',
        "visavis_slots 8",
        "visavis_slots_taken 3",
        'visavis_engine_refused_total{reason="full"} 4',
        'visavis_engine_refused_total{reason="overload"} 1',
        "visavis_cache_positions 350",
        "visavis_cache_positions_largest 250",
        "visavis_cache_span 512",
        "visavis_engine_windows_encoded_total 300",
        "visavis_engine_pictures_unchanged_total 15",
        'visavis_engine_late_total{kind="audio"} 2',
    ):
        assert line in lines, line


def test_every_name_is_typed_once_and_every_value_is_a_number() -> None:
    lines = list(of_engine(EngineMetrics()))
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    values = [line for line in lines if not line.startswith("#")]
    assert {line.split("{")[0].split()[0] for line in values} <= set(types)
    assert all(float(line.rsplit(" ", 1)[1]) == 0 for line in values)
