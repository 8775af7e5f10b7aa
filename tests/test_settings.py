"""Where a value comes from, and what is said about one that can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import Settings, load, load_with_sources


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "visavis.toml"
    path.write_text('[turn]\neager_silence_ms = 300\n[webrtc]\nstun = ["stun:a:1"]\n')
    return path


def test_defaults_need_nothing() -> None:
    assert load() == Settings()


def test_later_sources_win(toml: Path) -> None:
    env = {"VISAVIS__TURN__EAGER_SILENCE_MS": "400", "HOME": "/"}
    assert load(toml).turn.eager_silence_ms == 300
    assert load(toml, env).turn.eager_silence_ms == 400
    assert load(toml, env, ["turn.eager_silence_ms=500"]).turn.eager_silence_ms == 500
    assert load(toml).webrtc.stun == ("stun:a:1",)


def test_texts_become_lists_and_nothing() -> None:
    settings = load(overrides=["webrtc.stun=stun:a:1, stun:b:2", "engine.weights=none"])
    assert settings.webrtc.stun == ("stun:a:1", "stun:b:2")
    assert settings.engine.weights is None
    assert load(overrides=["engine.weights=x.safetensors"]).engine.weights == "x.safetensors"
    assert load(overrides=["server.allowed_origins="]).server.allowed_origins == ()


def test_every_setting_is_listed_with_source_and_words(toml: Path) -> None:
    loaded = load_with_sources(toml, {}, ["webrtc.turn_credential=hush"])
    rows = {row.path: row for row in loaded.rows()}
    assert rows["turn.eager_silence_ms"].source == str(toml)
    assert rows["turn.probe_silence_ms"].source == "default"
    assert rows["webrtc.turn_credential"].value == "(hidden)"
    assert rows["webrtc.turn_credential"].source == "--set webrtc.turn_credential"
    assert all(row.doc.endswith(".") for row in rows.values())


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("turn.eager_silnce_ms=3", "did you mean turn.eager_silence_ms?"),
        ("trun.eager_silence_ms=3", "did you mean turn.eager_silence_ms?"),
        ("server.prt=1", "did you mean server.port?"),
        ("server.zzzzzz=1", "server has host, port, max_sessions, allowed_origins"),
        ("foo.bar=1", "the branches are server, webrtc"),
        ("foo=1", "unknown setting foo = '1' (--set foo)"),
        ("turn.eager_silence_ms=soon", "turn.eager_silence_ms is 'soon' (--set"),
        ("turn.eager_silence_ms", "has no value: write --set path=value"),
        ("server.port=70000", "server.port is '70000'"),
        ("turn.eager_silence_ms=5000", "must not be larger than turn.unsure_silence_ms"),
    ],
)
def test_an_error_names_path_source_value_and_remedy(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(overrides=[override])
    assert words in str(caught.value)


def test_an_environment_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="environment variable VISAVIS__ENGINE__SLOTS"):
        load(env={"VISAVIS__ENGINE__SLOTS": "0"})


def test_a_secret_is_not_in_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        load(overrides=["webrtc.turn_credentials=hush"])
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("text", ["[turn", "turn = 3", "[turn]\neager_silence_ms = '3'", "\xff"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="bad.toml"):
        load(path)
    with pytest.raises(ConfigError, match="missing.toml"):
        load(tmp_path / "missing.toml")
