"""What one address has under way, and what counts as one address."""

from __future__ import annotations

import pytest

from visavis.pipelines.access.handshakes import PerAddress, network_of


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_one_client(address: str | None, name: str) -> None:
    assert network_of(address) == name


def test_so_many_at_a_time() -> None:
    doors = PerAddress(2)
    assert [doors.enter("192.0.2.7") for _ in range(3)] == [True, True, False]
    assert doors.enter("192.0.2.8") and len(doors) == 3
    doors.leave("192.0.2.7")
    assert doors.enter("192.0.2.7")
    for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8"):
        doors.leave(address)
    assert len(doors) == 0 and not vars(doors)["_counts"]  # nothing is kept of who left


def test_why_one_more_may_not() -> None:
    error = PerAddress(2).too_many()
    assert (error.status, error.code) == (429, "too_many_handshakes")
    assert "limits.handshakes_per_address" in str(error)
