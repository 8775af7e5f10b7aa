"""The voice end to end, with the real library in its real process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from visavis.models.voice.espeak import WORKER, EspeakVoice, check
from visavis.runtime.errors import ConfigError, EngineDied
from visavis.runtime.events import StageFailed, VoiceReady
from visavis.runtime.frames import SPEAKING_RATE, Pcm
from visavis.runtime.protocols import Delivery, Voice
from visavis.runtime.settings import VoiceSettings


class Listener:
    """What one conversation was given to play."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.failures: list[StageFailed] = []
        self._changed = asyncio.Event()
        self.on_voice: Callable[[], None] = lambda: None

    def __call__(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            if isinstance(delivery.event, StageFailed):
                self.failures.append(delivery.event)
            else:
                self.deliveries.append(delivery)
                self.on_voice()
        self._changed.set()

    @property
    def voice(self) -> list[VoiceReady]:
        return [d.event for d in self.deliveries if isinstance(d.event, VoiceReady)]

    def pcm(self, turn: int) -> Pcm:
        return np.concatenate([v.pcm for v in self.voice if v.turn == turn])

    def text(self, turn: int) -> str:
        return " ".join(v.text for v in self.voice if v.turn == turn and v.text)

    async def until_last(self, turn: int) -> None:
        async with asyncio.timeout(30):
            while not any(v.is_last and v.turn == turn for v in self.voice):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def speaking(settings: VoiceSettings | None = None) -> AsyncGenerator[EspeakVoice]:
    voice = EspeakVoice(settings or VoiceSettings())
    await voice.ready()
    try:
        yield voice
    finally:
        await voice.stop()


def go(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def likeness(one: Pcm, two: Pcm) -> float:
    """Correlation of the two loudness spectra over time, in 20 ms steps of the shorter."""
    count = min(len(one), len(two)) // 960 * 960
    spectra = [
        np.log1p(np.abs(np.fft.rfft(pcm[:count].reshape(-1, 960).astype(float)))[:, :160]).ravel()
        for pcm in (one, two)
    ]
    return float(np.corrcoef(spectra)[0, 1])


def worker_of(voice: EspeakVoice) -> int:
    assert voice.worker_pid is not None
    return voice.worker_pid


def test_it_is_the_voice_of_the_runtime() -> None:
    def given(voice: Voice) -> Voice:
        return voice

    voice = EspeakVoice(VoiceSettings())
    assert given(voice) is voice


def test_an_answer_is_voiced_from_its_first_moment() -> None:
    async def test() -> None:
        heard = Listener()
        async with speaking() as voice:
            handle = voice.open(heard)
            voice.speak(handle, 1, "I can see", False)
            voice.speak(handle, 1, "three blue circles.", True)
            await heard.until_last(1)
        pcm = heard.pcm(1)
        assert SPEAKING_RATE < len(pcm) < 3 * SPEAKING_RATE
        assert np.flatnonzero(np.abs(pcm.astype(int)) > 300)[0] < 0.01 * SPEAKING_RATE
        assert np.sqrt(np.mean(pcm.astype(float) ** 2)) > 1000
        assert heard.text(1) == "I can see three blue circles."
        assert [v.is_last for v in heard.voice] == [False] * (len(heard.voice) - 1) + [True]

    go(test)


def test_the_first_audio_comes_long_before_the_last_and_is_short() -> None:
    async def test() -> None:
        heard = Listener()
        async with speaking() as voice:
            handle = voice.open(heard)
            voice.speak(handle, 1, "one two three four five six seven eight nine ten", True)
            await heard.until_last(1)
        assert len(heard.voice) > 10
        assert 0 < len(heard.voice[0].pcm) <= 0.06 * SPEAKING_RATE
        assert set(heard.deliveries[0].stamps) == {"voice_asked", "first_voice"}
        assert all(not delivery.stamps for delivery in heard.deliveries[1:])
        begun = [v.text for v in heard.voice if v.text]
        assert " ".join(begun) == "one two three four five six seven eight nine ten"
        assert len(begun) == 10

    go(test)


def test_the_same_words_sound_the_same_whatever_was_said_between() -> None:
    async def test() -> None:
        heard = Listener()
        async with speaking() as voice:
            handle = voice.open(heard)
            for turn, phrase in ((1, "It is green."), (2, "Seven, or eight?"), (3, "It is green.")):
                voice.speak(handle, turn, phrase, True)
                await heard.until_last(turn)
        assert abs(len(heard.pcm(1)) - len(heard.pcm(3))) < 0.002 * SPEAKING_RATE
        assert likeness(heard.pcm(1), heard.pcm(3)) > 0.95
        assert likeness(heard.pcm(1), heard.pcm(2)) < 0.7

    go(test)


def test_fresh_workers_say_the_same_to_the_sample() -> None:
    async def test() -> None:
        said: list[Pcm] = []
        for _ in range(2):
            heard = Listener()
            async with speaking() as voice:
                voice.speak(voice.open(heard), 1, "It is green.", True)
                await heard.until_last(1)
            said.append(heard.pcm(1))
        assert np.array_equal(said[0], said[1])

    go(test)


def test_conversations_take_turns_and_do_not_mix() -> None:
    async def test() -> None:
        order: list[int] = []
        one, two = Listener(), Listener()
        one.on_voice = lambda: order.append(1)
        two.on_voice = lambda: order.append(2)
        async with speaking() as voice:
            first, second = voice.open(one), voice.open(two)
            for number in range(4):
                voice.speak(first, 1, "a long phrase of the first person", number == 3)
            voice.speak(second, 1, "short", True)
            await two.until_last(1)
            await one.until_last(1)
        assert one.text(1) == " ".join(["a long phrase of the first person"] * 4)
        assert two.text(1) == "short"
        after_two = order[len(order) - 1 - order[::-1].index(2) :]
        assert after_two.count(1) > len(one.voice) / 4

    go(test)


def test_nothing_of_a_cancelled_turn_comes_after_the_call() -> None:
    async def test() -> None:
        heard = Listener()
        async with speaking() as voice:
            handle = voice.open(heard)

            def cut() -> None:
                heard.on_voice = lambda: None
                voice.cancel(handle, 1)

            heard.on_voice = cut
            voice.speak(handle, 1, "this is a long sentence that nobody wants to hear", False)
            voice.speak(handle, 1, "nor this one", True)
            voice.speak(handle, 2, "but this one", True)
            await heard.until_last(2)
        assert len([v for v in heard.voice if v.turn == 1]) == 1
        assert heard.text(2) == "but this one"

    go(test)


def test_a_closed_handle_hears_nothing_more() -> None:
    async def test() -> None:
        gone, heard = Listener(), Listener()
        async with speaking() as voice:
            first, second = voice.open(gone), voice.open(heard)
            voice.speak(first, 1, "never mind", True)
            voice.close(first)
            voice.close(first)
            voice.speak(first, 1, "hello?", True)
            voice.cancel(first, 1)
            voice.speak(second, 1, "hello", True)
            await heard.until_last(1)
        assert gone.voice == []

    go(test)


def test_a_worker_that_is_killed_is_replaced_and_the_phrase_goes_on_where_it_was() -> None:
    phrase = "the quick brown fox jumps over the lazy dog and runs away into the deep dark forest"

    async def test() -> None:
        whole, heard = Listener(), Listener()
        async with speaking() as voice:
            handle = voice.open(whole)
            voice.speak(handle, 1, phrase, True)
            await whole.until_last(1)

            def kill() -> None:
                heard.on_voice = lambda: None
                os.kill(worker_of(voice), signal.SIGKILL)

            heard.on_voice = kill
            handle = voice.open(heard)
            voice.speak(handle, 1, phrase, True)
            voice.speak(handle, 2, "and on", True)
            await heard.until_last(2)
            assert voice.restarts == 1
        assert abs(len(heard.pcm(1)) - len(whole.pcm(1))) < 0.005 * SPEAKING_RATE
        assert heard.text(1) == phrase
        assert heard.failures == []

    go(test)


def worker_script(body: str) -> tuple[str, ...]:
    """A worker that starts as the real one and then does as `body` says with each phrase."""
    head = (
        "import sys, os, json\n"
        "from visavis.models.voice.wire import *\n"
        "read, out = sys.stdin.buffer.read, sys.stdout.buffer\n"
        "def take():\n"
        "    size, kind, number = unpack(read(HEADER.size))\n"
        "    return kind, number, read(size)\n"
        "def send(kind, number, body):\n"
        "    out.write(pack(kind, number, body)); out.flush()\n"
        "take()\n"
        "send(Kind.READY, 0, json.dumps({'version': 'x', 'sample_rate': 22050}).encode())\n"
    )
    return (sys.executable, "-c", head + body)


def test_words_that_crash_the_worker_twice_are_given_up_and_the_turn_still_ends() -> None:
    body = (
        "while True:\n"
        "    kind, number, text = take()\n"
        "    if b'evil' in text: os._exit(3)\n"
        "    send(Kind.DONE, number, pack_audio(text[1:].decode(), bytes(8)))\n"
    )

    async def test() -> None:
        heard, other = Listener(), Listener()
        voice = EspeakVoice(VoiceSettings(), command=worker_script(body))
        await voice.ready()
        try:
            first, second = voice.open(heard), voice.open(other)
            voice.speak(first, 1, "evil", True)
            voice.speak(second, 1, "good", True)
            await heard.until_last(1)
            await other.until_last(1)
        finally:
            await voice.stop()
        assert [(f.what, f.is_fatal) for f in heard.failures] == [("voice", False)]
        assert "crashed twice" in heard.failures[0].why
        assert heard.text(1) == ""
        assert other.text(1) == "good"
        assert other.failures == []
        assert voice.restarts == 2

    go(test)


def test_while_no_worker_can_be_started_phrases_fail_at_once() -> None:
    async def test() -> None:
        heard = Listener()
        async with speaking() as voice:
            handle = voice.open(heard)
            voice.use_command((sys.executable, "-c", "raise SystemExit(1)"))
            heard_before = Listener()
            before = voice.open(heard_before)
            heard_before.on_voice = lambda: os.kill(worker_of(voice), signal.SIGKILL)
            voice.speak(before, 1, "the last words of this one are not to be heard by anyone", True)
            await heard_before.until_last(1)
            assert heard_before.failures[0].what == "voice"
            voice.speak(handle, 1, "hello", True)
            assert heard.voice == []
            await heard.until_last(1)
        assert "reinstall espeakng-loader" in heard.failures[0].why
        assert len(heard.pcm(1)) == 0

    go(test)


@pytest.mark.parametrize(
    ("name", "words"),
    [("nobody", "en-us"), ("en-us+nobody", "no variant 'nobody'"), ("en-uss", "en-us")],
)
def test_an_unknown_voice_is_refused_with_some_that_exist(name: str, words: str) -> None:
    async def test() -> None:
        with pytest.raises(ConfigError, match=words) as refused:
            await EspeakVoice(VoiceSettings(name=name)).ready()
        assert f"voice.name is {name!r}" in str(refused.value)

    go(test)
    with pytest.raises(ConfigError):
        check(VoiceSettings(name=name))


def test_a_voice_with_a_variant_is_taken() -> None:
    assert "en-gb-scotland+f3" in check(VoiceSettings(name="en-gb-scotland+f3"))


def test_a_worker_that_cant_start_is_told_with_its_remedy() -> None:
    command = (sys.executable, "-c", "raise SystemExit(1)")

    async def test() -> None:
        with pytest.raises(EngineDied, match="pip install"):
            await EspeakVoice(VoiceSettings(), command=command).ready()

    go(test)
    with pytest.raises(EngineDied, match="pip install"):
        check(VoiceSettings(), command=command)


def test_check_names_the_library_and_the_voice() -> None:
    assert check(VoiceSettings()).startswith("espeak-ng 1.")


def test_the_worker_ends_with_its_pipe_and_loads_little() -> None:
    done = subprocess.run(
        [WORKER[0], "-X", "importtime", *WORKER[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "numpy" in loaded and "espeakng_loader" in loaded
    assert not loaded & {"torch", "onnxruntime", "asyncio", "msgspec", "visavis.runtime"}


def test_stopping_leaves_no_process_and_may_be_repeated() -> None:
    async def test() -> None:
        voice = EspeakVoice(VoiceSettings())
        await voice.stop()
        await voice.ready()
        pid = worker_of(voice)
        await voice.stop()
        await voice.stop()
        assert voice.worker_pid is None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    go(test)
