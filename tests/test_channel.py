"""The data channel's rules, with a channel that records."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiortc.exceptions import InvalidStateError

from visavis.transports.webrtc import channel as module
from visavis.transports.webrtc.channel import Channel


class FakeChannel:
    """An RTCDataChannel's surface."""

    def __init__(self, label: str = "oai-events", max_bytes: int = 1 << 20) -> None:
        self.label = label
        self.readyState = "open"
        self.bufferedAmount = 0
        self.sent: list[str] = []
        self.reads = True
        self._max_bytes = max_bytes
        self._handlers: dict[str, Callable[[Any], None]] = {}

    def on(self, event: str) -> Callable[[Callable[[Any], None]], None]:
        def register(handler: Callable[[Any], None]) -> None:
            self._handlers[event] = handler

        return register

    def send(self, text: str) -> None:
        if self.readyState != "open":
            raise InvalidStateError
        if len(text) > self._max_bytes:
            raise ValueError("too large")
        self.sent.append(text)
        if not self.reads:
            self.bufferedAmount += len(text)

    def receive(self, data: str | bytes) -> None:
        self._handlers["message"](data)


class End:
    """A channel with what it delivered and whether it gave up."""

    def __init__(self) -> None:
        self.got: list[Mapping[str, object]] = []
        self.gave_up: list[str] = []
        self.channel = Channel(1000, self.got.append, self.gave_up.append)

    def attach(self, fake: FakeChannel) -> FakeChannel:
        self.channel.attach(fake)  # type: ignore[arg-type]  # the same surface
        return fake


def test_messages_pass_both_ways() -> None:
    end = End()
    fake = end.attach(FakeChannel())
    fake.receive('{"type": "session.update"}')
    end.channel.send({"type": "session.updated"})
    assert end.got == [{"type": "session.update"}]
    (message,) = [json.loads(text) for text in fake.sent]
    assert message["type"] == "session.updated" and message["event_id"]


@pytest.mark.parametrize("data", ["nonsense", "[]", '{"no": "type"}', 1001 * "x", b"\xff"])
def test_a_bad_message_is_answered_by_an_error_event(data: str | bytes) -> None:
    end = End()
    fake = end.attach(FakeChannel())
    fake.receive(data)
    (message,) = [json.loads(text) for text in fake.sent]
    assert message["type"] == "error" and message["event_id"]
    assert message["error"]["type"] == "invalid_request_error" and message["error"]["message"]
    assert end.got == [] and end.channel.refused == 1 and end.gave_up == []


def test_what_is_said_before_the_channel_opens_comes_first() -> None:
    end = End()
    end.channel.send({"type": "one"})
    fake = end.attach(FakeChannel())
    end.channel.send({"type": "two"})
    assert [json.loads(text)["type"] for text in fake.sent] == ["one", "two"]


def test_other_channels_are_ignored() -> None:
    end = End()
    fake = end.attach(FakeChannel(label="chat"))
    end.channel.send({"type": "one"})
    assert fake.sent == []


def test_a_client_that_does_not_read_is_given_up_once() -> None:
    end = End()
    fake = end.attach(FakeChannel())
    fake.reads = False
    while not end.gave_up:
        end.channel.send({"type": "x", "text": 100_000 * "y"})
    assert fake.bufferedAmount <= module.MAX_BACKLOG_BYTES + 200_000
    end.channel.send({"type": "x"})
    assert len(end.gave_up) == 1 and "unread" in end.gave_up[0]


def test_messages_without_a_channel_are_bounded() -> None:
    end = End()
    for _ in range(module.MAX_BACKLOG_MESSAGES + 1):
        end.channel.send({"type": "x"})
    assert len(end.gave_up) == 1


def test_a_message_larger_than_the_client_takes_is_counted() -> None:
    end = End()
    fake = end.attach(FakeChannel(max_bytes=500))
    end.channel.send({"type": "x", "text": 1000 * "y"})
    end.channel.send({"type": "small"})
    assert end.channel.unsent == 1 and len(fake.sent) == 1


def test_a_new_channel_takes_over_and_the_old_is_not_heard() -> None:
    end = End()
    old = end.attach(FakeChannel())
    old.readyState = "closed"
    end.channel.send({"type": "between"})
    new = end.attach(FakeChannel())
    old.receive('{"type": "late"}')
    new.receive('{"type": "new"}')
    assert [json.loads(text)["type"] for text in new.sent] == ["between"]
    assert end.got == [{"type": "new"}]
