"""Any synthesiser as a voice: on a thread, in order, cut at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
import pytest

from visavis.models.voice.threaded import PIECE, Synthesiser, ThreadedVoice
from visavis.runtime.errors import WeightsError
from visavis.runtime.events import StageFailed, VoiceReady
from visavis.runtime.frames import SPEAKING_RATE, Pcm
from visavis.runtime.protocols import Delivery, Voice


class Hum:
    """100 samples per character; "fail" fails, "wait" waits until it is let go."""

    sample_rate = SPEAKING_RATE

    def __init__(self) -> None:
        self.go = threading.Event()
        self.said: list[str] = []
        self.thread = ""

    def say(self, text: str) -> Pcm | Iterator[Pcm]:
        self.said.append(text)
        self.thread = threading.current_thread().name
        if text == "fail":
            raise RuntimeError("no breath")
        if text == "wait":
            return self._slowly()
        return np.ones(100 * len(text), np.int16)

    def _slowly(self) -> Iterator[Pcm]:
        yield np.ones(10, np.int16)
        self.go.wait(10)
        yield np.ones(10, np.int16)


class Low(Hum):
    sample_rate = 8_000


class Listener:
    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.changed = asyncio.Event()

    def __call__(self, deliveries: list[Delivery]) -> None:
        self.deliveries += deliveries
        self.changed.set()

    @property
    def voice(self) -> list[VoiceReady]:
        return [d.event for d in self.deliveries if isinstance(d.event, VoiceReady)]

    async def until(self, is_it: Callable[[VoiceReady], bool]) -> None:
        async with asyncio.timeout(10):
            while not any(is_it(voice) for voice in self.voice):
                self.changed.clear()
                await self.changed.wait()


def go(
    test: Callable[[ThreadedVoice, Hum], Awaitable[None]], make: Callable[[], Hum] = Hum
) -> None:
    async def main() -> None:
        hum = make()
        voice = ThreadedVoice(lambda: hum)
        await voice.ready()
        try:
            await test(voice, hum)
        finally:
            hum.go.set()
            await voice.stop()

    asyncio.run(main())


def test_it_is_a_voice_of_the_runtime() -> None:
    def given(voice: Voice, synthesiser: Synthesiser) -> None:
        pass

    given(ThreadedVoice(Hum), Hum())


def test_phrases_are_said_in_order_with_their_words() -> None:
    async def test(voice: ThreadedVoice, hum: Hum) -> None:
        heard = Listener()
        handle = voice.open(heard)
        voice.speak(handle, 1, "one", False)
        voice.speak(handle, 1, "twenty", True)
        await heard.until(lambda v: v.is_last)
        assert [v.text for v in heard.voice if v.text] == ["one", "twenty"]
        assert sum(len(v.pcm) for v in heard.voice) == 900
        assert [v.is_last for v in heard.voice] == [False] * (len(heard.voice) - 1) + [True]
        assert set(heard.deliveries[0].stamps) == {"voice_asked", "first_voice"}
        assert hum.thread == "voice"

    go(test)


def test_another_rate_is_resampled_and_long_speech_comes_in_pieces() -> None:
    async def test(voice: ThreadedVoice, hum: Hum) -> None:
        heard = Listener()
        voice.speak(voice.open(heard), 1, "x" * 80, True)
        await heard.until(lambda v: v.is_last)
        assert abs(sum(len(v.pcm) for v in heard.voice) - SPEAKING_RATE) < 200
        assert max(len(v.pcm) for v in heard.voice) <= PIECE

    go(test, Low)


def test_what_is_cancelled_or_closed_is_not_heard() -> None:
    async def test(voice: ThreadedVoice, hum: Hum) -> None:
        heard, gone = Listener(), Listener()
        handle, other = voice.open(heard), voice.open(gone)
        voice.speak(handle, 1, "wait", True)
        await heard.until(lambda v: True)
        voice.speak(handle, 1, "never", True)
        voice.speak(other, 1, "nor this", True)
        voice.speak(handle, 2, "now", True)
        voice.cancel(handle, 1)
        voice.close(other)
        hum.go.set()
        await heard.until(lambda v: v.turn == 2 and v.is_last)
        assert len([v for v in heard.voice if v.turn == 1]) == 1 and not gone.deliveries
        assert hum.said == ["wait", "now"]

    go(test)


def test_a_phrase_that_fails_is_told_and_the_next_is_said() -> None:
    async def test(voice: ThreadedVoice, hum: Hum) -> None:
        heard = Listener()
        handle = voice.open(heard)
        voice.speak(handle, 1, "fail", True)
        voice.speak(handle, 2, "fine", True)
        await heard.until(lambda v: v.turn == 2 and v.is_last)
        failure = StageFailed("voice", "RuntimeError: no breath", is_fatal=False)
        assert failure in [d.event for d in heard.deliveries]
        assert any(v.turn == 1 and v.is_last for v in heard.voice)

    go(test)


def test_a_synthesiser_that_cant_be_made_says_why() -> None:
    def broken() -> Hum:
        raise WeightsError("there are no weights: make some")

    async def main() -> None:
        voice = ThreadedVoice(broken)
        with pytest.raises(WeightsError, match="no weights"):
            await voice.ready()
        await voice.stop()

    asyncio.run(main())
