"""One response's messages: each once, in order, nothing after the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import pytest
from runtime_fakes import told

from visavis.runtime.audio_path import AudioFormat, AudioPath
from visavis.runtime.effects import Effect, SendAudio
from visavis.runtime.narrator import Narrator
from visavis.runtime.response_options import ResponseOptions
from visavis.runtime.response_teller import ResponseTeller


def teller(
    options: ResponseOptions | None = None, path: AudioPath = AudioPath.TRACK
) -> ResponseTeller:
    return Narrator("sess_1", path).response(1, options or ResponseOptions())


def kinds(effects: list[Effect]) -> list[str]:
    return [str(message["type"]).removeprefix("response.") for message in told(effects)]


def test_each_message_of_an_answer_is_sent_once() -> None:
    subject = teller()
    assert subject.playout_cut(0) == []
    began = subject.began(is_eager=True)
    assert kinds(began) == [
        "created",
        "output_item.added",
        "conversation.item.added",
        "content_part.added",
    ]
    assert len(subject.playout_began()) == 1
    assert subject.playout_began() == []
    assert kinds(subject.words(" Hi")) == ["output_audio_transcript.delta"]
    assert len(subject.words_done()) == 1
    assert subject.words("late") == []
    assert kinds(subject.done("completed", {})) == [
        "content_part.done",
        "output_item.done",
        "conversation.item.done",
        "done",
    ]
    assert subject.done("completed", {}) == []
    assert subject.words("x") == []
    assert len(subject.playout_over()) == 1
    assert subject.playout_over() == []


def test_an_unheard_answer_is_not_truncated() -> None:
    subject = teller()
    subject.began(is_eager=True)
    assert subject.playout_cut(0) == []
    assert kinds(subject.done("cancelled", {}))[-1] == "done"


def test_text_alone_is_told_as_text() -> None:
    subject = teller(ResponseOptions(modalities=("text",)))
    effects = [
        *subject.began(is_eager=True),
        *subject.words("Red"),
        *subject.done("completed", {}),
    ]
    assert kinds(effects)[3:7] == [
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
    ]
    part = told(effects)[3]["part"]
    assert part == {"type": "text", "text": ""}
    response = told(effects)[-1]["response"]
    assert isinstance(response, dict)
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "Red"}]


def test_audio_in_messages_goes_between_the_part_and_its_end() -> None:
    subject = teller(ResponseOptions(format=AudioFormat.PCMU), AudioPath.MESSAGES)
    assert subject.playout_began() == []
    subject.began(is_eager=True)
    subject.words("Red")
    first = subject.audio(np.zeros(960, np.int16), is_last=False)
    assert isinstance(first[0], SendAudio)
    assert first[0].kind is AudioFormat.PCMU
    assert set(first[0].message) == {
        "type",
        "response_id",
        "item_id",
        "output_index",
        "content_index",
    }
    last = subject.audio(np.zeros(960, np.int16), is_last=True)
    assert kinds(last) == ["output_audio.done"]
    assert "output_audio.done" not in kinds(subject.done("completed", {}))
    assert subject.audio(np.zeros(960, np.int16), is_last=True) == []


def test_a_cut_answer_closes_its_audio() -> None:
    subject = teller(path=AudioPath.MESSAGES)
    subject.began(is_eager=True)
    subject.audio(np.zeros(960, np.int16), is_last=False)
    assert "output_audio.done" in kinds(subject.done("cancelled", {}))


def test_a_function_call_is_an_item_with_its_arguments() -> None:
    subject = teller()
    assert kinds(subject.began(is_eager=False)) == ["created"]
    _, called = subject.call("call_1", "look_up", '{"a": 1}')
    assert kinds(called) == [
        "output_item.added",
        "conversation.item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "conversation.item.done",
    ]
    begun, done = told(called)[0]["item"], told(called)[4]["item"]
    assert isinstance(begun, dict) and isinstance(done, dict)
    assert (begun["status"], begun["arguments"]) == ("in_progress", "")
    assert (done["status"], done["arguments"]) == ("completed", '{"a": 1}')
    words = subject.words("Done.")
    assert told(words)[0]["output_index"] == 1
    response = told(subject.done("completed", {}))[-1]["response"]
    assert isinstance(response, dict)
    output = cast(list[Mapping[str, object]], response["output"])
    assert [item["type"] for item in output] == ["function_call", "message"]


def test_outside_of_the_conversation_no_item_enters_it() -> None:
    subject = teller(ResponseOptions(modalities=("text",), is_out_of_band=True))
    effects = [
        *subject.began(is_eager=True),
        *subject.words("x"),
        *subject.done("completed", {}),
    ]
    assert not [kind for kind in kinds(effects) if kind.startswith("conversation.")]
    response = told(effects)[0]["response"]
    assert isinstance(response, dict)
    assert response["conversation_id"] is None


@pytest.mark.parametrize("most", [None, 5])
def test_a_response_shows_what_it_was_asked_to_be(most: int | None) -> None:
    options = ResponseOptions(max_tokens=most, metadata={"a": "b"}, voice="en-us")
    response = told(teller(options).began(is_eager=False))[0]["response"]
    assert isinstance(response, dict)
    assert response["metadata"] == {"a": "b"}
    assert response["max_output_tokens"] == ("inf" if most is None else most)
    assert response["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
