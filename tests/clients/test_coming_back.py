"""A client of WebRTC that loses its connection in the middle of an answer and comes back to it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from browser.servers import served
from transport_fakes import Client, ToneTrack

CALLS = "v1/realtime/calls?visavis=1"
SDP = {"Content-Type": "application/sdp"}
WORDS = " ".join(["one two three four five six seven eight nine ten"] * 8)


class Silence(ToneTrack):
    """A microphone in a quiet room."""

    def __init__(self) -> None:
        super().__init__()
        self._packets = [b"\xf8\xff\xfe"]


async def connect(
    http: httpx.AsyncClient, token: str | None = None
) -> tuple[Client, httpx.Response]:
    client = Client(Silence())
    headers = SDP if token is None else {**SDP, "Visavis-Resume": token}
    answer = await http.post(CALLS, content=await client.offer(), headers=headers)
    if answer.is_success:
        await client.accept(answer.text)
        await asyncio.wait_for(client.opened.wait(), 60)
    return client, answer


def send(client: Client, kind: str, **fields: object) -> None:
    client.channel.send(json.dumps({"type": kind, **fields}))


async def told(client: Client, kind: str) -> dict[str, Any]:
    """The next event of this kind."""
    async with asyncio.timeout(60):
        while True:
            event: dict[str, Any] = json.loads(await client.messages.get())
            if event["type"] == kind:
                return event


def test_an_answer_is_cut_at_what_was_heard_and_the_conversation_goes_on() -> None:
    async def main(address: str) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=60) as http:
            first, answer = await connect(http)
            assert answer.status_code == 201
            content = [{"type": "input_text", "text": WORDS}]
            item = {"type": "message", "role": "user", "content": content}
            send(first, "conversation.item.create", item=item)
            send(first, "response.create")
            await told(first, "output_audio_buffer.started")
            await first.close()

            again, back = await connect(http, answer.headers["visavis-resume"])
            assert back.status_code == 200
            assert back.headers["location"] == answer.headers["location"]
            send(again, "visavis.conversation.replay")
            replay = await told(again, "visavis.conversation.items")
            asked, *cut = replay["items"]
            assert asked["content"] == content and replay["is_last"]
            heard = "".join(part["transcript"] for one in cut for part in one["content"])
            whole = "You wrote 80 words."
            assert whole.startswith(heard) and heard != whole

            content = [{"type": "input_text", "text": "and now?"}]
            item = {"type": "message", "role": "user", "content": content}
            send(again, "conversation.item.create", item=item)
            send(again, "response.create")
            done = await told(again, "response.output_audio_transcript.done")
            assert done["transcript"] == "You wrote 2 words."
            await again.close()
            # The token is spent: what it opened was up.
            lost, refused = await connect(http, answer.headers["visavis-resume"])
            assert refused.json()["error"]["code"] == "resume_token_invalid"
            await lost.close()

    with served("echo") as address:
        asyncio.run(main(address))
