"""Every example runs: imported and called in this process, or as the program it is."""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import subprocess
import sys
import urllib.request
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from endpoint import call as function_call
from endpoint import serving, text
from said_aloud import spoken

from visavis import Agent, AgentAudio, Call, Said

EXAMPLES = Path(__file__).parents[1] / "examples"
SRC = Path(__file__).parents[1] / "src"
RUN = {
    "custom_encoder",
    "custom_gate",
    "custom_pipeline",
    "custom_tool",
    "custom_voice",
    "embed_in_process",
    "five_lines",
}


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("VISAVIS__")}
    return {**kept, "PYTHONPATH": str(SRC), "PYTHONUNBUFFERED": "1"}


def agent_of(name: str) -> Agent:
    """The agent that an example makes, not run."""
    agent = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="example")["agent"]
    assert isinstance(agent, Agent)
    return agent


async def answer(call: Call) -> str:
    """What it says; its voice is heard too."""
    said, loudest = "", 0
    async with asyncio.timeout(120):
        async for event in call:
            if isinstance(event, Said):
                said = event.text
            if isinstance(event, AgentAudio):
                pcm = np.frombuffer(event.payload, "<i2").astype(int)
                loudest = max(loudest, int(np.abs(pcm).max()))
            if said and loudest > 300:
                return said
    raise AssertionError("the call ended without an answer")


def ask(agent: Agent, *questions: str) -> list[str]:
    async def main() -> list[str]:
        answers: list[str] = []
        async with agent, agent.call() as call:
            for question in questions:
                call.type(question)
                answers.append(await answer(call))
        return answers

    return asyncio.run(main())


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == RUN


def test_five_lines_are_five() -> None:
    lines = (EXAMPLES / "five_lines.py").read_text().splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith('"""')]) <= 5


def test_five_lines_listen_and_stop() -> None:
    program = (
        "import runpy, sys; module = runpy.run_path(sys.argv[1], run_name='example'); "
        "raise SystemExit(module['agent'].run(port=0))"
    )
    command = [sys.executable, "-c", program, str(EXAMPLES / "five_lines.py")]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "http://" in line)
            address = "http://" + line.split("http://")[1].split()[0]
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{address}/config.json", timeout=60) as response:
                assert response.status == 200
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()
            assert process.wait(60) == 0


def test_a_pipeline_of_ones_own() -> None:
    assert ask(agent_of("custom_pipeline"), "hello there", "and again") == [
        "You said: hello there. That was 2 words.",
        "You said: and again. That was 2 words.",
    ]


def test_a_tool_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> list[Any]:
        called = function_call("in_stock", '{"colour": "red", "wanted": 2}')
        async with serving(called, text("Yes, there are three.")) as endpoint:
            monkeypatch.setenv("VISAVIS__LANGUAGE_MODEL__URL", endpoint.url)
            async with agent_of("custom_tool") as agent, agent.call() as call:
                call.type("Do you have two red lamps?")
                assert await answer(call) == "Yes, there are three."
            return endpoint.asked

    asked = asyncio.run(main())
    assert asked[1]["messages"][-1]["content"] == '{"lamps":3,"is_enough":true}'


def test_a_voice_of_ones_own() -> None:
    assert ask(agent_of("custom_voice"), "please help me") == ["SOS"]


def test_an_encoder_of_ones_own() -> None:
    agent = agent_of("custom_encoder")
    assert ask(agent, "hello") == ["I can only hear voices."]
    module = runpy.run_path(str(EXAMPLES / "custom_encoder.py"), run_name="example")
    stepper = module["PitchStepper"](2)
    at = np.arange(512) / 16_000
    for hertz in (110.0, 300.0):
        tone = (0.3 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)
        assert module["pitch"](tone) == pytest.approx(hertz, rel=0.02)
        stepper.hear([1], tone[None])
        stepper.begin([1], [None])
        words = [stepper.next([1])[0] for _ in range(4)]
        expected = "high" if hertz > 160 else "low"
        assert "".join(word for word, _ in words) == f" That voice is {expected}."
        stepper.open_utterance(1)


def test_a_gate_of_ones_own() -> None:
    """Said within the first second and a half, a question is not heard; later it is."""
    speech = spoken("How long is this?", 16_000)[:20_000]
    said = np.concatenate([speech, np.zeros(40_000, np.int16), speech, np.zeros(160_000, np.int16)])

    async def main() -> tuple[str, int]:
        place = 0

        async def speak(call: Call) -> None:
            nonlocal place
            for place in range(0, len(said), 320):
                call.hear(said[place : place + 320])
                await asyncio.sleep(0.02)

        async with agent_of("custom_gate") as agent, agent.call() as call:
            speaking = asyncio.create_task(speak(call))
            try:
                return await answer(call), place
            finally:
                speaking.cancel()

    words, place = asyncio.run(main())
    assert words.startswith("You said that for") and place > 60_000


def test_a_call_center_in_process(tmp_path: Path) -> None:
    question, reply = tmp_path / "question.wav", tmp_path / "answer.wav"
    with wave.open(str(question), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(
            spoken("I would like to talk to somebody about my order.", 8_000).tobytes()
        )
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "embed_in_process.py"), str(question), str(reply)],
        check=False,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert "agent:  You said that for" in done.stdout
    with wave.open(str(reply)) as file:
        assert file.getframerate() == 8_000 and file.getnframes() > 8_000
