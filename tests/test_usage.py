"""What a key may use: conversations at once, minutes of the day."""

from __future__ import annotations

import pytest

from visavis.pipelines.access.errors import AccessError
from visavis.pipelines.access.grant import EVERYTHING, Grant, KeyLimits
from visavis.pipelines.access.usage import SLICE_S, Usage


def grant(name: str = "key_1", **limits: float) -> Grant:
    return Grant(name, EVERYTHING, KeyLimits(**limits))  # type: ignore[arg-type]


def test_conversations_at_once() -> None:
    usage, mine, other = Usage(), grant(sessions=2), grant("key_2", sessions=1)
    first = usage.begin(mine, 0.0)
    usage.begin(mine, 0.0)
    with pytest.raises(AccessError, match="key_1 has 2 conversations under way") as caught:
        usage.begin(mine, 0.0)
    assert (caught.value.status, caught.value.code) == (429, "too_many_sessions")
    assert usage.begin(other, 0.0).sessions == 1
    first.sessions -= 1
    usage.begin(mine, 0.0)
    assert usage.sessions() == {"key_1": 2, "key_2": 1}


def test_minutes_of_the_day_come_back_slowly() -> None:
    usage, mine = Usage(), grant(minutes_per_day=1)
    for _ in range(round(60 / SLICE_S)):
        usage.begin(mine, 0.0)
    with pytest.raises(AccessError, match="used its 1 minutes of the day") as caught:
        usage.begin(mine, 0.0)
    assert (caught.value.status, caught.value.code) == (429, "quota_exceeded")
    wait = caught.value.retry_after_s
    assert wait is not None and wait == pytest.approx(86_400 * SLICE_S / 60)
    usage.begin(mine, wait + 1)


def test_without_limits_nothing_is_counted_against() -> None:
    usage = Usage()
    found = usage.begin(grant(), 0.0)
    for _ in range(999):
        found = usage.begin(grant(), 0.0)
    assert found.seconds is None and found.allowance.messages is None
    assert found.allowance.size is None and found.sessions == found.begun == 1000


def test_messages_and_bytes_of_a_key() -> None:
    allowance = Usage().of(grant(messages_per_s=2, mib_per_day=1), 0.0).allowance
    assert allowance.messages is not None and allowance.size is not None
    assert (allowance.messages.burst, allowance.messages.per_s) == (20, 2)
    assert allowance.size.burst == 2**20
