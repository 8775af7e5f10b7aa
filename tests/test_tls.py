"""TLS of our own listener: what is taken, what is refused, and nothing older than 1.2."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from certificates import make_certificate

from visavis.pipelines.access.tls import tls_context
from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import ServerSettings


def test_a_certificate_and_its_key(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    context = tls_context(ServerSettings(tls_certificate=str(certificate), tls_key=str(key)))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls_context(ServerSettings()) is None


def test_a_key_with_a_password(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, password="open sesame")

    def with_password(password: str) -> ServerSettings:
        return ServerSettings(
            tls_certificate=str(certificate), tls_key=str(key), tls_key_password=password
        )

    assert tls_context(with_password("open sesame"))
    with pytest.raises(ConfigError, match="can't be used") as caught:
        tls_context(with_password("wrong words"))
    assert "wrong words" not in str(caught.value)


def test_files_that_can_not_be_used(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    with pytest.raises(ConfigError, match="nowhere.pem' does not exist"):
        tls_context(ServerSettings(tls_certificate=str(certificate), tls_key="nowhere.pem"))
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = make_certificate(other)
    with pytest.raises(ConfigError, match="belong together"):
        tls_context(ServerSettings(tls_certificate=str(certificate), tls_key=str(foreign)))
    with pytest.raises(ConfigError, match="set both"):
        tls_context(ServerSettings(tls_key="key.pem"))
