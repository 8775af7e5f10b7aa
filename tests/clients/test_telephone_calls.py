"""Somebody calls over each provider's wire, asks the shipped model a question and interrupts it."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Generator

import numpy as np
import pytest
from telephone_callers import (
    Asterisk,
    AudioSocket,
    Caller,
    Genesys,
    Plivo,
    Provider,
    Telnyx,
    Twilio,
    Vonage,
    over_tcp,
    over_websocket,
)
from telephone_site import TelephoneSite, telephone_site

from visavis.models.training.speech import espeak_pcm
from visavis.pipelines.assembly import make_pipeline
from visavis.pipelines.telephony import KIND, PhoneNews
from visavis.runtime.plugins import PLUGINS
from visavis.runtime.settings import EngineSettings, ServerSettings, Settings, TelephonySettings
from visavis.transports.rates import Pcm

PROVIDERS: list[Callable[[], Provider]] = [
    Twilio,
    Telnyx,
    Plivo,
    Vonage,
    Genesys,
    Asterisk,
    AudioSocket,
]
WAIT_S = 60.0
NEWS: list[PhoneNews] = []

PLUGINS.register(KIND, "calls", NEWS.append)


@pytest.fixture(scope="module")
def question() -> Pcm:
    """In the default voice, whose long answer can be interrupted; a moment of silence around it."""
    pcm = espeak_pcm("what can you do", "en-us")
    return np.pad(pcm, (8000, 16_000))


@pytest.fixture(scope="module")
def site() -> Generator[TelephoneSite]:
    """One place only: each call shows that the one before gave it back."""
    settings = Settings(
        server=ServerSettings(max_sessions=1),
        engine=EngineSettings(slots=1),
        telephony=TelephonySettings(
            providers=("twilio", "telnyx", "plivo", "vonage", "genesys", "asterisk", "audiosocket"),
            audiosocket_port=0,
            listener="calls",
        ),
    )
    with telephone_site(settings, make_pipeline(settings)) as running:
        until = time.monotonic() + 120
        while not _is_ready(running):
            assert time.monotonic() < until, "the model was not loaded in two minutes"
            time.sleep(0.1)
        yield running


def _is_ready(site: TelephoneSite) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/health", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return False


async def until(is_true: Callable[[], bool], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while not is_true():
        assert asyncio.get_running_loop().time() < deadline, what
        await asyncio.sleep(0.02)


def settled(site: TelephoneSite) -> int:
    """Waits until the call is over; how many files are open then."""
    end = time.monotonic() + 20
    while site.tasks() or site.telephony.connections:
        assert time.monotonic() < end, site.tasks()
        time.sleep(0.02)
    time.sleep(0.2)  # sockets close a moment after their tasks
    return len(os.listdir("/proc/self/fd"))


def call(
    site: TelephoneSite, provider: Provider, scene: Callable[[Caller], Awaitable[None]]
) -> int:
    if provider.path == "audiosocket":
        address = site.telephony.audiosocket_address
        assert address is not None
        asyncio.run(over_tcp(provider, address, scene))
    else:
        asyncio.run(over_websocket(provider, site.url, scene))
    return settled(site)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.__name__)
def test_a_question_is_answered_and_the_answer_interrupted(
    site: TelephoneSite, question: Pcm, provider: Callable[[], Provider]
) -> None:
    async def silence(caller: Caller) -> None:
        await asyncio.sleep(0.3)

    async def scene(caller: Caller) -> None:
        caller.say(question)
        await until(lambda: caller.heard_s > 1.2, "no answer was heard")
        loudest = max(int(np.abs(pcm.astype(int)).max()) for pcm in caller.heard)
        assert loudest > 1000
        caller.say(question[8000:])  # in the middle of the answer
        cut = "output_audio_buffer.cleared"
        await until(lambda: any(n.message["type"] == cut for n in NEWS), "it was not interrupted")
        if caller.provider.tells_clear:
            await until(lambda: bool(caller.cleared), "nothing was cleared")
        else:
            heard = caller.heard_s
            await asyncio.sleep(0.1)
            assert caller.heard_s <= heard + 0.06

    before = call(site, provider(), silence)
    NEWS.clear()
    after = call(site, provider(), scene)
    assert after <= before
    heard = [n.message for n in NEWS if n.message["type"] == "conversation.item.truncated"]
    assert heard and 500 < int(str(heard[0]["audio_end_ms"])) < 5000


def test_marks_come_back_in_their_time(site: TelephoneSite, question: Pcm) -> None:
    """A whole answer: its last mark comes back, and only then is the turn over."""

    async def scene(caller: Caller) -> None:
        caller.say(question)
        stopped = "output_audio_buffer.stopped"
        await until(lambda: any(n.message["type"] == stopped for n in NEWS), "it did not end")
        assert caller.heard_s > 2.0
        assert len(caller.marks) >= caller.heard_s / 0.04 - 2
        assert not caller.cleared

    NEWS.clear()
    call(site, Twilio(), scene)
    transcripts = [
        n.message["transcript"]
        for n in NEWS
        if n.message["type"] == "response.output_audio_transcript.done"
    ]
    assert transcripts and "count" in str(transcripts[0])
