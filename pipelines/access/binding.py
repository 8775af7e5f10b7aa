"""Where a server may listen without asking who is there. Secure unless told otherwise in so many words."""

from __future__ import annotations

from ...runtime.errors import ConfigError
from ...runtime.settings import Settings
from ..origins import is_loopback

FLAG = "--allow-anyone-on-the-network"


def check_binding(settings: Settings, *, needs_key: bool) -> None:
    """Raises `ConfigError` for a server that others can reach and everybody may use."""
    host = settings.server.host
    if needs_key or is_loopback(host) or settings.access.allow_anyone_on_the_network:
        return
    raise ConfigError(
        f"server.host is {host}, which other machines can reach, and there is no API key: anybody "
        "could talk here, at your cost. Make a key with `visavis key` and set "
        "VISAVIS__ACCESS__API_KEYS or access.api_keys_file, or listen on 127.0.0.1; if anyone on "
        f"the network really may, say {FLAG}"
    )


def warnings(settings: Settings, *, needs_key: bool) -> list[str]:
    """What is open on this server, one sentence each; nothing for a server on this machine only."""
    server = settings.server
    if is_loopback(server.host):
        return []
    found: list[str] = []
    if not needs_key:
        found.append(
            f"Anyone who can reach {server.host} may talk: access.allow_anyone_on_the_network is on."
        )
    if not server.tls_certificate and not server.trusted_proxies:
        found.append(
            "Keys and words travel unencrypted: set server.tls_certificate and server.tls_key, or "
            "put a TLS proxy in front and name it in server.trusted_proxies."
        )
    if "*" in server.allowed_origins:
        found.append("Pages of every origin may connect: server.allowed_origins has '*'.")
    return found
