"""Too many messages, too many bytes, and only nonsense: what each leads to."""

from __future__ import annotations

import pytest

from visavis.runtime.clock import VirtualClock
from visavis.runtime.errors import BadInput
from visavis.runtime.events import RateLimit
from visavis.runtime.message_guard import TOLD_AT_ONCE, Allowance, MessageGuard, Verdict
from visavis.runtime.settings import LimitsSettings
from visavis.runtime.token_bucket import TokenBucket

LIMITS = LimitsSettings(
    messages_per_s=10, message_burst=20, bytes_per_s=1000, byte_burst=4096, max_refusals=50
)


def taken(guard: MessageGuard, count: int, size: int = 1) -> int:
    done = 0
    for _ in range(count):
        try:
            guard.take(size)
        except BadInput:
            continue
        done += 1
    return done


def test_messages_are_counted_over_time() -> None:
    clock = VirtualClock()
    guard = MessageGuard(LIMITS, clock)
    assert taken(guard, 100) == 20
    clock.advance(1.0)
    assert taken(guard, 100) == 10
    assert (guard.messages, guard.bytes) == (30, 30)
    with pytest.raises(BadInput, match="more than 10 messages") as caught:
        guard.take(1)
    assert caught.value.code == "rate_limit_exceeded"


def test_bytes_are_counted_and_a_refused_message_costs_nothing() -> None:
    guard = MessageGuard(LIMITS, VirtualClock())
    with pytest.raises(BadInput, match="bytes of messages"):
        guard.take(5000)
    assert taken(guard, 4, 1024) == 4
    assert taken(guard, 1, 1) == 0  # no bytes are left
    assert guard.messages == 4


def test_what_a_key_shares_is_taken_by_all_its_conversations() -> None:
    clock = VirtualClock()
    shared = Allowance(TokenBucket(15, 1.0, 0.0), TokenBucket(100, 1.0, 0.0))
    first, second = (MessageGuard(LIMITS, clock, shared=shared) for _ in range(2))
    assert (taken(first, 10), taken(second, 10)) == (10, 5)
    clock.advance(15.0)
    with pytest.raises(BadInput, match="of this API key") as caught:
        second.take(200)
    assert caught.value.code == "quota_exceeded"
    assert taken(second, 1, 50) == 1


def test_what_is_left_is_told_by_the_nearest_limit() -> None:
    clock = VirtualClock()
    guard = MessageGuard(LIMITS, clock)
    assert guard.limits() == (RateLimit("requests", 20, 20, 0.0),)
    taken(guard, 5)
    assert guard.limits() == (RateLimit("requests", 20, 15, 0.5),)
    messages = TokenBucket(12, 1, clock.now())
    shared = Allowance(messages, TokenBucket(1, 1, clock.now()))
    both = MessageGuard(LIMITS, clock, shared=shared)
    assert both.limits() == (RateLimit("requests", 12, 12, 0.0),)
    messages.take(10, clock.now())  # by another conversation of the key
    assert both.limits() == (RateLimit("requests", 12, 2, 10.0),)


def test_nonsense_is_told_a_while_then_silently_dropped_then_ended() -> None:
    clock, counted = VirtualClock(), list[str]()
    guard = MessageGuard(LIMITS, clock, count=counted.append)
    verdicts = [guard.refused("invalid_json") for _ in range(51)]
    assert verdicts.count(Verdict.TELL) == TOLD_AT_ONCE
    assert verdicts.count(Verdict.SILENCE) == 50 - TOLD_AT_ONCE
    assert verdicts[-1] is Verdict.END
    assert counted == 51 * ["invalid_json"]


def test_one_good_message_starts_the_count_anew() -> None:
    clock = VirtualClock()
    guard = MessageGuard(LIMITS, clock)
    for _ in range(10):
        assert Verdict.END not in [guard.refused("x") for _ in range(50)]
        guard.accepted()
        clock.advance(1.0)
    assert guard.refused("x") is Verdict.TELL
