"""What nobody here can do is refused in words."""

from __future__ import annotations

import pytest
from runtime_fakes import config_with

from visavis.runtime.abilities import Abilities, abilities_of
from visavis.runtime.errors import BadInput

WISHES: list[tuple[dict[str, object], str, Abilities]] = [
    ({"tool_choice": "required"}, "session.tool_choice", Abilities(tools=True)),
    ({"truncation": "disabled"}, "session.truncation", Abilities(never_truncates=True)),
    (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 0.5}},
        "session.truncation",
        Abilities(retains=True),
    ),
    ({"audio": {"output": {"speed": 1.2}}}, "session.audio.output.speed", Abilities(speeds=True)),
    (
        {"audio": {"output": {"voice": "nora"}}},
        "session.audio.output.voice",
        Abilities(voices=frozenset({"nora"})),
    ),
    (
        {"audio": {"input": {"transcription": {"language": "de"}}}},
        "session.audio.input.transcription.language",
        Abilities(languages=frozenset()),
    ),
    (
        {"audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}}},
        "session.audio.input.transcription.language",
        Abilities(transcribers=frozenset({"whisper-1"})),
    ),
]


@pytest.mark.parametrize(("wish", "param", "able"), WISHES)
def test_a_wish_is_granted_by_who_can(wish: dict[str, object], param: str, able: Abilities) -> None:
    config = config_with(**wish)
    able.check(config, "en-us")
    with pytest.raises(BadInput) as caught:
        Abilities().check(config, "en-us")
    assert caught.value.param == param


def test_the_published_voices_mean_our_own() -> None:
    for voice in ("marin", "alloy", {"id": "cedar"}, "en-us"):
        Abilities().check(config_with(audio={"output": {"voice": voice}}), "en-us")


def test_english_in_any_country_is_english() -> None:
    for language in ("en", "EN", "en-GB"):
        wish = {"input": {"transcription": {"language": language}}}
        Abilities().check(config_with(audio=wish), "en-us")


def test_an_engine_says_what_it_can() -> None:
    class Engine:
        abilities = Abilities(tools=True)

    assert abilities_of(Engine()).tools
    assert abilities_of(object()) == Abilities()
    assert Abilities(voices=frozenset("ba")).as_message()["voices"] == ["a", "b"]
    assert Abilities(calls=frozenset("ba")).as_message()["calls"] == ["a", "b"]
