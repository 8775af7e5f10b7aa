"""Malformed by construction, the same from the same seed, and refused everywhere."""

from __future__ import annotations

import random

import pytest

from visavis.latency_bench.nonsense import GOOD_OFFER, bad_message, bad_offer, random_message
from visavis.runtime.errors import BadInput
from visavis.transports.json_messages import parse
from visavis.transports.webrtc.signalling import check_offer


def test_the_same_seed_makes_the_same() -> None:
    assert [bad_offer(n) for n in range(40)] == [bad_offer(n) for n in range(40)]
    assert [bad_message(n) for n in range(40)] == [bad_message(n) for n in range(40)]
    assert bad_offer(0, seed=2) != bad_offer(0, seed=3)
    assert parse(random_message(random.Random(1)), 1 << 20)["type"]


def test_only_what_only_aiortc_can_find_passes_the_checks() -> None:
    check_offer(GOOD_OFFER)
    passed: set[int] = set()
    for number in range(1000):
        try:
            check_offer(bad_offer(number).decode("utf-8", "replace"))
            passed.add(number % 20)
        except BadInput as error:
            assert 0 < len(str(error)) < 600 and error.code
    assert passed <= {4}


def test_most_messages_are_no_messages_at_all() -> None:
    refused = 0
    for number in range(200):
        try:
            parse(bad_message(number), 1 << 18)
        except BadInput as error:
            refused += 1
            assert 0 < len(str(error)) < 600
    assert refused >= 80


@pytest.mark.parametrize("number", range(20))
def test_every_kind_is_text(number: int) -> None:
    assert isinstance(bad_message(number), str) and isinstance(bad_offer(number), bytes)
