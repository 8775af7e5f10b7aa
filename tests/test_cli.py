"""The command line as a person types it: settings, mistakes, and where they are told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from visavis.pipelines.cli import EXIT_USAGE, main
from visavis.runtime.plugins import PLUGINS


def test_config_show_tells_value_and_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[server]\nport = 1234\n[turn]\nbarge_in_ms = 64\n")
    monkeypatch.setenv("VISAVIS__TURN__BARGE_IN_MS", "128")
    line = ["config", "show", "--json", "--config", str(file), "--set", "engine.slots=3"]
    assert main([*line, "--pipeline", "echo"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["server.port"] == {"value": 1234, "source": str(file)}
    assert shown["turn.barge_in_ms"]["value"] == 128
    assert "VISAVIS__TURN__BARGE_IN_MS" in shown["turn.barge_in_ms"]["source"]
    assert shown["engine.slots"]["value"] == 3
    assert shown["engine.pipeline"]["value"] == "echo"
    assert shown["server.host"]["source"] == "default"


def test_config_show_is_a_table_that_hides_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--set", "webrtc.turn_credential=swordfish"]) == 0
    text = capsys.readouterr().out
    assert "server.port" in text
    assert "swordfish" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["config", "show", "--set", "turn.eager_ms=1"], "did you mean turn.eager_silence_ms"),
        (["config", "show", "--config", "nowhere.toml"], "nowhere.toml"),
        (["serve", "--port", "seventy"], "server.port"),
        (["serve", "--pipeline", "fussed"], "did you mean 'fused'"),
        (["ask", "--text", "hello", "--pipeline", "fussed"], "did you mean 'fused'"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == EXIT_USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["ask"], ["ask", "--text", "a", "--audio", "b"]]
)
def test_a_command_line_that_is_none(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == EXIT_USAGE
    assert "usage: visavis" in capsys.readouterr().err


def test_commands_of_other_parts_are_found_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", "--help"])
    assert left.value.code == 0
    assert "usage: visavis bench" in capsys.readouterr().out


def test_a_plugin_brings_a_command() -> None:
    def wave(arguments: Sequence[str]) -> int:
        return len(arguments)

    PLUGINS.register("command", "wave", wave)
    assert main(["wave", "left", "right"]) == 2


def test_models_lists_the_shipped_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    nano = next(row for row in listing["models"] if row["name"] == "nano")
    assert 0 < nano["parameters"] <= 8_100_000
    assert len(nano["sha256"]) == 64
    assert {"echo", "fused"} <= set(listing["pipelines"])
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert "nano" in shown and "finds speech" in shown
    sounds = next(row for row in listing["models"] if row["name"] == "sounds")
    assert f"{sounds['parameters'] / 1e3:.3g} k" in shown


def test_models_says_which_file_is_damaged(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\0" * 64)
    assert main(["models", "--json", "--set", f"engine.weights={damaged}"]) == 1
    rows = json.loads(capsys.readouterr().out)["models"]
    assert str(damaged) in next(row["problem"] for row in rows if row["problem"])
