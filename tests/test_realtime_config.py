"""The session object: merged, checked, and what is wrong is named."""

from __future__ import annotations

import pytest
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse

from visavis.runtime.audio_path import AudioFormat
from visavis.runtime.errors import BadInput
from visavis.runtime.realtime_config import (
    SemanticVad,
    ServerVad,
    default_config,
    parsed,
    updated,
)


def base() -> dict[str, object]:
    return default_config("sess_1", model="nano", voice="en-us")


def test_the_default_is_what_the_official_sdk_reads() -> None:
    RealtimeSessionCreateResponse.model_validate(base(), strict=True)
    config = parsed(base())
    assert config.turn_detection == SemanticVad()
    assert config.max_tokens is None
    assert config.audio.output.format.kind is AudioFormat.PCM


def test_an_update_lies_over_what_was() -> None:
    config = updated(base(), {"instructions": "Be brief.", "audio": {"output": {"speed": 0.5}}})
    config = updated(config, {"audio": {"input": {"format": {"type": "audio/pcmu"}}}})
    checked = parsed(config)
    assert checked.instructions == "Be brief."
    assert checked.audio.output.speed == 0.5
    assert checked.audio.input.format.kind is AudioFormat.PCMU
    assert checked.audio.output.voice == "en-us"


def test_another_kind_of_turn_detection_begins_with_its_defaults() -> None:
    low = {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}}
    config = updated(base(), low)
    server = {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}}
    config = updated(config, server)
    assert parsed(config).turn_detection == ServerVad(threshold=0.7)
    more = {"audio": {"input": {"turn_detection": {"silence_duration_ms": 900}}}}
    config = updated(config, more)
    assert parsed(config).turn_detection == ServerVad(threshold=0.7, silence_duration_ms=900)
    config = updated(config, {"audio": {"input": {"turn_detection": None}}})
    assert parsed(config).turn_detection is None


def test_null_is_the_default_and_what_is_ours_stays() -> None:
    config = updated(base(), {"tools": None, "tool_choice": None, "id": "x", "model": "gpt"})
    assert config == base()
    config = updated(base(), {"tracing": {"group_id": "g"}, "max_output_tokens": 7})
    assert config["tracing"] == {"group_id": "g"}
    assert parsed(config).max_tokens == 7


def test_functions_come_with_their_schemas() -> None:
    tool = {
        "type": "function",
        "name": "look_up",
        "description": "Looks up",
        "parameters": {"type": "object", "properties": {"q": {"type": "string", "enum": None}}},
    }
    choice = {"type": "function", "name": "look_up"}
    config = updated(base(), {"tools": [tool], "tool_choice": choice})
    assert config["tools"] == [tool]
    assert config["tool_choice"] == choice


@pytest.mark.parametrize(
    ("update", "param", "code"),
    [
        ({"speling": 1}, "session.speling", "unknown_parameter"),
        ({"audio": {"input": {"gain": 1}}}, "session.audio.input.gain", "unknown_parameter"),
        ({"output_modalities": []}, "session.output_modalities", "invalid_value"),
        ({"output_modalities": ["audio", "text"]}, "session.output_modalities", "invalid_value"),
        ({"output_modalities": ["video"]}, "session.output_modalities[0]", "invalid_value"),
        ({"max_output_tokens": 5_000}, "session.max_output_tokens", "invalid_value"),
        ({"max_output_tokens": "many"}, "session.max_output_tokens", "invalid_value"),
        ({"tools": [{"type": "mcp"}]}, "session.tools[0].type", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "session.tools[0]", "invalid_value"),
        ({"tool_choice": "maybe"}, "session.tool_choice", "invalid_value"),
        ({"prompt": {"id": "p"}}, "session.prompt", "unsupported_parameter"),
        ({"reasoning": {"effort": "low"}}, "session.reasoning", "unsupported_parameter"),
        ({"truncation": "some"}, "session.truncation", "invalid_value"),
        (
            {"include": ["item.input_audio_transcription.logprobs"]},
            "session.include",
            "unsupported_parameter",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "session.audio.input.format.rate",
            "invalid_value",
        ),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
            "session.audio.input.noise_reduction",
            "unsupported_parameter",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "session.audio.input.turn_detection.threshold",
            "invalid_value",
        ),
        (
            {"audio": {"input": {"transcription": {"language": "english please"}}}},
            "session.audio.input.transcription.language",
            "invalid_value",
        ),
        ({"audio": {"output": {"speed": 3}}}, "session.audio.output.speed", "invalid_value"),
        (
            {"tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "a"}]},
            "session.tools[1].name",
            "invalid_value",
        ),
        (
            {"tools": [{"type": "function", "name": "a", "parameters": {"x": "y" * 70_000}}]},
            "session.tools[0].parameters",
            "invalid_value",
        ),
    ],
)
def test_what_is_wrong_is_named(update: dict[str, object], param: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        updated(base(), update)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert param.rpartition(".")[2].partition("[")[0] in str(caught.value)
