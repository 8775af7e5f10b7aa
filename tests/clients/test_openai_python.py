"""The `openai` package as it is, against a server with the shipped model: every flow of the API.

Each event that comes is judged by the package's own models, which the package itself does not do.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from clients.sounds import QUESTION, pieces, question
from openai import AsyncOpenAI, ConflictError, NotFoundError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from PIL import Image
from published_models import check
from websockets.exceptions import ConnectionClosedOK

WITHIN_S = 20.0
MODEL = "gpt-realtime"
Event = dict[str, Any]


class Talk:
    """One connection, with everything that came over it."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[Event] = []

    async def send(self, **event: Any) -> None:
        await self.connection.send(event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    async def next(self) -> Event:
        async with asyncio.timeout(WITHIN_S):
            event: Event = json.loads(await self.connection.recv_bytes())
        check(event)
        self.events.append(event)
        return event

    async def until(self, kind: str, **fields: object) -> Event:
        """The next event of this kind, with what came before it kept."""
        while True:
            event = await self.next()
            if event["type"] == kind and all(event.get(k) == v for k, v in fields.items()):
                return event
            if event["type"] == "error" and kind != "error":
                raise AssertionError(event)

    async def say(self, audio: bytes, milliseconds: int = 100) -> None:
        for piece in pieces(audio, milliseconds):
            await self.send(type="input_audio_buffer.append", audio=b64(piece))

    async def write(self, text: str, **item: object) -> None:
        content = [{"type": "input_text", "text": text}]
        message = {"type": "message", "role": "user", "content": content, **item}
        await self.send(type="conversation.item.create", item=message)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def kinds(self, prefix: str = "") -> list[str]:
        """In order, repeated ones once."""
        found: list[str] = []
        for event in self.events:
            if event["type"].startswith(prefix) and event["type"] not in found[-1:]:
                found.append(event["type"])
        return found


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@asynccontextmanager
async def talking(
    address: str, session: Mapping[str, object] | None = None, key: str = "sk-anything-at-all"
) -> AsyncGenerator[Talk]:
    async with (
        AsyncOpenAI(api_key=key, base_url=f"{address}/v1") as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        talk = Talk(connection)
        await talk.until("session.created")
        if session is not None:
            await talk.send(type="session.update", session={"type": "realtime", **session})
            await talk.until("session.updated")
        yield talk


def run(
    address: str, scenario: Callable[[Talk], Coroutine[None, None, None]], **session: Any
) -> None:
    async def main() -> None:
        async with talking(address, session or None) as talk:
            await scenario(talk)

    asyncio.run(main())


def transcript(done: Event) -> str:
    """What a response said."""
    parts = [part for item in done["response"]["output"] for part in item["content"]]
    return " ".join(str(part.get("transcript") or part.get("text") or "") for part in parts)


def test_a_text_is_answered_in_audio_with_its_transcript(address: str) -> None:
    async def scenario(it: Talk) -> None:
        await it.write(QUESTION, id="item_mine")
        await it.send(type="response.create", response={"metadata": {"client_event_id": "mine"}})
        done = await it.until("response.done")
        added = it.of("conversation.item.added")[0]
        assert added["item"]["id"] == "item_mine"
        created = it.of("response.created")[0]["response"]
        assert created["metadata"] == {"client_event_id": "mine"}
        assert done["response"]["status"] == "completed"
        assert done["response"]["usage"]["total_tokens"] > 0
        assert len(transcript(done)) > 5
        said = b"".join(base64.b64decode(e["delta"]) for e in it.of("response.output_audio.delta"))
        assert len(said) > 24_000  # more than half a second
        words = "".join(e["delta"] for e in it.of("response.output_audio_transcript.delta"))
        assert words.split() == transcript(done).split()
        order = [
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        kinds = [event["type"] for event in it.events]
        first = [kinds.index(kind) for kind in order]
        assert first == sorted(first)
        last_delta = len(kinds) - 1 - kinds[::-1].index("response.output_audio.delta")
        assert last_delta < kinds.index("response.output_audio.done")
        for event in it.events:
            assert event["event_id"]

    run(address, scenario)


def test_text_alone_is_answered_in_text_alone(address: str) -> None:
    async def scenario(it: Talk) -> None:
        await it.write(QUESTION)
        await it.send(type="response.create", response={"output_modalities": ["text"]})
        done = await it.until("response.done")
        assert transcript(done)
        assert it.of("response.output_text.delta") and not it.of("response.output_audio.delta")

    run(address, scenario)


@pytest.mark.parametrize("milliseconds", [100, 60_000], ids=["as a microphone", "at once"])
def test_a_spoken_question_is_a_turn_and_is_answered(address: str, milliseconds: int) -> None:
    async def scenario(it: Talk) -> None:
        await it.say(question(), milliseconds)
        done = await it.until("response.done")
        assert done["response"]["status"] == "completed"
        item = it.of("input_audio_buffer.speech_started")[0]["item_id"]
        assert it.of("input_audio_buffer.committed")[0]["item_id"] == item
        heard = it.of("conversation.item.input_audio_transcription.completed")
        if not heard:
            heard = [await it.until("conversation.item.input_audio_transcription.completed")]
        assert "what" in heard[0]["transcript"].lower()
        assert it.of("response.output_audio.delta")
        turn = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "response.created",
        ]
        kinds = [event["type"] for event in it.events]
        first = [kinds.index(kind) for kind in turn]
        assert first == sorted(first)

    vad = {"type": "server_vad", "silence_duration_ms": 500}
    run(
        address,
        scenario,
        audio={"input": {"turn_detection": vad, "transcription": {"model": "whisper-1"}}},
    )


def test_a_turn_taken_by_hand(address: str) -> None:
    async def scenario(it: Talk) -> None:
        await it.send(type="input_audio_buffer.commit", event_id="too_early")
        error = (await it.until("error"))["error"]
        assert (error["code"], error["event_id"]) == (
            "input_audio_buffer_commit_empty",
            "too_early",
        )
        await it.say(question()[: -24_000 * 3])  # the end of it is not silence
        await it.send(type="input_audio_buffer.commit")
        await it.until("input_audio_buffer.committed")
        await it.send(type="response.create")
        done = await it.until("response.done")
        assert done["response"]["status"] == "completed"
        assert not it.of("input_audio_buffer.speech_started")

    run(address, scenario, audio={"input": {"turn_detection": None}})


def test_telephone_formats_both_ways(address: str) -> None:
    async def scenario(it: Talk) -> None:
        await it.send(type="input_audio_buffer.append", audio=b64(b"\xff" * 8000))
        await it.write(QUESTION)
        await it.send(type="response.create")
        done = await it.until("response.done")
        assert done["response"]["audio"]["output"]["format"]["type"] == "audio/pcma"
        said = b"".join(base64.b64decode(e["delta"]) for e in it.of("response.output_audio.delta"))
        assert len(said) > 4_000

    run(
        address,
        scenario,
        audio={
            "input": {"format": {"type": "audio/pcmu"}},
            "output": {"format": {"type": "audio/pcma"}},
        },
    )


def test_a_picture_is_looked_at(address: str) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), (200, 30, 30)).save(picture, "PNG")
    url = f"data:image/png;base64,{b64(picture.getvalue())}"

    async def scenario(it: Talk) -> None:
        content = [
            {"type": "input_image", "image_url": url},
            {"type": "input_text", "text": "What do you see?"},
        ]
        item = {"type": "message", "role": "user", "content": content}
        await it.send(type="conversation.item.create", item=item)
        await it.until("conversation.item.done")
        await it.send(type="response.create")
        assert transcript(await it.until("response.done"))

    run(address, scenario)


def test_functions_are_offered_and_their_results_taken(address: str) -> None:
    tool: dict[str, object] = {
        "type": "function",
        "name": "get_time",
        "description": "What time it is",
        "parameters": {"type": "object", "properties": {}},
    }

    async def scenario(it: Talk) -> None:
        call = {"type": "function_call", "call_id": "c1", "name": "get_time", "arguments": "{}"}
        await it.send(type="conversation.item.create", item=call, event_id="call")
        output = {"type": "function_call_output", "call_id": "c1", "output": "noon"}
        await it.send(type="conversation.item.create", item=output, event_id="output")
        await it.write(QUESTION)
        await it.send(type="response.create")
        while (event := await it.next())["type"] != "response.done":
            if event["type"] == "error":  # in words, and with the client's name for it
                assert event["error"]["event_id"] in ("call", "output")
                assert event["error"]["code"]
        told = len(it.of("error")) + len(
            [e for e in it.of("conversation.item.added") if "function" in e["item"]["type"]]
        )
        assert told == 2
        assert event["response"]["status"] == "completed"

    run(address, scenario, tools=[tool])


def test_an_answer_is_cancelled(address: str) -> None:
    async def scenario(it: Talk) -> None:
        await it.send(type="response.cancel", event_id="early")
        error = (await it.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "early")
        await it.write(QUESTION)
        await it.send(type="response.create")
        await it.send(type="response.cancel")
        done = await it.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        await it.write(QUESTION)
        await it.send(type="response.create")
        assert (await it.until("response.done"))["response"]["status"] == "completed"

    run(address, scenario)


def test_what_was_not_heard_is_taken_back(address: str) -> None:
    async def scenario(it: Talk) -> None:
        await it.write(QUESTION)
        await it.send(type="response.create")
        done = await it.until("response.done")
        item_id = done["response"]["output"][0]["id"]
        await it.send(
            type="conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100
        )
        assert (await it.until("conversation.item.truncated"))["audio_end_ms"] == 100
        await it.send(type="conversation.item.retrieve", item_id=item_id)
        item = (await it.until("conversation.item.retrieved"))["item"]
        assert len(json.dumps(item["content"])) < len(transcript(done)) + 200
        # The embedded model can shorten its newest answer but not forget it: that is told.
        await it.send(type="conversation.item.delete", item_id=item_id)
        refused = await it.until("error")
        assert refused["error"]["code"] == "unsupported_item_edit"

    run(address, scenario)


def test_an_answer_beside_the_conversation(address: str) -> None:
    async def scenario(it: Talk) -> None:
        asked = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": QUESTION}],
        }
        await it.send(
            type="response.create",
            response={
                "conversation": "none",
                "input": [asked],
                "output_modalities": ["text"],
                "metadata": {"topic": "aside"},
            },
        )
        done = await it.until("response.done")
        assert done["response"]["metadata"] == {"topic": "aside"}
        assert done["response"]["conversation_id"] is None
        assert transcript(done) and not it.of("conversation.item.added")

    run(address, scenario)


def test_nonsense_is_answered_with_its_name(address: str) -> None:
    async def scenario(it: Talk) -> None:
        await it.send(type="session.dance", event_id="e1")
        assert (await it.until("error"))["error"]["event_id"] == "e1"
        await it.send(type="input_audio_buffer.append", audio="?!", event_id="e2")
        assert (await it.until("error"))["error"]["event_id"] == "e2"
        await it.send(
            type="session.update", session={"type": "realtime", "audio": 3}, event_id="e3"
        )
        assert (await it.until("error"))["error"]["event_id"] == "e3"
        await it.connection.send_raw("{")
        assert (await it.until("error"))["error"]["code"] == "invalid_json"
        await it.write(QUESTION)
        await it.send(type="response.create", response={"output_modalities": ["text"]})
        assert transcript(await it.until("response.done"))

    run(address, scenario)


def test_a_client_secret_opens_the_session_that_was_stored_with_it(address: str) -> None:
    async def main() -> None:
        async with AsyncOpenAI(api_key="sk-anything", base_url=f"{address}/v1") as client:
            secret = await client.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 60},
                session={"type": "realtime", "instructions": "Be brief.", "tools": []},
            )
        assert secret.value.startswith("ek_")
        async with talking(address, key=secret.value) as talk:
            session = talk.events[0]["session"]
            assert session["instructions"] == "Be brief."

    asyncio.run(main())


def test_calls_that_are_not_there_are_not_found(address: str) -> None:
    async def main() -> None:
        async with AsyncOpenAI(api_key="sk-anything", base_url=f"{address}/v1") as client:
            for act in (
                client.realtime.calls.hangup("rtc_none"),
                client.realtime.calls.accept("rtc_none", type="realtime"),
                client.realtime.calls.reject("rtc_none"),
                client.realtime.calls.refer("rtc_none", target_uri="tel:+1"),
            ):
                with pytest.raises((NotFoundError, ConflictError)):
                    await act
        async with talking(address) as talk:
            await talk.connection.close()
            with pytest.raises(ConnectionClosedOK):
                await talk.connection.recv_bytes()

    asyncio.run(main())
