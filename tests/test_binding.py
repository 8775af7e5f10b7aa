"""Secure by default: who may listen beyond this machine."""

from __future__ import annotations

import pytest

from visavis.pipelines.access.binding import FLAG, check_binding, warnings
from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import AccessSettings, ServerSettings, Settings

PUBLIC = Settings(server=ServerSettings(host="0.0.0.0"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "talk.example"])
def test_beyond_this_machine_it_needs_keys_or_the_word(host: str) -> None:
    server = ServerSettings(host=host)
    with pytest.raises(ConfigError) as caught:
        check_binding(Settings(server=server), needs_key=False)
    for part in (host, "visavis key", "access.api_keys_file", FLAG):
        assert part in str(caught.value)
    check_binding(Settings(server=server), needs_key=True)
    told = AccessSettings(allow_anyone_on_the_network=True)
    check_binding(Settings(server=server, access=told), needs_key=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_this_machine_nothing_is_asked_and_nothing_warned_of(host: str) -> None:
    settings = Settings(server=ServerSettings(host=host))
    check_binding(settings, needs_key=False)
    assert warnings(settings, needs_key=False) == []


def test_what_is_open_is_told() -> None:
    told = warnings(PUBLIC, needs_key=False)
    assert len(told) == 2 and "Anyone" in told[0] and "unencrypted" in told[1]
    wide = ServerSettings(host="0.0.0.0", allowed_origins=("*",), trusted_proxies=("10.0.0.1",))
    assert warnings(Settings(server=wide), needs_key=True) == [
        "Pages of every origin may connect: server.allowed_origins has '*'."
    ]
    tls = ServerSettings(host="0.0.0.0", tls_certificate="c.pem")
    assert warnings(Settings(server=tls), needs_key=True) == []
