"""The Python API: parts put together, calls in this process, the server in a loop of one's own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from endpoint import call as function_call
from endpoint import serving, text

import visavis
from visavis import (
    Agent,
    AgentAudio,
    BadInput,
    Call,
    CallEvent,
    ConfigError,
    Ended,
    EngineFull,
    Interrupted,
    Other,
    Problem,
    Said,
    Settings,
    SpeechGate,
)
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.frame_sampler import FrameSampler
from visavis.runtime.settings import VisionSettings


def go(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(120):
            await test()

    asyncio.run(main())


async def until(call: Call, kind: type[CallEvent]) -> list[CallEvent]:
    """Everything up to the first of this kind."""
    events: list[CallEvent] = []
    async for event in call:
        events.append(event)
        if isinstance(event, kind):
            return events
    raise AssertionError(f"no {kind.__name__} in {events}")


async def said(call: Call) -> str:
    events = await until(call, Said)
    assert isinstance(events[-1], Said)
    return events[-1].text


def test_importing_the_package_imports_nothing_else() -> None:
    program = (
        "import sys, visavis; print(sorted(m for m in sys.modules if m.startswith('visavis')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['visavis']"


def test_every_name_that_is_promised_can_be_had() -> None:
    for name in visavis.__all__:
        assert getattr(visavis, name) is not None and name in dir(visavis)
    with pytest.raises(AttributeError, match="'visavis' has no attribute 'agent_smith'"):
        _ = visavis.agent_smith  # type: ignore[attr-defined]


def test_settings_come_from_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "visavis.toml"
    file.write_text("[turn]\neager_silence_ms = 224\n")
    assert Agent(Settings()).settings.turn.eager_silence_ms != 224
    for settings in (file, {"turn.eager_silence_ms": 224}):
        assert Agent(settings).settings.turn.eager_silence_ms == 224
    with pytest.raises(ConfigError, match="did you mean turn.eager_silence_ms"):
        Agent({"turn.eager_silence": 160})


def test_parts_that_exclude_each_other_are_named() -> None:
    def speak(word: str) -> None:
        """Speaks."""

    def built(agent: Agent) -> object:
        return agent.build(agent.settings, MonotonicClock())

    both = Agent(pipeline="echo", stepper=lambda settings: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match="a pipeline and a stepper: choose one"):
        built(both)
    deaf = Agent(pipeline="echo")
    deaf.tool(speak)
    with pytest.raises(ConfigError, match=r"tools \(speak\), and the pipeline 'echo' calls none"):
        built(deaf)
    with pytest.raises(ConfigError, match="no pipeline named 'fussed'.*did you mean 'fused'"):
        built(Agent(pipeline="fussed"))
    twice = Agent()
    twice.answer(lambda text: text)
    with pytest.raises(ConfigError, match="a brain already"):
        twice.answer(lambda text: text)


def test_a_call_is_typed_to_and_answers_by_voice() -> None:
    async def test() -> None:
        async with Agent(pipeline="echo") as agent:
            assert agent.is_healthy
            async with agent.call(rate=8_000, encoding="mulaw") as call:
                assert call.rate == 8_000 and call.is_open
                call.type("one two three")
                assert await said(call) == "You wrote 3 words."
                events = await until(call, AgentAudio)
                assert isinstance(events[-1], AgentAudio) and len(events[-1].payload) == 160
                with pytest.raises(TypeError, match="mulaw: give bytes"):
                    call.hear(__import__("numpy").zeros(160, "int16"))
                with pytest.raises(BadInput):
                    call.hear(bytes(1_000_000))
            assert not call.is_open
            assert (await until(call, Ended))[-1] == Ended("the host hung up")
            assert [event async for event in call] == []
        assert not agent.is_healthy and agent.latencies() == {}

    go(test)


def test_a_call_can_be_interrupted_and_a_bad_message_is_a_problem() -> None:
    async def test() -> None:
        async with Agent(pipeline="echo") as agent, agent.call() as call:
            call.send({"type": "nonsense"})
            problem = (await until(call, Problem))[-1]
            assert isinstance(problem, Problem) and "nonsense" in problem.message
            call.interrupt()  # nothing is being said: nothing happens
            call.type("hello")
            await until(call, AgentAudio)
            call.interrupt()
            await until(call, Interrupted)

    go(test)


def test_places_are_limited_and_given_back() -> None:
    async def test() -> None:
        async with Agent({"engine.slots": 1}, pipeline="echo") as agent:
            async with agent.call():
                with pytest.raises(EngineFull):
                    async with agent.call():
                        pass
            async with agent.call() as call:
                call.type("again")
                assert await said(call) == "You wrote 1 words."

    go(test)


def test_a_function_answers_and_remembers_nothing_of_others() -> None:
    async def test() -> None:
        agent = Agent()
        asked: list[str] = []

        @agent.answer
        async def answer(words: str) -> str:
            asked.append(words)
            if words == "fail":
                raise ValueError("no idea")
            return f"You said {words}."

        async with agent, agent.call() as call:
            call.type("good morning")
            assert await said(call) == "You said good morning."
            call.type("fail")  # and cuts the answer that is still being spoken
            problem = (await until(call, Problem))[-1]
            assert isinstance(problem, Problem) and "ValueError: no idea" in problem.message
            assert await said(call) == "Sorry, I can't answer right now."
        assert asked == ["good morning", "fail"]

    go(test)


def test_a_language_model_decides_which_tool_is_called() -> None:
    async def test() -> None:
        answers = (function_call("weather", '{"city": "Rome"}'), text("Sunny", " in Rome."))
        async with serving(*answers) as endpoint:
            agent = Agent({"language_model.url": endpoint.url}, pipeline="cascade")
            cities: list[str] = []

            @agent.tool
            def weather(city: str) -> str:
                """The weather in a city."""
                cities.append(city)
                return "sunny"

            @agent.tool(name="what_time")
            def clock() -> str:
                """The time."""
                return "noon"

            async with agent, agent.call() as call:
                call.type("How is the weather in Rome?")
                assert await said(call) == "Sunny in Rome."
            assert cities == ["Rome"]
            names = [tool["function"]["name"] for tool in endpoint.asked[0]["tools"]]
            assert names == ["weather", "what_time"]

    go(test)


def test_a_client_brings_a_function_of_its_own() -> None:
    tool: dict[str, object] = {
        "type": "function",
        "name": "dance",
        "description": "Dances.",
        "parameters": {"type": "object", "properties": {}},
    }
    done = "response.function_call_arguments.done"

    async def test() -> None:
        answers = (function_call("dance", "{}"), text("That was a waltz."))
        async with serving(*answers) as endpoint:
            agent = Agent({"language_model.url": endpoint.url}, pipeline="cascade")
            async with agent, agent.call() as call:
                call.send(
                    {"type": "session.update", "session": {"type": "realtime", "tools": [tool]}}
                )
                call.type("Dance!")
                async for event in call:
                    if isinstance(event, Other) and event.message.get("type") == done:
                        assert (event.message["name"], event.message["arguments"]) == (
                            "dance",
                            "{}",
                        )
                        output = {
                            "type": "function_call_output",
                            "call_id": event.message["call_id"],
                            "output": "a waltz",
                        }
                        call.send({"type": "conversation.item.create", "item": output})
                    if isinstance(event, Other) and event.message.get("type") == "response.done":
                        break
                call.send({"type": "response.create"})
                assert await said(call) == "That was a waltz."
            roles = [message["role"] for message in endpoint.asked[1]["messages"]]
            assert roles == ["system", "user", "assistant", "tool"]
            assert endpoint.asked[1]["messages"][-1]["content"] == "a waltz"

    go(test)


def test_gates_of_ones_own_are_used() -> None:
    gates: list[SpeechGate] = []
    samplers: list[FrameSampler] = []

    class Gate(SpeechGate):
        def feed(self, pts: int, probability: float, *, is_playing: bool = False) -> bool:
            gates.append(self)
            return super().feed(pts, probability, is_playing=is_playing)

    def sampler(settings: VisionSettings) -> FrameSampler:
        samplers.append(FrameSampler(settings))
        return samplers[-1]

    async def test() -> None:
        agent = Agent(pipeline="echo", gate=Gate, sampler=sampler)
        async with agent, agent.call() as call:
            call.hear(bytes(32_000))
            while not gates:  # noqa: ASYNC110 - a gate has no event
                await asyncio.sleep(0.01)
        assert len(samplers) == 1 and agent.build(agent.settings, MonotonicClock()).name == "echo"

    go(test)


def test_it_serves_in_a_loop_of_ones_own() -> None:
    async def test() -> None:
        agent = Agent(pipeline="echo")
        server = await asyncio.to_thread(agent.server, port=0)
        running = asyncio.create_task(server.run())
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            address = f"http://127.0.0.1:{server.port}"
            while (health := await http.get(f"{address}/health")).status_code != 200:  # noqa: ASYNC110 - HTTP has no event
                await asyncio.sleep(0.05)
            assert health.json()["status"] == "ready" and health.json()["pipeline"] == "echo"
        server.stop()
        assert await running == "it was stopped"

    go(test)


def test_serving_ends_when_it_is_cancelled() -> None:
    async def test() -> None:
        serving_task = asyncio.create_task(Agent(pipeline="echo").serve(port=0))
        await asyncio.sleep(1.0)
        serving_task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving_task

    go(test)
