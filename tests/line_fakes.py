"""What a provider might send: right, nearly right and nonsense, for the property tests of lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from hypothesis import strategies as st
from telephone_fakes import FakeConnection, make_phone

from visavis.runtime.clock import run_virtual
from visavis.runtime.errors import BadInput
from visavis.transports.telephony import Line
from visavis.transports.telephony.line import LineEvent, Wire
from visavis.transports.telephony.phone import CLOSE_CODES, NORMAL

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def nearly(messages: Sequence[dict[str, object]]) -> st.SearchStrategy[str]:
    """A right message with one field replaced or left out, at any depth."""

    def spoil(choice: tuple[dict[str, object], st.DataObject]) -> str:
        message, data = choice
        copy: dict[str, object] = msgspec.json.decode(msgspec.json.encode(message))
        inner = copy
        while data.draw(st.booleans()):
            below: list[object] = [v for v in inner.values() if isinstance(v, dict)]
            if not below:
                break
            inner = cast("dict[str, object]", data.draw(st.sampled_from(below)))
        if inner:
            name = data.draw(st.sampled_from(sorted(inner)))
            if data.draw(st.booleans()):
                del inner[name]
            else:
                inner[name] = data.draw(JSON)
        return msgspec.json.encode(copy).decode()

    return st.tuples(st.sampled_from(list(messages)), st.data()).map(spoil)


def wires(messages: Sequence[dict[str, object]]) -> st.SearchStrategy[list[Wire]]:
    """A connection's messages."""
    right = st.sampled_from([msgspec.json.encode(message).decode() for message in messages])
    one = right | nearly(messages) | st.text(max_size=60) | st.binary(max_size=400)
    other = JSON.map(lambda value: msgspec.json.encode(value).decode())
    return st.lists(one | other, max_size=12)


def never_raises(make: Callable[[], Line], messages: list[Wire]) -> None:
    """A line gives events or a `BadInput` with a code that a connection can be closed with; a phone
    on it ends with that code, once, and leaves no task behind."""
    line = make()
    wanted: int | None = None
    for message in messages:
        try:
            for event in line.receive(message):
                assert isinstance(event, LineEvent)
        except BadInput as error:
            assert str(error)
            wanted = CLOSE_CODES[error.code]
            break

    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(make(), connection)
        connection.say(*messages)
        connection.hang_up()
        try:
            await phone.begin()
        except BadInput:
            pass
        await phone.closed()
        assert len(connection.closed) == 1
        code = connection.closed[0][0]
        assert code in ((NORMAL,) if wanted is None else (NORMAL, wanted))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())
