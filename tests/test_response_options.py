"""What one response is to be like."""

from __future__ import annotations

import pytest
from runtime_fakes import config_with

from visavis.runtime.audio_path import AudioFormat
from visavis.runtime.errors import BadInput
from visavis.runtime.item_input import NewItem
from visavis.runtime.response_options import ItemReference, read_options, session_options

ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def test_what_is_not_said_is_as_the_session_has_it() -> None:
    config = config_with(
        instructions="Be brief.",
        max_output_tokens=9,
        audio={"output": {"format": {"type": "audio/pcma"}}},
    )
    options = session_options(config)
    assert options == read_options({}, config) == read_options({"instructions": None}, config)
    assert (options.instructions, options.max_tokens) == ("Be brief.", 9)
    assert options.format is AudioFormat.PCMA
    assert options.has_voice


def test_every_wish_is_taken() -> None:
    wish: dict[str, object] = {
        "conversation": "none",
        "metadata": {"a": "b"},
        "output_modalities": ["text"],
        "instructions": "Now in rhyme.",
        "tools": [{"type": "function", "name": "f"}],
        "tool_choice": "required",
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "v"}}},
        "input": [ITEM, {"type": "item_reference", "id": "item_1"}],
    }
    options = read_options(wish, config_with(max_output_tokens=9))
    assert options.is_out_of_band and not options.has_voice
    assert options.metadata == {"a": "b"}
    assert options.instructions == "Now in rhyme."
    assert [tool.name for tool in options.tools] == ["f"]
    assert options.tool_choice == "required"
    assert options.max_tokens is None
    assert (options.format, options.voice) == (AudioFormat.PCMU, "v")
    assert options.input is not None
    first, second = options.input
    assert isinstance(first, NewItem) and first.text == "hi"
    assert second == ItemReference("item_1")


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"metadata": {str(index): "x" for index in range(17)}}, "response.metadata"),
        ({"metadata": {"a": "x" * 513}}, "response.metadata"),
        ({"input": [ITEM] * 65}, "response.input"),
        ({"input": [{"type": "item_reference"}]}, "response.input[0].id"),
        ({"input": [{"role": "nobody"}]}, "response.input[0].role"),
        ({"conversation": "other"}, "response.conversation"),
        ({"reasoning": {"effort": "low"}}, "response.reasoning"),
        ({"output_modalities": []}, "response.output_modalities"),
    ],
)
def test_what_cannot_be_used_is_named(wish: dict[str, object], param: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_options(wish, config_with())
    assert caught.value.param == param
