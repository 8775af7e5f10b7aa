"""A call from start to end on virtual time: what is heard, what is said, what ends it."""

from __future__ import annotations

import asyncio
import base64
import gc
from collections.abc import Mapping
from typing import cast

import msgspec
import numpy as np
import pytest
from telephone_fakes import FakeConnection, make_phone, reports_of
from transport_fakes import tone

from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.errors import BadInput
from visavis.runtime.frames import HEARING_RATE, SPEAKING_RATE
from visavis.runtime.mailboxes import MailboxClosed
from visavis.runtime.message_guard import MessageGuard
from visavis.runtime.settings import LimitsSettings
from visavis.transports import g711
from visavis.transports.telephony import PhoneLimits, TwilioLine
from visavis.transports.telephony.line import Farewell

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": "MZ1",
    "start": {
        "streamSid": "MZ1",
        "accountSid": "AC1",
        "callSid": "CA1",
        "tracks": ["inbound"],
        "customParameters": {"key": "secret", "customer": "7"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    },
}
STOP = {"event": "stop", "streamSid": "MZ1", "stop": {"accountSid": "AC1", "callSid": "CA1"}}


def media(payload: bytes, chunk: int = 1) -> dict[str, object]:
    return {
        "event": "media",
        "streamSid": "MZ1",
        "media": {
            "track": "inbound",
            "chunk": str(chunk),
            "timestamp": str(chunk * 20),
            "payload": base64.b64encode(payload).decode(),
        },
    }


class Twilio:
    """Plays what it gets at the pace of a telephone, and returns marks when they are reached."""

    def __init__(self, connection: FakeConnection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._ends_at = 0.0
        self._marks: list[tuple[str, asyncio.TimerHandle]] = []
        self.heard = bytearray()
        self.cleared_at: list[float] = []
        connection.answer = self._take

    def _take(self, data: str | bytes) -> list[str | bytes]:
        message = cast("dict[str, dict[str, str]]", msgspec.json.decode(data))
        match cast(object, message["event"]):
            case "media":
                payload = base64.b64decode(message["media"]["payload"])
                self.heard += payload
                self._ends_at = max(self._ends_at, self._loop.time()) + len(payload) / 8000
            case "mark":
                name = message["mark"]["name"]
                timer = self._loop.call_at(self._ends_at, self._return, name)
                self._marks.append((name, timer))
            case "clear":
                self.cleared_at.append(self._loop.time())
                self._ends_at = 0.0
                for name, timer in self._marks:
                    timer.cancel()
                    self._return(name)
                self._marks.clear()
            case other:
                raise AssertionError(f"Twilio knows no {other}")
        return []

    def _return(self, name: str) -> None:
        self._marks = [mark for mark in self._marks if mark[0] != name]
        self._connection.say({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_the_caller_says_is_heard_at_sixteen_kilohertz() -> None:
    async def main() -> None:
        connection, told = FakeConnection(), list[Mapping[str, object]]()
        phone = make_phone(TwilioLine(), connection, told=told)
        connection.say(CONNECTED, START)
        started = await phone.begin()
        assert (started.rate, started.stream_id, started.call_id) == (8000, "MZ1", "CA1")
        assert told[0]["parameters"] == {"customer": "7"}  # the key is nobody's business
        said = tone(8000, 8000)
        data = g711.mulaw_encode(said)
        connection.say(*(media(data[i * 160 : i * 160 + 160], i + 1) for i in range(50)))
        await settle()
        chunks = [await phone.audio.get() for _ in range(len(phone.audio))]
        assert [chunk.pts for chunk in chunks] == [i * 320 for i in range(50)]
        heard = np.concatenate([chunk.pcm for chunk in chunks]).astype(float)
        wanted = tone(HEARING_RATE, HEARING_RATE).astype(float)
        error = heard[48 + 960 :] - wanted[960 : len(heard) - 48]
        assert np.sqrt((error**2).mean()) < 0.02 * np.sqrt((wanted**2).mean())
        await phone.close("done")

    run_virtual(main())


def test_lost_packets_are_silence_and_long_holes_are_gaps() -> None:
    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(TwilioLine(), connection)
        data = g711.mulaw_encode(tone(160, 8000))
        connection.say(CONNECTED, START, media(data, 1), media(data, 4), media(data, 104))
        await phone.begin()
        await settle()
        first, second, third = [await phone.audio.get() for _ in range(3)]
        assert (first.pts, len(first.pcm), first.concealed) == (0, 320, 0)
        assert (second.pts, len(second.pcm), second.concealed) == (320, 960, 640)
        assert (third.pts, third.gap, len(third.pcm)) == (1280 + 99 * 320, 99 * 320, 320)
        await phone.close("done")

    run_virtual(main())


def test_marks_tell_what_was_heard_and_when_it_was_sent() -> None:
    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(TwilioLine(), connection)
        connection.say(CONNECTED, START)
        await phone.begin()
        twilio = Twilio(connection)
        reports = reports_of(phone)
        began = asyncio.get_running_loop().time()
        phone.playout.play(3, tone(SPEAKING_RATE, SPEAKING_RATE), False)
        await asyncio.sleep(0.5)
        assert 440 * 48 <= reports[-1][1] <= 500 * 48
        phone.playout.play(3, tone(SPEAKING_RATE // 2, SPEAKING_RATE), True)
        await asyncio.sleep(1.5)
        turn, samples, is_done, sent_at = reports[-1]
        assert (turn, is_done) == (3, True)
        assert samples >= SPEAKING_RATE * 3 // 2
        assert [r[1] for r in reports] == sorted(r[1] for r in reports)
        assert reports[0][3] == began  # the first packets left at once
        assert sent_at <= began + 1.5 - 0.4 + 0.06  # the last left as much ahead as is let lie
        assert len(twilio.heard) == 76 * 160  # 1.5 s, and what the filter held back
        heard = g711.mulaw_decode(bytes(twilio.heard)).astype(float)
        assert np.abs(heard[100:7900]).max() == pytest.approx(8000, rel=0.05)
        await phone.close("done")

    run_virtual(main())


def test_a_flush_clears_what_lies_at_the_provider_and_old_marks_say_nothing() -> None:
    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(TwilioLine(), connection)
        connection.say(CONNECTED, START)
        await phone.begin()
        twilio = Twilio(connection)
        reports = reports_of(phone)
        phone.playout.play(1, tone(3 * SPEAKING_RATE, SPEAKING_RATE), True)
        await asyncio.sleep(1.0)
        assert 0.9 * SPEAKING_RATE <= phone.playout.flush() <= SPEAKING_RATE
        known = len(reports)
        await asyncio.sleep(1.0)
        assert len(twilio.cleared_at) == 1
        assert len(reports) == known  # marks that came back because of the clear
        assert len(twilio.heard) <= 1.5 * 8000  # what was ahead was little
        phone.playout.play(2, tone(SPEAKING_RATE // 10, SPEAKING_RATE), True)
        await asyncio.sleep(1.0)
        assert reports[-1][0] == 2 and reports[-1][2]
        assert phone.playout.flush() == reports[-1][1]
        await settle()
        assert len(twilio.cleared_at) == 1  # all had been heard: nothing to clear
        await phone.close("done")

    run_virtual(main())


def test_keys_are_told_and_become_a_question_when_asked() -> None:
    async def main() -> None:
        connection, told = FakeConnection(), list[Mapping[str, object]]()
        phone = make_phone(TwilioLine(), connection, keys_are_text=True, told=told)
        connection.say(CONNECTED, START)
        await phone.begin()
        for digit in "12#":
            dtmf = {"track": "inbound_track", "digit": digit}
            connection.say({"event": "dtmf", "streamSid": "MZ1", "dtmf": dtmf})
        await settle()
        keys = [m["event"] for m in told if "dtmf" in str(m["type"])]
        assert keys == ["1", "2", "#"]
        item, response = [await phone.messages.get() for _ in range(2)]
        assert item["item"] == {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "12"}],
        }
        assert response["type"] == "response.create"
        connection.say({"event": "dtmf", "dtmf": {"digit": "5"}})
        await asyncio.sleep(1.9)
        assert len(phone.messages) == 0
        await asyncio.sleep(0.2)  # a pause ends an entry too
        assert len(phone.messages) == 2
        await phone.close("done")

    run_virtual(main())


def test_the_end_is_told_once_whoever_ends_it() -> None:
    async def main() -> None:
        for ending in ("stop", "hang up", "close"):
            connection, told = FakeConnection(), list[Mapping[str, object]]()
            phone = make_phone(TwilioLine(), connection, told=told)
            connection.say(CONNECTED, START)
            await phone.begin()
            if ending == "stop":
                connection.say(STOP)
            elif ending == "hang up":
                connection.hang_up()
            else:
                await phone.close("enough")
            with pytest.raises(MailboxClosed):
                await phone.audio.get()
            await phone.closed()
            await phone.close("again")
            assert len(connection.closed) == 1
            assert [m["type"] for m in told].count("visavis.call.ended") == 1
            phone.playout.play(1, tone(960, SPEAKING_RATE), True)  # nobody is there any more
            phone.playout.flush()
            phone.send({"type": "visavis.state", "state": "listening"})
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


@pytest.mark.parametrize(
    ("messages", "code", "why"),
    [
        (["{"], 1007, "can't be read"),
        (["[1]"], 1007, "can't be read"),
        ([b"\x00"], 1002, "binary"),
        (["x" * 70_000], 1009, "70000"),
        ([media(b"\xff")], 1002, "before start"),
        ([{"event": "start"}], 1002, "no 'start'"),
    ],
)
def test_a_call_that_does_not_start_is_closed_with_the_reason(
    messages: list[str | bytes | dict[str, object]], code: int, why: str
) -> None:
    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(TwilioLine(), connection)
        connection.say(*messages)
        with pytest.raises(BadInput, match=why):
            await phone.begin()
        assert connection.closed[0][0] == code
        assert why in connection.closed[0][1] or len(connection.closed[0][1]) == 120
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_silence_before_the_start_and_after_it_ends_the_call() -> None:
    async def main() -> None:
        connection = FakeConnection()
        with pytest.raises(BadInput, match="within 10 s"):
            await make_phone(TwilioLine(), connection).begin()
        assert connection.closed[0][0] == 1002
        connection = FakeConnection()
        phone = make_phone(TwilioLine(), connection)
        connection.say(CONNECTED, START)
        await phone.begin()
        await asyncio.sleep(20)
        connection.say(media(b"\xff" * 160))
        await asyncio.sleep(29)
        assert phone.closed_why is None
        await asyncio.sleep(2)
        assert phone.closed_why == "nothing came for 30 s"

    run_virtual(main())


def test_too_many_messages_and_too_much_audio_end_the_call() -> None:
    async def main() -> None:
        for payload, limits, why in (
            (b"", PhoneLimits(message_burst=100), "messages per second"),
            (b"\xff" * 16_000, PhoneLimits(audio_burst_s=10), "audio"),
        ):
            connection = FakeConnection()
            phone = make_phone(TwilioLine(), connection, limits=limits)
            connection.say(CONNECTED, START, *(media(payload, n) for n in range(200)))
            await phone.begin()
            await phone.closed()
            assert phone.closed_why is not None and why in phone.closed_why
            assert connection.closed[0][0] == 1008

    run_virtual(main())


def test_the_limits_of_a_key_hold_for_its_calls() -> None:
    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(TwilioLine(), connection)
        connection.say(CONNECTED, START)
        await phone.begin()
        phone.guard_messages(MessageGuard(LimitsSettings(message_burst=3), LoopClock()))
        connection.say(*(media(b"\xff" * 160, n) for n in range(10)))
        await phone.closed()
        assert connection.closed[0][0] == 1008

    run_virtual(main())


class Deaf(FakeConnection):
    """A provider that does not read."""

    async def send(self, data: str | bytes) -> None:
        await asyncio.Event().wait()


def test_a_provider_that_does_not_read_is_closed() -> None:
    async def main() -> None:
        connection = Deaf()
        phone = make_phone(TwilioLine(), connection, limits=PhoneLimits(waiting=50))
        connection.say(CONNECTED, START)
        await phone.begin()
        phone.playout.play(1, tone(5 * SPEAKING_RATE, SPEAKING_RATE), True)
        await phone.closed()
        assert phone.closed_why == "twilio does not read what it is sent"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_a_refusal_says_why() -> None:
    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(TwilioLine(), connection)
        connection.say(CONNECTED, START)
        await phone.begin()
        await phone.refuse("no place is free", 1013, Farewell.ERROR)
        assert connection.closed == [(1013, "no place is free")]
        with pytest.raises(BadInput, match="WebRTC"):
            await phone.restart("v=0")
        with pytest.raises(BadInput, match="WebRTC"):
            await phone.add_candidate(None)

    run_virtual(main())
