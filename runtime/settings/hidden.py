"""Which settings are secrets, and how a branch that holds one is shown."""

from __future__ import annotations

import msgspec

SECRETS = frozenset(
    {
        "webrtc.turn_credential",
        "webrtc.turn_secret",
        "access.api_keys",
        "access.client_secret_key",
        "server.tls_key_password",
        "language_model.api_key",
        "telephony.twilio_auth_token",
        "telephony.telnyx_token",
        "telephony.genesys_client_secret",
    }
)
"""Paths whose values are never shown."""


def without_secrets(branch: msgspec.Struct, name: str) -> str:
    """As `repr`, but a secret is not shown: settings may end up in a traceback."""
    fields = ", ".join(
        f"{field}={'(hidden)' if f'{name}.{field}' in SECRETS and value else repr(value)}"
        for field, value in msgspec.structs.asdict(branch).items()
    )
    return f"{type(branch).__name__}({fields})"
