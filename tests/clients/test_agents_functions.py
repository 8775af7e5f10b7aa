"""Functions through the `openai-agents` package: those of the server it leaves alone, its own it runs."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from tool_fakes import Caller

from visavis import Agent

WITHIN_S = 60.0
CALLS = {"what time is it": ("get_time", "{}")}


@function_tool
def get_time() -> str:
    """The time."""
    return "It is tea time."


async def talk(guide: RealtimeAgent[None]) -> list[str]:
    """Asks for the time; kinds of what came, and the words that were said."""
    ours = Agent({"engine.slots": "1"}, stepper=lambda settings: Caller(CALLS))
    server = await asyncio.to_thread(ours.server, "127.0.0.1", 0)
    running = asyncio.create_task(server.run())
    try:
        url = f"ws://127.0.0.1:{server.port}/v1/realtime?model=gpt-realtime"
        runner = RealtimeRunner(guide)
        session = await runner.run(model_config={"url": url, "api_key": "sk-anything"})
        async with session, asyncio.timeout(WITHIN_S):
            return await said(session)
    finally:
        server.stop()
        await running


async def said(session: RealtimeSession) -> list[str]:
    await session.send_message("what time is it")
    told: list[str] = []
    async for event in session:
        if event.type == "raw_model_event":
            data = event.data
            told.append(data.type)
            if data.type == "transcript_delta":
                told.append(data.delta)
        elif event.type in ("error", "tool_end"):
            told.append(event.type)
        if event.type == "audio_end":
            return told
    raise AssertionError("the session ended")


def words(told: list[str]) -> str:
    return "".join(word for kind, word in pairwise(told) if kind == "transcript_delta")


def test_a_function_of_the_server_is_none_of_the_clients() -> None:
    told = asyncio.run(talk(RealtimeAgent(name="Guide")))
    assert "function_call" not in told and "error" not in told
    assert words(told).strip().startswith("It is ") and words(told).endswith(".")


def test_its_own_function_of_that_name_is_run_and_its_output_heard() -> None:
    told = asyncio.run(talk(RealtimeAgent(name="Guide", tools=[get_time])))
    assert "function_call" in told and "error" not in told
    assert words(told).strip() == "It is tea time."
