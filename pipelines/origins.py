"""Which web pages may open a conversation here. Knows the Origin and Host headers and nothing else.

A browser sends `Origin` with every cross-site POST, so a page somewhere else can't spend this
machine's places or listen through it. A client that is no browser sends none and is let in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """True for localhost and its addresses."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Origins:
    """The rule for one server. `listening_on` is the address it is bound to."""

    def __init__(self, allowed: Sequence[str], listening_on: str) -> None:
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)
        self._is_local = is_loopback(listening_on)

    def allows(self, origin: str | None, host: str | None) -> bool:
        """May a request with these headers open a conversation?

        Allowed: no Origin; an origin in the settings, or any if '*' is there; a page of this
        machine; our own page. A server that listens on loopback only does not believe a foreign
        name in `Host`, which is what DNS rebinding would present.
        """
        if origin is None or "*" in self._allowed or origin.lower() in self._allowed:
            return True
        try:
            name = urlsplit(origin).hostname or ""
        except ValueError:
            return False
        if is_loopback(name):
            return True
        return not self._is_local and host is not None and _authority(origin) == host.lower()


def _authority(origin: str) -> str:
    return urlsplit(origin).netloc.lower()
