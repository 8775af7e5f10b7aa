"""Whether a request was signed by the provider it says it comes from. Knows no sockets, no clock."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

MAX_AGE_S = 10
"""Of a Genesys signature, as in the reference implementation."""
MAX_SKEW_S = 3
MIN_NONCE = 22
GENESYS_COMPONENTS = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
"""What must have been signed."""
_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=(\((?:[^()]*)\)[^,]*)\s*")
_SIGNATURE = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*")
_COMPONENT = re.compile(r'"([^"\\]*)"')
_PARAMETER = re.compile(r';([a-z*][a-z0-9_.*-]*)=(?:"((?:[^"\\]|\\.)*)"|(\d{1,15}))')


def twilio_signature(auth_token: str, url: str) -> str:
    """`X-Twilio-Signature` of a WebSocket request: HMAC-SHA1 of its address, in base64."""
    digest = hmac.new(auth_token.encode(), url.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_from_twilio(auth_token: str, url: str, signature: str) -> bool:
    """Whether `signature` is Twilio's for `url`, spelled with wss or https, with or without a final
    slash or the scheme's own port: what stands in the TwiML is what was signed."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    ports = [f":{parts.port}"] if parts.port not in (None, 443) else ["", ":443"]
    path = parts.path.rstrip("/")
    query = f"?{parts.query}" if parts.query else ""
    found = False
    for scheme in ("wss", "https"):
        for port in ports:
            for end in ("", "/"):
                wanted = twilio_signature(auth_token, f"{scheme}://{host}{port}{path}{end}{query}")
                found |= hmac.compare_digest(wanted.encode(), signature.encode())
    return found


def genesys_problem(
    headers: Mapping[str, str], target: str, secret: bytes, api_key: str, now: float
) -> str | None:
    """Why an AudioHook upgrade request is not believed; None when it is.

    `headers` have lower-case names or ignore their case; `target` is path and query; `secret` are
    the bytes of the client secret; `now` in Unix seconds. The scheme is draft 11 of HTTP message
    signatures with hmac-sha256.
    """
    member = _MEMBER.fullmatch(headers.get("signature-input", ""))
    signature = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if member is None or signature is None or member[1] != signature[1]:
        return "it has no signature that can be read"
    inner, _, tail = member[2].partition(")")
    names = _COMPONENT.findall(inner)
    missing = [name for name in GENESYS_COMPONENTS if name not in names]
    if missing:
        return f"{', '.join(missing)} are not signed"
    if len(set(names)) != len(names) or _COMPONENT.sub("", inner[1:]).strip():
        return "the list of what is signed can't be read"
    if _PARAMETER.sub("", tail).strip():
        return "the parameters of the signature can't be read"
    parameters = {name: text or number for name, text, number in _PARAMETER.findall(tail)}
    problem = _parameter_problem(parameters, api_key, now)
    if problem is not None:
        return problem
    lines: list[str] = []
    for name in names:
        value = _component(name, headers, target)
        if value is None:
            return f"{name[:40]} is signed and not there"
        lines.append(f'"{name}": {value}')
    lines.append(f'"@signature-params": {member[2].strip()}')
    wanted = hmac.new(secret, "\n".join(lines).encode(), hashlib.sha256).digest()
    try:
        given = binascii.a2b_base64(signature[2], strict_mode=True)
    except (binascii.Error, ValueError):
        return "the signature is not base64"
    return None if hmac.compare_digest(wanted, given) else "the signature is wrong"


def _parameter_problem(parameters: Mapping[str, str], api_key: str, now: float) -> str | None:
    if parameters.get("alg", "hmac-sha256") != "hmac-sha256":
        return "it is not signed with hmac-sha256"
    if not hmac.compare_digest(parameters.get("keyid", "").encode(), api_key.encode()):
        return "keyid is not the X-API-KEY"
    if len(parameters.get("nonce", "")) < MIN_NONCE:
        return f"the nonce has fewer than {MIN_NONCE} characters"
    created, expires = parameters.get("created", ""), parameters.get("expires", "")
    if not created.isdigit():
        return "it is not said when it was signed"
    if int(created) > now + MAX_SKEW_S:
        return "it was signed in the future: set the clocks"
    if now - int(created) > MAX_AGE_S + MAX_SKEW_S:
        return f"it was signed more than {MAX_AGE_S} s ago"
    if expires.isdigit() and int(expires) < now - MAX_SKEW_S:
        return "the signature has expired"
    return None


def _component(name: str, headers: Mapping[str, str], target: str) -> str | None:
    if name == "@request-target":
        return target
    if name == "@authority":
        return headers.get("host", "").strip().lower().removesuffix(":443")
    if name.startswith("@"):
        return None
    value = headers.get(name)
    return None if value is None else value.strip()
