"""OpenAI's clients for Node as they are, against a server with the shipped model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from clients.sounds import question
from node_packages import installed

SCRIPTS = Path(__file__).parent / "node"
WITHIN_S = 40.0
"""Over the scripts' own limit, at which they tell what came so far."""


def run(script: str, *arguments: str) -> dict[str, Any]:
    """What the script tells; its failure is the test's, with all it said."""
    installed(SCRIPTS)
    ran = subprocess.run(
        ["node", script, *arguments],
        check=False,
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def test_openai_completes_a_typed_turn_and_outlives_a_bad_message(address: str) -> None:
    told = run("openai.mjs", address)
    assert told["status"] == "completed"
    assert told["bytes"] > 24_000  # more than half a second
    assert len(told["transcript"]) > 5
    assert told["words"].split() == told["transcript"].split()
    (error,) = told["errors"]
    assert (error["type"], error["event_id"]) == ("invalid_request_error", "bad")
    assert "session.dance" in error["message"]
    assert told["after"]  # the question after it is answered
    assert told["kinds"].count("response.done") == 2


@pytest.mark.parametrize("is_spoken", [False, True], ids=["typed", "spoken"])
def test_a_session_of_agents_completes_a_turn_and_refuses_no_event(
    address: str, is_spoken: bool, tmp_path: Path
) -> None:
    sound = tmp_path / "question.pcm"
    if is_spoken:
        sound.write_bytes(question())
    told = run("agents.mjs", address, *([str(sound)] if is_spoken else []))
    assert told["errors"] == []
    assert told["refused"] == []
    assert told["bytes"] > 24_000
    assert len(told["answer"]) > 5
    roles = [item["role"] for item in told["history"]]
    assert roles == ["user", "assistant"]
    user, assistant = told["history"]
    assert "what" in (user.get("transcript") or user["text"]).lower()
    assert assistant["transcript"].split() == told["answer"].split()
    assert ("input_audio_buffer.committed" in told["kinds"]) == is_spoken
