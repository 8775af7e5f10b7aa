"""A client's messages in order: audio in messages is heard before what comes behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import cast

import numpy as np

from visavis.runtime.audio_path import AudioFormat, AudioPath
from visavis.runtime.client_messages import ClientMessages, default_config
from visavis.runtime.client_reader import ClientReader
from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.errors import BadInput
from visavis.runtime.events import AudioAppended, AudioCommitted, CameraChanged, Event
from visavis.runtime.frames import WINDOW, AudioChunk, Pcm
from visavis.runtime.inlet import Inlet
from visavis.runtime.protocols import MessageTransport
from visavis.runtime.session import Session


class Decoder:
    """What the inlet needs of a transport: so many samples as the text has letters, times 100."""

    async def decode_audio(self, audio: str, kind: AudioFormat) -> Pcm:
        if audio == "bad":
            raise BadInput("audio is no base64", param="audio")
        return np.zeros(100 * len(audio), np.int16)

    def drain_audio(self) -> Pcm:
        return np.zeros(0, np.int16)


class Desk:
    """A reader, and everything that came of it in order."""

    def __init__(self, path: AudioPath) -> None:
        self.session = Session("sess_reader", audio_path=path)
        self.order: list[object] = []
        config = default_config("sess_reader", model="nano", voice="default")
        client = ClientMessages(config, self.session.abilities, path, "default")
        inlet = None
        if path is AudioPath.MESSAGES:
            transport = cast(MessageTransport, Decoder())
            inlet = self.inlet = Inlet(transport, self.feed, LoopClock())
        self.reader = ClientReader(client, self.session, inlet, self.happen, self.order.append)

    def feed(self, chunk: AudioChunk) -> None:
        self.order.append(len(chunk.pcm))
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, self.inlet.heard, chunk.pts + len(chunk.pcm))

    def happen(self, event: Event) -> None:
        self.order.append(event)

    def run(self, *messages: Mapping[str, object]) -> list[object]:
        async def main() -> None:
            for message in messages:
                await self.reader.read(message)

        run_virtual(cast(Coroutine[None, None, None], main()))
        return self.order


def test_a_message_becomes_its_events() -> None:
    order = Desk(AudioPath.TRACK).run({"type": "visavis.camera", "is_on": False})
    assert order == [CameraChanged(False)]


def test_what_cannot_be_used_is_answered_with_the_clients_event() -> None:
    (told,) = Desk(AudioPath.TRACK).run({"type": "nonsense", "event_id": "e1"})
    message = cast(Mapping[str, object], told)
    error = cast(Mapping[str, object], message["error"])
    assert message["type"] == "error" and error["event_id"] == "e1"


def test_audio_is_heard_to_its_end_before_the_commit_behind_it() -> None:
    order = Desk(AudioPath.MESSAGES).run(
        {"type": "input_audio_buffer.append", "audio": "x" * 7},
        {"type": "input_audio_buffer.commit"},
    )
    assert order == [700, AudioAppended(700), 2 * WINDOW - 700, AudioCommitted(None)]


def test_bad_audio_is_told_and_nothing_of_it_is_heard() -> None:
    order = Desk(AudioPath.MESSAGES).run(
        {"type": "input_audio_buffer.append", "audio": "bad"},
        {"type": "input_audio_buffer.append", "audio": 5},
    )
    kinds = [cast(Mapping[str, object], told)["type"] for told in order]
    assert kinds == ["error", "error"]


def test_the_session_that_is_wanted_is_laid_over_ours_or_refused_in_words() -> None:
    it = Desk(AudioPath.TRACK)
    assert it.reader.begin_with({"type": "realtime", "instructions": "Be brief."}) is None
    assert len(it.order) == 1
    problem = it.reader.begin_with({"type": "realtime", "no_such_thing": 1})
    assert problem is not None and problem["type"] == "error" and len(it.order) == 1
