"""One question from files through the echo pipeline: no model, everything else the real thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser.media import write_microphone

from visavis.pipelines.ask import EXIT_BAD_INPUT, EXIT_NO_ANSWER
from visavis.pipelines.cli import main

ECHO = ("ask", "--pipeline", "echo", "--json")


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ask") / "question.wav"
    return write_microphone(path, ["What colour is this?"])


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:  # JSON
    line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return line


def test_a_spoken_question_is_answered_with_its_ledger(
    question: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ECHO, "--audio", str(question)]) == 0
    result = last_line(capsys)
    assert set(result) == {"transcript", "answer", "ledger"}
    assert str(result["answer"]).startswith("You said that for")
    assert {"fusion", "commit", "fto"} <= set(result["ledger"]["ms"])


def test_a_typed_question_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ECHO, "--text", "three words here"]) == 0
    result = last_line(capsys)
    assert (result["transcript"], result["answer"]) == ("three words here", "You wrote 3 words.")


def test_without_json_it_is_for_reading(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--pipeline", "echo", "--text", "two words"]) == 0
    shown = capsys.readouterr().out
    assert "You wrote 2 words." in shown
    assert "fusion" in shown


def test_silence_gets_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silence = write_microphone(tmp_path / "silence.wav", [0.5])
    assert main([*ECHO, "--audio", str(silence)]) == EXIT_NO_ANSWER
    assert last_line(capsys) == {"transcript": "", "answer": "", "ledger": {}}


@pytest.mark.parametrize("option", ["--audio", "--video"])
def test_files_that_can_not_be_used_are_named(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    garbage = tmp_path / "garbage.bin"
    garbage.write_bytes(b"not media" * 100)
    more = ["--text", "hello"] if option == "--video" else []
    assert main([*ECHO, option, str(garbage), *more]) == EXIT_BAD_INPUT
    assert "garbage.bin" in capsys.readouterr().err
