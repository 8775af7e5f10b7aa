"""No secret reaches a log, whatever an exception quotes."""

from __future__ import annotations

import io
import logging

import pytest

from visavis.pipelines.access.redact import HIDDEN, RedactingFormatter, redact

SECRET = "Zm9vYmFyYmF6cXV4cXV1eA"


@pytest.mark.parametrize(
    "text",
    [
        f"ek_{SECRET}.{SECRET}",
        f"sk-visavis-{SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"headers [(b'authorization', b'Bearer {SECRET}')]",
        f"'authorization': '{SECRET}'",
        f"realtime, openai-insecure-api-key.{SECRET}, x",
        f"GET /v1/realtime?token={SECRET}&model=x",
        f"turn_credential='{SECRET}'",
        f'"api-key": "{SECRET}"',
        f"api_key={SECRET}",
        f"password = {SECRET}",
        f"a=ice-pwd:{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_struck_out(text: str) -> None:
    assert SECRET not in redact(text)
    assert HIDDEN in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "task-1 opened risk-free, basket",
        "the API key (24 characters) is not one of this server's",
        "tokens: 12, seek_to=3",
        "a=ice-ufrag:abcd",
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    assert redact(text) == text


def test_tracebacks_stacks_and_arguments_are_gone_through() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(message)s"))
    log = logging.Logger("test of redaction")  # noqa: LOG001 - no other test may meet it
    log.addHandler(handler)
    try:
        try:
            raise KeyError(f"Bearer {SECRET}")
        except KeyError as inner:
            raise ValueError(f"can't parse ek_{SECRET}.{SECRET}") from inner
    except ValueError:
        log.exception("failed for %s", {"authorization": f"Bearer {SECRET}"}, stack_info=True)
    written = stream.getvalue()
    assert "Traceback" in written and "Stack" in written and "can't parse" in written
    assert SECRET not in written
