"""The doctor finds what is there, and says what to do about what is not."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from visavis.pipelines.doctor import Finding, Verdict, doctor, examine
from visavis.runtime.settings import EngineSettings, ServerSettings, Settings, VoiceSettings

LOCAL = ServerSettings(port=0)


def by_name(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(settings)}


def test_a_whole_installation_lacks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(Settings(server=LOCAL), as_json=True) == 0
    findings = json.loads(capsys.readouterr().out)
    names = {finding["what"] for finding in findings}
    assert {"python", "packages", "port", "Opus", "VP8", "speech detection", "voice"} <= names
    assert all(finding["verdict"] != "missing" for finding in findings)


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(Settings(server=LOCAL), as_json=False) == 0
    assert "Everything that a call needs is here" in capsys.readouterr().out


def test_missing_weights_fail_with_a_remedy(tmp_path: Path) -> None:
    engine = EngineSettings(weights=str(tmp_path / "none.safetensors"))
    found = by_name(Settings(server=LOCAL, engine=engine))["model nano"]
    assert found.verdict is Verdict.MISSING
    assert "none.safetensors" in found.found


def test_a_voice_that_does_not_exist_is_missing() -> None:
    found = by_name(Settings(server=LOCAL, voice=VoiceSettings(name="xx-nobody")))["voice"]
    assert found.verdict is Verdict.MISSING
    assert "xx-nobody" in found.found


def test_a_taken_port_and_an_open_address_are_notes() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        server = ServerSettings(host="0.0.0.0", port=taken.getsockname()[1])
        found = by_name(Settings(server=server))
    assert found["port"].verdict is Verdict.NOTE
    assert "--port 0" in found["port"].remedy
    assert "https" in found["browser"].found
