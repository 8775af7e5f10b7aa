"""How many conversations of one address may be just beginning: a handshake is work for everybody.

An address is an IPv4 address, or the /64 network that one IPv6 client chooses its addresses from.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter

from .errors import AccessError


@functools.lru_cache(4096)  # every request asks, and most ask for the same few
def network_of(address: str | None) -> str:
    """What counts as one client."""
    if not address:
        return ""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)


class PerAddress:
    """Counts what one address has under way. Nothing is kept of those that have nothing."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._counts.total()

    def enter(self, address: str | None) -> bool:
        """One more, or False when there are enough. `leave` gives it back."""
        name = network_of(address)
        if self._counts[name] >= self.limit:
            return False
        self._counts[name] += 1
        return True

    def leave(self, address: str | None) -> None:
        """One less."""
        name = network_of(address)
        self._counts[name] -= 1
        if self._counts[name] <= 0:
            del self._counts[name]

    def too_many(self) -> AccessError:
        """Why one more may not enter."""
        return AccessError(
            429,
            "too_many_handshakes",
            f"{self.limit} conversations of your address are being opened already: wait for one of "
            "them (the operator can raise limits.handshakes_per_address)",
            retry_after_s=2.0,
        )
