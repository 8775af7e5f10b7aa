"""The doctor finds what is there, and says what to do about what is not."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from visavis.models.thread_priority import Priority
from visavis.pipelines.doctor import (
    Finding,
    Verdict,
    _engine,  # pyright: ignore[reportPrivateUsage] - the other checks are slow
    _pipeline,  # pyright: ignore[reportPrivateUsage]
    doctor,
    examine,
)
from visavis.runtime.settings import (
    AccessSettings,
    EngineSettings,
    ServerSettings,
    Settings,
    VoiceSettings,
    WebrtcSettings,
)

LOCAL = ServerSettings(port=0)


def by_name(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(settings)}


def test_a_whole_installation_lacks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(Settings(server=LOCAL), as_json=True) == 0
    findings = json.loads(capsys.readouterr().out)
    names = {finding["what"] for finding in findings}
    assert {"python", "packages", "port", "Opus", "VP8", "speech detection", "voice"} <= names
    assert all(finding["verdict"] != "missing" for finding in findings)


def test_a_model_that_talks_random_words_is_told() -> None:
    chosen = Settings(server=LOCAL, engine=EngineSettings(pipeline="performance"))
    (told,) = _pipeline(chosen)
    assert told.verdict is Verdict.NOTE and "random words" in told.found
    assert list(_pipeline(Settings())) == []


def test_what_the_engine_would_choose_is_told_and_nothing_stays_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def quick(_: float) -> float:
        return 0.0004

    def refused(_: Priority) -> Priority:
        return Priority.NORMAL

    monkeypatch.setattr("visavis.models.tuning.interpreter_wait_s", quick)
    monkeypatch.setattr("visavis.models.tuning.raise_priority", refused)
    before = sys.getswitchinterval()
    (told,) = _engine(Settings(engine=EngineSettings(threads=1, switch_interval_ms=2)))
    assert sys.getswitchinterval() == before
    assert "switch interval: 2 ms, as set" in told.found
    assert "model: ONNX Runtime, 1 thread inside a step" in told.found
    assert told.verdict is Verdict.NOTE and "engine.priority=normal" in told.remedy
    (told,) = _engine(Settings(engine=EngineSettings(pipeline="echo", priority="normal")))
    assert told.verdict is Verdict.OK and "5 ms (waits: 0.4 ms at 5)" in told.found


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


def access(settings: Settings) -> list[Finding]:
    """What is said of who may talk; the checks after it are not run."""
    found: list[Finding] = []
    for finding in examine(settings):
        if finding.what == "network":
            break
        if finding.what not in ("python", "packages", "port"):
            found.append(finding)
    return found


def test_who_could_talk_is_told() -> None:
    (local,) = access(Settings(server=LOCAL))
    assert local.verdict is Verdict.OK and "without a key" in local.found
    public = ServerSettings(host="0.0.0.0", port=0)
    (refused,) = access(Settings(server=public))
    assert refused.verdict is Verdict.MISSING and "--allow-anyone" in refused.remedy
    key = "a key of more than twenty characters"
    guarded = access(Settings(server=public, access=AccessSettings(api_keys=(key,))))
    assert [finding.what for finding in guarded] == ["access", "open", "client secrets"]
    assert "1 API keys" in guarded[0].found and "unencrypted" in guarded[1].found
    assert key not in repr(guarded)


def test_a_key_file_that_others_can_read_and_one_turn_password_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text("[[key]]\nkey = 'a key of more than twenty characters'\n")
    path.chmod(0o644)
    turn = WebrtcSettings(turn_urls=("turn:t",), turn_username="u", turn_credential="c")
    settings = Settings(server=LOCAL, webrtc=turn, access=AccessSettings(api_keys_file=str(path)))
    found = {finding.what: finding for finding in access(settings)}
    assert found["key file"].remedy == f"chmod 600 {path}"
    assert "webrtc.turn_secret" in found["TURN"].remedy
