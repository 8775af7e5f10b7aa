"""Signatures of Twilio and Genesys: known ones, and every way to be wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.transports.telephony.signatures import (
    GENESYS_COMPONENTS,
    genesys_problem,
    is_from_twilio,
    twilio_signature,
)

TOKEN = "12345"
URL = "wss://voice.example/v1/telephony/twilio"
SECRET = b"TheSecretOfTheClient"
KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
NOW = 1_760_000_000.0
TARGET = "/v1/telephony/genesys?x=1"
HEADERS = {
    "host": "Voice.example",
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "audiohook-correlation-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "x-api-key": KEY,
}


def test_twilio_signs_the_address() -> None:
    wanted = base64.b64encode(hmac.new(b"12345", URL.encode(), hashlib.sha1).digest()).decode()
    assert twilio_signature(TOKEN, URL) == wanted
    for spelling in (URL, URL + "/", URL.replace("wss", "https"), URL.replace("ple/", "ple:443/")):
        assert is_from_twilio(TOKEN, URL, twilio_signature(TOKEN, spelling))
    assert is_from_twilio(TOKEN, "wss://h:8443/p", twilio_signature(TOKEN, "wss://h:8443/p"))


@pytest.mark.parametrize(
    "signature",
    ["", "x", twilio_signature("other", URL), twilio_signature(TOKEN, URL + "x"), "é"],
)
def test_twilio_is_not_somebody_else(signature: str) -> None:
    assert not is_from_twilio(TOKEN, URL, signature)


def signed(
    headers: dict[str, str] | None = None,
    *,
    secret: bytes = SECRET,
    components: tuple[str, ...] = GENESYS_COMPONENTS,
    created: float = NOW,
    expires: float = NOW + 30,
    nonce: str = "VGhpc0lzQVVuaXF1ZU5vbmNl",
    keyid: str = KEY,
    alg: str = "hmac-sha256",
) -> dict[str, str]:
    """Headers as the reference implementation's builder makes them."""
    headers = dict(headers or HEADERS)
    values = {"@request-target": TARGET, "@authority": "voice.example", **headers}
    parameters = (
        f"({' '.join(f'{chr(34)}{name}{chr(34)}' for name in components)})"
        f';keyid="{keyid}";nonce="{nonce}";alg="{alg}"'
        f";created={int(created)};expires={int(expires)}"
    )
    lines = [f'"{name}": {values.get(name, "")}' for name in components]
    lines.append(f'"@signature-params": {parameters}')
    digest = hmac.new(secret, "\n".join(lines).encode(), hashlib.sha256).digest()
    headers["signature-input"] = f"sig1={parameters}"
    headers["signature"] = f"sig1=:{base64.b64encode(digest).decode()}:"
    return headers


def problem(headers: dict[str, str]) -> str | None:
    return genesys_problem(headers, TARGET, SECRET, KEY, NOW)


def test_genesys_is_believed() -> None:
    assert problem(signed()) is None
    assert problem(signed(created=NOW - 9)) is None


def test_a_signature_of_the_reference_implementation_is_believed() -> None:
    """Made once by the builder of purecloudlabs' audiohook-reference-implementation."""
    components = " ".join(f'"{name}"' for name in GENESYS_COMPONENTS)
    headers = {
        **HEADERS,
        "signature-input": f"sig1=({components})"
        f';keyid="{KEY}";nonce="CMYBU6BixIYuUegwKtQSB0Cx";alg="hmac-sha256"'
        ";created=1795483044;expires=1795483074",
        "signature": "sig1=:ED/TW8G3NJTg8ryB2APdXKtKPFsxQMVmFQ24vgwd8wg=:",
    }
    assert genesys_problem(headers, TARGET, SECRET, KEY, 1_795_483_045) is None
    assert genesys_problem(headers, "/other", SECRET, KEY, 1_795_483_045) is not None


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (dict(HEADERS), "no signature"),
        (signed(secret=b"other"), "wrong"),
        (signed(components=GENESYS_COMPONENTS[:-1]), "x-api-key are not signed"),
        (signed(created=NOW - 60), "more than 10 s ago"),
        (signed(created=NOW + 60), "future"),
        (signed(expires=NOW - 5), "expired"),
        (signed(nonce="short"), "nonce"),
        (signed(keyid="other"), "keyid"),
        (signed(alg="rsa"), "hmac-sha256"),
        ({**signed(), "audiohook-session-id": "another"}, "wrong"),
        ({**signed(), "host": "evil.example"}, "wrong"),
        ({**signed(), "signature": "sig2=:AAAA:"}, "no signature"),
        ({**signed(), "signature": "sig1=:A:"}, "base64"),
        ({**signed(), "signature-input": 'sig1=("a" b);created=1'}, "not signed"),
        (signed(components=(*GENESYS_COMPONENTS, "x-absent")), "not there"),
        (signed(components=(*GENESYS_COMPONENTS, "x-api-key")), "list of what is signed"),
    ],
)
def test_genesys_is_not_somebody_else(headers: dict[str, str], why: str) -> None:
    found = problem(headers)
    assert found is not None and why in found


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_headers_are_answered(signature: str, members: str) -> None:
    headers = {**HEADERS, "signature": signature, "signature-input": members}
    assert problem(headers) is not None
