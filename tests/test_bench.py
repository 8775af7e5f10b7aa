"""The measurements themselves: short ones, for what they report and not for how fast it was."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import pytest

from visavis.latency_bench.cli import main
from visavis.latency_bench.figures import Figures
from visavis.latency_bench.fusion import Run
from visavis.latency_bench.jitter import BURST, TRACES, aiortcs, back_to_base_s, ours, trace
from visavis.latency_bench.observed import Observed
from visavis.latency_bench.person import Plan, Record
from visavis.latency_bench.processes import BenchFailed, parse_metrics
from visavis.latency_bench.script import Kind, script
from visavis.latency_bench.talk import Outcome, figures, shares


def outcome(*turns: Observed, ledgers: list[dict[str, float]] | None = None) -> Outcome:
    record = Record(list(turns), ledgers or [], {}, [])
    return Outcome(records=[record], metrics={}, cpu_cores=None)


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_latencies_are_gathered_over_people_and_turns() -> None:
    found = figures(
        outcome(
            Observed(kind=Kind.PLAIN, question="", fto_ms=200.0),
            Observed(kind=Kind.PAUSED, question="", fto_ms=300.0),
            Observed(kind=Kind.BARGE_IN, question="", fto_ms=250.0, stop_ms=120.0),
            ledgers=[{"fusion": 2.0, "commit": 9.0}, {"fusion": 3.0}],
        )
    )
    assert found["FTO"].values == (200.0, 250.0, 300.0)
    assert found["FTO with pauses"].values == (300.0,)
    assert found["stop"].values == (120.0,) and found["fusion"].values == (2.0, 3.0)


def test_what_went_wrong_is_counted_among_the_turns_that_could_show_it() -> None:
    found = shares(
        outcome(
            Observed(kind=Kind.PAUSED, question="", is_cut_in=True, is_right=False),
            Observed(kind=Kind.PAUSED, question="", is_right=True),
            Observed(kind=Kind.BARGE_IN, question="", is_void=True, is_answered=False),
            Observed(kind=Kind.NOISE, question="", is_false_stop=True),
            Observed(kind=Kind.BACK_CHANNEL, question="", resume_ms=200.0),
        )
    )
    assert found["cut-ins, questions with pauses"] == (1, 2)
    assert found["false stops, noises"] == (1, 1)
    assert found["false stops, back-channels"] == (0, 1)
    assert found["sound stopped and resumed"] == (1, 2)
    assert found["right answers"] == (1, 2)
    assert found["unanswered"] == (0, 2) and found["missed stops"] == (0, 0)


def test_metrics_are_read_as_they_are_written() -> None:
    text = '# TYPE a gauge\na 3\nb{quantile="0.99"} 1.5\n\nnonsense\n'
    assert parse_metrics(text) == {"a": 3.0, 'b{quantile="0.99"}': 1.5}


def test_a_plan_survives_the_way_to_the_persons_process() -> None:
    plan = Plan("http://127.0.0.1:1", script(10), True, 2)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_our_buffer_beside_aiortcs() -> None:
    clean = TRACES["clean"]
    assert max(ours(clean).values()) == 0.0
    assert min(aiortcs(clean).values()) == pytest.approx(0.080)
    assert back_to_base_s(ours(trace(burst=BURST))) == 0.0
    assert back_to_base_s(aiortcs(trace(burst=BURST[:1]))) is None


def test_a_recovery_is_timed_from_the_end_of_the_trouble() -> None:
    held = {n: 0.1 if 10 <= n < 60 else 0.0 for n in range(100)}
    assert back_to_base_s(held, range(5, 10)) == pytest.approx(1.0)


def test_bench_jitter_prints_a_table_and_one_line_of_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written = tmp_path / "jitter.json"
    assert main(["jitter", "--json", str(written)]) == 0
    told = last_line(capsys)
    assert told["bench"] == "jitter" and {"commit", "machine", "at"} <= told.keys()
    assert json.loads(written.read_text()) == told


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(BenchFailed, match="http://127.0.0.1:9"):
        main(["talk", "--pipeline", "echo", "--turns", "1", "--url", "http://127.0.0.1:9"])


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(BenchFailed, match="no pipeline named 'nothing'"):
        main(["talk", "--pipeline", "nothing", "--turns", "1"])


@pytest.mark.parametrize("argument", ["0", "-1"])
def test_senseless_counts_are_refused(argument: str) -> None:
    with pytest.raises(SystemExit):
        main(["talk", "--turns", argument])


def test_bench_talk_measures_a_real_conversation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", "--pipeline", "echo", "--turns", "1", "--seed", "3"]) == 0
    told = msgspec.convert(last_line(capsys), _Talk)
    assert told.ms["FTO"]["count"] == 1 and 0 < told.ms["FTO"]["p50"] < math.inf
    assert told.ms["fusion"]["count"] == 1
    assert told.shares["unanswered"] == {"count": 0, "of": 1}
    assert told.problems == []


def test_bench_fusion_reports_each_number_of_conversations_and_where_it_breaks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["fusion", "--sessions", "1,2", "--samples", "1", "--seconds", "15"]
    assert main(command) == 0
    told = msgspec.convert(last_line(capsys), _Fusion)
    assert [run.sessions for run in told.runs] == [1, 2]
    for run in told.runs:
        assert run.counts["answers_begun"] >= run.ms["fusion"]["count"]  # none on a starved machine
        assert "judge" in run.slowest_step_ms
    broken = [run.sessions for run in told.runs if not run.kept_up]
    assert told.breaks_at == (broken[0] if broken else None)


def fusion_run(words: list[float], **counts: int) -> Run:
    names = ("ladder_steps", "dropped_windows", "answers_begun", "wasted_shadows")
    return Run(4, {"fusion": Figures.of(words)}, {n: counts.get(n, 0) for n in names}, {}, 0.1)


def test_a_number_of_conversations_is_too_many_when_words_are_late_or_anything_is_shed() -> None:
    assert not fusion_run([2.0] * 300).is_broken
    assert not fusion_run([2.0] * 300 + [11.0]).is_broken
    assert fusion_run([2.0] * 300 + [11.0] * 4).is_broken
    assert fusion_run([2.0] * 30 + [11.0]).is_broken
    assert fusion_run([2.0] * 300, dropped_windows=1).is_broken
    assert fusion_run([2.0] * 300, ladder_steps=1).is_broken
    assert fusion_run([]).is_broken


class _FusionRun(msgspec.Struct):
    sessions: int
    ms: dict[str, dict[str, float]]
    counts: dict[str, int]
    slowest_step_ms: dict[str, float]
    kept_up: bool


class _Fusion(msgspec.Struct):
    runs: list[_FusionRun]
    breaks_at: int | None


class _Talk(msgspec.Struct):
    ms: dict[str, dict[str, float]]
    shares: dict[str, dict[str, int]]
    problems: list[str]
