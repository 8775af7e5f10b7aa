"""What the engine counts."""

from visavis.models.orders import EngineMetrics


def test_steps_are_counted_by_kind_and_size() -> None:
    metrics = EngineMetrics()
    for step, size in (("vad", 2), ("vad", 2), ("vad", 1), ("hear", 1)):
        metrics.count(step, size)
    assert metrics.batches == {"vad": {2: 2, 1: 1}, "hear": {1: 1}}
