"""Client secrets: signed, scoped, ending; nothing of theirs can be changed."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.pipelines.access.errors import AccessError
from visavis.pipelines.access.grant import Scope
from visavis.pipelines.access.secrets import (
    KEPT_SECRETS,
    MAX_CHARACTERS,
    MAX_SESSION_BYTES,
    SecretMaker,
)

TALK = frozenset({Scope.TALK})
NOW = 1_800_000_000.0
SIGNING = "a signing key of more than 32 characters"
MAKER = SecretMaker(SIGNING)


def refusal(maker: SecretMaker, value: str, now: float = NOW, grace_s: float = 0.0) -> str:
    with pytest.raises(AccessError) as caught:
        maker.check(value, now, grace_s=grace_s)
    assert caught.value.status == 401
    assert value not in str(caught.value)
    return caught.value.code


def test_it_says_who_made_it_for_what_and_until_when() -> None:
    session = {"type": "realtime", "instructions": "be brief"}
    made = MAKER.make("key_1", TALK, session, 60, NOW)
    assert made.expires_at == NOW + 60
    assert made.value.startswith("ek_") and made.value not in repr(made)
    claims = SecretMaker(SIGNING).check(made.value, NOW + 59)  # another process, the same key
    assert (claims.key_id, claims.scopes, claims.session) == ("key_1", TALK, session)
    assert refusal(MAKER, made.value, NOW + 62) == "expired_client_secret"
    assert MAKER.check(made.value, NOW + 100, grace_s=60).key_id == "key_1"
    assert refusal(MAKER, made.value, NOW + 200, grace_s=60) == "expired_client_secret"
    assert refusal(SecretMaker(), made.value) == "invalid_client_secret"


@pytest.mark.parametrize("seconds", [9, 7201, -1])
def test_how_long_it_may_last(seconds: int) -> None:
    with pytest.raises(AccessError, match="10 to 7200") as caught:
        MAKER.make("key_1", TALK, None, seconds, NOW)
    assert (caught.value.status, caught.value.param) == (400, "expires_after.seconds")


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_byte_of_it_can_be_changed(at: int, by: int) -> None:
    value = MAKER.make("key_1", TALK, {"a": 1}, 60, NOW).value
    body, _, signature = value.removeprefix("ek_").partition(".")
    raw = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raw[at % len(raw)] ^= by
    forged = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert refusal(MAKER, f"ek_{forged}.{signature}") == "invalid_client_secret"


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    assert refusal(MAKER, f"ek_{text}") == "invalid_client_secret"


def test_a_signature_without_claims_and_a_giant() -> None:
    assert refusal(MAKER, "ek_.") == "invalid_client_secret"
    assert refusal(MAKER, "ek_" + MAX_CHARACTERS * "a" + ".b") == "invalid_client_secret"
    assert MAKER.is_like("ek_a.b") and not MAKER.is_like("ek_ab") and not MAKER.is_like("a.b")


def noise(size: int) -> dict[str, object]:
    return {"tools": base64.b64encode(os.urandom(size)).decode()}


def test_a_large_session_stays_here() -> None:
    maker, session = SecretMaker(SIGNING), noise(20_000)
    small, large = (
        maker.make("k", TALK, noise(2000), 60, NOW),
        maker.make("k", TALK, session, 60, NOW),
    )
    assert len(large.value) < len(small.value) < MAX_CHARACTERS
    assert maker.check(large.value, NOW).session == session
    assert refusal(SecretMaker(SIGNING), large.value) == "unknown_client_secret"
    assert SecretMaker(SIGNING).check(large.value, NOW + 70, grace_s=60).session is None


def test_what_stays_here_is_bounded_and_leaves_with_its_secret() -> None:
    maker = SecretMaker(SIGNING)
    for _ in range(KEPT_SECRETS):
        maker.make("k", TALK, noise(4000), 60, NOW)
    with pytest.raises(AccessError, match="under way") as caught:
        maker.make("k", TALK, noise(4000), 60, NOW)
    assert (caught.value.status, caught.value.code) == (429, "too_many_client_secrets")
    maker.make("k", TALK, noise(4000), 60, NOW + 100)


def test_a_session_that_is_too_large() -> None:
    with pytest.raises(AccessError, match=f"at most {MAX_SESSION_BYTES}"):
        MAKER.make("k", TALK, {"a": MAX_SESSION_BYTES * "x"}, 60, NOW)
