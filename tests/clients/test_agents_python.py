"""The `openai-agents` package as it is: a typed and a spoken turn with its `RealtimeRunner`."""

from __future__ import annotations

import asyncio

import pytest
from agents.realtime import RealtimeAgent, RealtimeRunner
from clients.sounds import QUESTION, pieces, question

WITHIN_S = 12.0


@pytest.mark.parametrize("is_spoken", [False, True], ids=["typed", "spoken"])
def test_a_turn_is_answered_and_no_event_is_refused(address: str, is_spoken: bool) -> None:
    async def main() -> tuple[list[str], int]:
        url = address.replace("http", "ws", 1) + "/v1/realtime?model=gpt-realtime"
        runner = RealtimeRunner(RealtimeAgent(name="Guide", instructions="Be brief."))
        session = await runner.run(model_config={"url": url, "api_key": "sk-anything"})
        kinds: list[str] = []
        heard = 0
        async with session, asyncio.timeout(WITHIN_S):
            if is_spoken:
                for piece in pieces(question()):
                    await session.send_audio(piece)
            else:
                await session.send_message(QUESTION)
            async for event in session:
                kinds.append(event.type)
                if event.type == "audio":
                    heard += len(event.audio.data)
                if event.type == "audio_end" or event.type == "error":
                    break
        return kinds, heard

    kinds, heard = asyncio.run(main())
    assert "error" not in kinds
    assert heard > 24_000
