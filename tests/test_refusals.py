"""How often one address may be wrong, and what it is told then."""

from __future__ import annotations

import json

import pytest

from visavis.pipelines.access import refusals as module
from visavis.pipelines.access.refusals import CHARGED, TOGETHER, TOO_MANY, Refusals
from visavis.runtime.clock import VirtualClock


def test_an_address_that_was_wrong_too_often_waits_and_others_do_not() -> None:
    clock = VirtualClock(0.0)
    it = Refusals(3, 0.5, clock)
    assert not it.are_spent("192.0.2.7")
    for _ in range(3):
        assert not it.are_spent("192.0.2.7")
        it.charge("192.0.2.7", 400)
    assert it.are_spent("192.0.2.7") and it.are_spent("::ffff:192.0.2.7")
    assert not it.are_spent("192.0.2.8")
    clock.advance(2.0)
    assert not it.are_spent("192.0.2.7")  # one explanation every two seconds
    it.charge("192.0.2.7", 413)
    assert it.are_spent("192.0.2.7")


def test_of_many_addresses_that_are_wrong_together_each_waits_sooner() -> None:
    clock = VirtualClock(0.0)
    it = Refusals(10, 1.0, clock)
    for number in range(10 * TOGETHER):
        assert not it.are_spent("192.0.2.1")
        it.charge(f"192.0.2.{number % 20}", 400)  # one each
    assert it.are_spent("192.0.2.1") and it.are_spent("192.0.2.19")
    assert not it.are_spent("192.0.2.200")  # was never wrong
    clock.advance(1.0)
    assert not it.are_spent("192.0.2.1")


def test_who_has_waited_long_enough_is_forgotten() -> None:
    clock = VirtualClock(0.0)
    it = Refusals(3, 1.0, clock)
    it.charge("192.0.2.7", 400)
    clock.advance(30.0)
    assert not it.are_spent("192.0.2.7") and len(it) == 1
    clock.advance(30.0)
    assert not it.are_spent("192.0.2.7") and len(it) == 0


def test_who_was_wrong_once_and_lately_waits_when_many_are_wrong() -> None:
    clock = VirtualClock(0.0)
    it = Refusals(10, 1.0, clock)
    it.charge("192.0.2.1", 400)
    clock.advance(20.0)  # its own budget is whole again
    for number in range(10 * TOGETHER):
        it.charge(f"192.0.2.{100 + number}", 400)
    assert it.are_spent("192.0.2.1")
    assert not it.are_spent("192.0.2.2")


@pytest.mark.parametrize("status", [200, 201, 404, 405, 408, 409, 412, 428, 429, 500, 503])
def test_only_what_the_client_did_wrong_counts(status: int) -> None:
    it = Refusals(1, 1.0, VirtualClock(0.0))
    it.charge("192.0.2.7", status)
    assert status not in CHARGED and len(it) == 0


def test_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)
    it = Refusals(1, 1.0, VirtualClock(0.0))
    for number in range(30):
        it.charge(f"192.0.2.{number}", 400)
    assert len(it) == 10
    assert not it.are_spent("192.0.2.0") and it.are_spent("192.0.2.29")


def test_the_answer_says_what_to_do_and_is_whole() -> None:
    it = Refusals(60, 0.4, VirtualClock(0.0))
    error = it.error
    assert (error.status, error.code, error.retry_after_s) == (429, TOO_MANY, 2.5)
    assert "limits.refusals_per_address" in error.message and "60" in error.message
    head, _, body = it.response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 ") and b"Retry-After: 3" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["error"] == {
        "message": error.message,
        "type": "invalid_request_error",
        "code": TOO_MANY,
        "param": None,
    }
