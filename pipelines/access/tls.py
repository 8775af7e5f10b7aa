"""TLS of our own listener: a certificate, a key, and nothing older than TLS 1.2 (RFC 8996)."""

from __future__ import annotations

import ssl

from ...runtime.errors import ConfigError
from ...runtime.settings import ServerSettings


def tls_context(server: ServerSettings) -> ssl.SSLContext | None:
    """None without a certificate. Reads files. Raises `ConfigError`."""
    if not server.tls_certificate:
        if server.tls_key:
            raise ConfigError(
                f"server.tls_key is {server.tls_key!r} and server.tls_certificate is empty: set "
                "both, or none and let a proxy speak TLS"
            )
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a password OpenSSL would ask for one on the terminal, and wait.
    password = server.tls_key_password
    try:
        context.load_cert_chain(
            server.tls_certificate, server.tls_key or None, password=lambda: password
        )
    except FileNotFoundError as error:
        raise ConfigError(
            f"server.tls_certificate {server.tls_certificate!r} or server.tls_key "
            f"{server.tls_key!r} does not exist: give the paths of two PEM files"
        ) from error
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ConfigError(
            f"server.tls_certificate {server.tls_certificate!r} and server.tls_key "
            f"{server.tls_key!r} can't be used ({reason}): they must be PEM files that belong "
            "together, and server.tls_key_password right"
        ) from None
    context.set_alpn_protocols(["http/1.1"])
    return context
