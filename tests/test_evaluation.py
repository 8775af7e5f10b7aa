"""The suite on a handful of pictures and recordings: every part runs through the runtime's own path."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from embedded_fakes import weights
from runtime_fakes import turn_settings
from training_fakes import write_scenes, write_speech

from visavis.models.embedded import open_embedded
from visavis.models.evaluation import cli, turn_end
from visavis.models.evaluation.cli import SPLITS, main
from visavis.models.evaluation.page import page
from visavis.models.evaluation.questions import SLOTS, hear, spoken, typed
from visavis.models.evaluation.turn_end import Score, Silence, curve
from visavis.models.training.train_audio import Utterances
from visavis.models.training.train_vision import Pictures
from visavis.runtime.errors import WeightsError
from visavis.runtime.events import Head


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    found = Pictures(write_scenes(tmp_path_factory.mktemp("scenes"), 8), "test")
    found.refresh()
    return found


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Utterances:
    found = Utterances(write_speech(tmp_path_factory.mktemp("speech"), ("seen",)), "seen")
    found.refresh()
    return found


def test_questions_go_through_the_runtime(pictures: Pictures, pool: Utterances) -> None:
    model = open_embedded(weights(), SLOTS)
    found = typed(model, pictures, 5, seed=1)
    assert len(found) == 5
    assert all(record.wanted and record.heard == record.question for record in found)
    assert all(0 < record.certainty <= 1 for record in found)
    records = spoken(model, pool, pictures, limit=4, seed=1)
    assert 1 <= len(records) <= 3, "an utterance without words is no question"
    assert {record.voice for record in records} == {"somebody"}
    assert {record.snr_db for record in records} <= {np.inf, 12.0, 7.0}


def test_utterances_side_by_side_are_heard_as_each_alone(pool: Utterances) -> None:
    pcms = [pcm.astype(np.float32) / 32768.0 for pcm in pool.pcm[:3]]
    together, alone = open_embedded(weights(), 3), open_embedded(weights(), 1)
    for slot in range(3):
        together.open_utterance(slot)
    hear(together, [0, 1, 2], pcms)
    for slot, pcm in enumerate(pcms):
        alone.reset(0)
        alone.open_utterance(0)
        hear(alone, [0], [pcm])
        assert together.transcript(slot) == alone.transcript(0)


def silence(length_ms: int, head: Head, confidence: float = 1.0, *, is_end: bool) -> Silence:
    """One that was judged once."""
    return Silence(length_ms, is_end, (Score(3, head, confidence),))


def test_the_curve_of_turn_ends_follows_from_the_silences() -> None:
    found = [
        silence(200, Head.WAIT, is_end=False),
        silence(400, Head.ANSWER, is_end=False),
        silence(900, Head.WAIT, is_end=False),
        silence(999, Head.ANSWER, is_end=True),
        silence(999, Head.WAIT, is_end=True),
    ]
    told = curve(found, patient_ms=700, turns=turn_settings())
    judged = {eager: (cut, delay) for eager, cut, delay in told["judged"]}
    alone = {eager: (cut, delay) for eager, cut, delay in told["silence_alone"]}
    assert (told["pauses"], told["ends"]) == (3, 2)
    assert alone[96] == (1.0, 96.0) and alone[300] == (0.6667, 300.0)
    assert judged[96] == (0.6667, (96 + 700) / 2), "one judged over, one longer than patience"
    assert judged[500] == (0.3333, 600.0)
    patience = {patience: (cut, delay) for patience, cut, delay, _ in told["patience"]}
    assert patience[0.5] == (0.3333, (192 + 928) / 2), "the session's own silences, in windows"
    assert patience[0.0] == (0.6667, (128 + 544) / 2)
    assert patience[1.0] == (0.0, (480 + 2272) / 2)


def test_what_is_forgotten_cuts_nobody_off_and_delays_no_answer() -> None:
    found = [
        silence(900, Head.SILENT, is_end=False),
        silence(400, Head.ANSWER, is_end=False),
        silence(999, Head.SILENT, is_end=True),
        silence(999, Head.ANSWER, is_end=True),
    ]
    told = curve(found, turns=turn_settings())
    assert told["ends_answered"] == 1
    (middle,) = [row for row in told["patience"] if row[0] == 0.5]
    assert middle == [0.5, 0.5, 192.0, 192.0]


def test_settings_are_proposed_that_cut_into_few_pauses() -> None:
    found = [silence(300, Head.ANSWER, 0.97, is_end=False) for _ in range(2)]
    found += [silence(999, Head.ANSWER, 0.999, is_end=True) for _ in range(9)]
    tuned = curve(found)["tuned"]
    assert tuned is not None and tuned["cut_ins"] == 0.0
    assert tuned["sure"] > 0.97 and tuned["median_delay_ms"] == 160.0
    hopeless = [silence(5_000, Head.ANSWER, is_end=False)]
    assert curve(hopeless)["tuned"] is None


def test_a_judgement_holds_until_something_else_was_understood() -> None:
    turns = turn_settings(patient_silence_ms=896)
    waits, answers = Score(3, Head.WAIT, 0.9), Score(5, Head.ANSWER, 0.99)
    assert Silence(999, True, (answers,)).answered_ms(turns) == 192
    assert Silence(999, True, (waits, answers)).answered_ms(turns) == 192
    late = Score(6, Head.ANSWER, 0.99)
    assert Silence(999, True, (waits, late)).answered_ms(turns) == 224, "two scores must agree"
    unsure = Score(6, Head.ANSWER, 0.5)
    assert Silence(999, True, (answers, unsure)).answered_ms(turns) == 640
    after = Score(7, Head.WAIT, 0.9)
    assert Silence(999, True, (answers, after)).answered_ms(turns) == 192


def test_pauses_and_ends_are_told_apart_by_what_comes_behind(
    pictures: Pictures, pool: Utterances, monkeypatch: pytest.MonkeyPatch
) -> None:
    voiced = [*[True] * 5, *[False] * 6, *[True] * 4]

    def judged(_vad: object, windows: np.ndarray) -> list[bool]:
        return [*voiced, *[False] * (len(windows) - len(voiced))][: len(windows)]

    monkeypatch.setattr(turn_end, "_voiced", judged)
    model, vad = open_embedded(weights(), 1), object()
    found = turn_end.silences(model, vad, pool, pictures, 1)  # type: ignore[arg-type] # not called
    assert (found[0].is_end, found[0].length_ms) == (False, 6 * 32)
    assert found[-1].is_end and len(found) == 2


def test_the_whole_suite_writes_figures_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = write_scenes(tmp_path / "scenes", 24)
    speech = write_speech(tmp_path / "speech", SPLITS)
    figures, shown = tmp_path / "eval.json", tmp_path / "eval.html"
    where = ["--scenes", str(scenes), "--speech", str(speech), "--samples", "4"]
    assert main([*where, "--json", str(figures), "--html", str(shown), "--telephone"]) == 0
    found = json.loads(figures.read_text())
    assert set(found["tests"]) == {"typed", *SPLITS}
    assert set(found["exits"]) == {"2", "4", "8"}
    assert set(found["ablations"]) == {"fused", "through text alone", "without the picture"}
    assert (
        found["gating"]["pictures_encoded_with_gate"] * 5
        == found["gating"]["pictures_encoded_without"]
    )
    assert "--telephone" in found["command"]
    html = shown.read_text()
    for title in ("Right answers", "Word errors", "Calibration", "By depth", "parts are worth"):
        assert title in html
    assert "http" not in html.replace("http-equiv", ""), "nothing is fetched"
    assert page(found) == html


def test_missing_weights_are_named(tmp_path: Path) -> None:
    scenes, speech = write_scenes(tmp_path / "scenes", 4), write_speech(tmp_path / "speech", SPLITS)
    options = cli.parser().parse_args(
        ["--weights", "no.safetensors", "--scenes", str(scenes), "--speech", str(speech)]
    )
    with pytest.raises(WeightsError, match="no.safetensors is missing"):
        cli.measure(options)
