"""The voice on a line by itself: what a flush takes back, what holding and closing leave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from transport_fakes import InlineThreads, tone

from visavis.runtime.clock import run_virtual
from visavis.runtime.frames import SPEAKING_RATE
from visavis.transports.telephony.line import Encoding, Farewell, LineEvent, Started, Wire
from visavis.transports.telephony.phone_voice import PhoneVoice

STARTED = Started(Encoding.L16, 16_000, "s", "c")


class PlainLine:
    """A provider with a short buffer, no marks, and a word for everything."""

    provider = "plain"
    lead_s = 0.1
    group = 1
    closes_itself = False
    has_marks = False

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        return ()

    def audio(self, payload: bytes) -> Sequence[Wire]:
        return (payload,)

    def mark(self, name: str) -> Sequence[Wire]:
        return (f"mark {name}",)

    def clear(self) -> Sequence[Wire]:
        return ("clear",)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return ()


def test_what_was_played_follows_the_clock_and_a_flush_stops_it() -> None:
    async def main() -> None:
        sent: list[Wire] = []
        voice = PhoneVoice(PlainLine(), sent.append, asyncio.get_running_loop().time)
        reports: list[tuple[int, int, bool]] = []
        voice.played = lambda turn, samples, done, at: reports.append((turn, samples, done))
        voice.play(1, tone(960, SPEAKING_RATE), False)  # before the call has started: nobody
        assert voice.flush() == 0 and sent == []
        voice.start(STARTED, InlineThreads())
        voice.play(1, tone(SPEAKING_RATE, SPEAKING_RATE), True)
        assert len(sent) == 6  # 100 ms ahead and the one that plays
        await asyncio.sleep(0.305)
        assert reports[-1] == (1, 15 * 960, False)
        assert voice.flush() == 15 * 960
        assert sent[-1] == "clear"
        count = len(sent)
        await asyncio.sleep(1.0)
        assert len(sent) == count and reports[-1] == (1, 15 * 960, False)
        assert voice.flush() == 15 * 960 and len(sent) == count  # nothing to take back
        voice.play(2, tone(960, SPEAKING_RATE), True)
        await asyncio.sleep(0.1)
        assert reports[-1][0] == 2 and reports[-1][2]
        assert voice.dropped == 0

    run_virtual(main())


def test_holding_stops_the_line_and_closing_ends_it() -> None:
    async def main() -> None:
        sent: list[Wire] = []
        voice = PhoneVoice(PlainLine(), sent.append, asyncio.get_running_loop().time)
        voice.start(STARTED, InlineThreads())
        voice.hold(True)
        voice.play(1, tone(SPEAKING_RATE, SPEAKING_RATE), True)
        await asyncio.sleep(0.5)
        assert sent == []
        voice.hold(False)
        await asyncio.sleep(0.05)
        assert sent
        voice.close()
        count = len(sent)
        voice.play(1, tone(960, SPEAKING_RATE), True)
        await asyncio.sleep(1.0)
        assert len(sent) == count

    run_virtual(main())
