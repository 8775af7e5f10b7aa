"""AudioSocket: frames in any pieces, every rate, our own pace, and whatever else may come."""

from __future__ import annotations

import asyncio
import itertools
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from line_fakes import never_raises
from telephone_fakes import FakeConnection, make_phone, reports_of
from transport_fakes import tone

from visavis.runtime.clock import run_virtual
from visavis.runtime.errors import BadInput
from visavis.runtime.frames import SPEAKING_RATE
from visavis.transports.telephony import AudioSocketLine
from visavis.transports.telephony.audiosocket import DTMF, ERROR, HANG_UP, ID, RATES, frame
from visavis.transports.telephony.line import (
    Audio,
    Digit,
    Encoding,
    Farewell,
    Started,
    Stopped,
)

CALL = uuid.UUID("f47ac10b-58cc-4372-a567-0e02b2c3d479")
HELLO = frame(ID, CALL.bytes)
STREAM = b"".join(
    [
        HELLO,
        frame(DTMF, b"5"),
        frame(0x10, bytes(320)),
        frame(0x42, b"what is this"),
        frame(0x10, bytes(320)),
        frame(HANG_UP),
    ]
)
EVENTS = [
    Started(Encoding.L16, 8000, str(CALL), str(CALL)),
    Digit("5"),
    Audio(bytes(320)),
    Audio(bytes(320)),
    Stopped("the caller hung up"),
]


@settings(max_examples=60)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_frames_may_come_in_any_pieces(cuts: list[int]) -> None:
    line = AudioSocketLine()
    edges = sorted([0, *cuts, len(STREAM)])
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    assert [event for piece in pieces for event in line.receive(piece)] == EVENTS
    assert line.ignored == 1


@pytest.mark.parametrize("kind", RATES)
def test_every_rate_is_answered_in_kind(kind: int) -> None:
    line = AudioSocketLine()
    size = RATES[kind] // 50 * 2
    started, audio = line.receive(HELLO + frame(kind, bytes(size)))
    assert isinstance(started, Started) and started.rate == RATES[kind]
    assert audio == Audio(bytes(size))
    assert line.audio(b"\x01\x02") == (frame(kind, b"\x01\x02"),)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (frame(0x10, bytes(320)), "before the id"),
        (HELLO + HELLO, "second id"),
        (frame(ID, b"short"), "16"),
        (HELLO + frame(0x10, bytes(3)), "samples have 2"),
        (HELLO + frame(0x10, bytes(2)) + frame(0x12, bytes(2)), "16000 Hz in a call of 8000"),
        (HELLO + frame(DTMF, b"12"), "2 bytes"),
        (HELLO + frame(DTMF, b"z"), "digit"),
        ("text", "binary"),
    ],
)
def test_what_cannot_be_used_is_told(data: bytes | str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        AudioSocketLine().receive(data)


def test_errors_of_asterisk_end_the_call() -> None:
    for payload, why in ((b"\x01", "hung up"), (b"\x20", "error 32"), (b"", "error 0")):
        (event,) = AudioSocketLine().receive(frame(ERROR, payload))
        assert isinstance(event, Stopped) and why in event.why
    assert AudioSocketLine().hang_up("why", Farewell.COMPLETED) == (frame(HANG_UP),)


def test_speech_leaves_at_the_pace_of_a_telephone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        connection = FakeConnection()

        def note(data: str | bytes) -> list[str | bytes]:
            assert isinstance(data, bytes)
            if data[0] == 0x12:
                assert len(data) == 3 + 640
                times.append(loop.time())
            return []

        connection.answer = note
        phone = make_phone(AudioSocketLine(), connection)
        connection.say(HELLO + frame(0x12, bytes(640)))
        await phone.begin()
        reports = reports_of(phone)
        phone.playout.play(1, tone(SPEAKING_RATE, SPEAKING_RATE), True)
        await asyncio.sleep(0.51)
        steps = [b - a for a, b in itertools.pairwise(times)]
        assert len(times) == 26 and all(abs(step - 0.02) < 1e-6 for step in steps)
        assert reports[-1][1] == 25 * 960  # each as it ends
        phone.playout.flush()
        await asyncio.sleep(0.5)
        assert len(times) == 26
        await phone.close("done")
        assert connection.sent[-1] == frame(HANG_UP)

    run_virtual(main())


FRAMES = st.builds(
    frame, st.sampled_from([*RATES, HANG_UP, ID, DTMF, ERROR]) | st.integers(0, 255), st.binary()
)


@settings(max_examples=150)
@given(st.lists(FRAMES | st.binary(max_size=40), max_size=10), st.booleans())
def test_no_bytes_raise_past_the_phone(pieces: list[bytes], begins_well: bool) -> None:
    start = [HELLO + frame(0x10, bytes(320))] if begins_well else []
    never_raises(AudioSocketLine, [*start, *pieces])
