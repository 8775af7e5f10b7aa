"""Keys are found where each client puts them; in an address only what soon ends."""

from __future__ import annotations

import pytest

from visavis.pipelines.access.errors import AccessError
from visavis.pipelines.access.presented import presented


@pytest.mark.parametrize(
    ("headers", "query", "protocols", "found"),
    [
        ({"authorization": "Bearer abc"}, {}, [], "abc"),
        ({"authorization": "bearer  abc "}, {}, [], "abc"),
        ({"api-key": "abc"}, {}, [], "abc"),
        ({"x-api-key": "abc"}, {}, [], "abc"),
        ({}, {}, ["realtime", "openai-insecure-api-key.abc", "openai-agents-sdk.1"], "abc"),
        ({}, {"client_secret": "ek_a.b"}, [], "ek_a.b"),
        ({}, {"token": "ek_a.b"}, [], "ek_a.b"),
        ({"authorization": "Bearer abc", "api-key": "d"}, {"token": "ek_a.b"}, [], "abc"),
        ({}, {"model": "x"}, ["realtime"], None),
        ({}, {"key": ""}, [], None),
    ],
)
def test_where_it_is(
    headers: dict[str, str], query: dict[str, str], protocols: list[str], found: str | None
) -> None:
    assert presented(headers, query, protocols) == found


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "abc", "Bearer  "])
def test_no_bearer_token(value: str) -> None:
    with pytest.raises(AccessError, match="Bearer <key>") as caught:
        presented({"authorization": value}, {}, [])
    assert (caught.value.status, caught.value.code) == (401, "invalid_authorization")


@pytest.mark.parametrize("name", ["client_secret", "token", "api_key", "key"])
def test_a_key_in_an_address_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(AccessError, match="where proxies log it") as caught:
        presented({}, {name: "sk-visavis-very-secret"}, [])
    assert (caught.value.status, caught.value.code) == (400, "api_key_in_url")
    assert "very-secret" not in str(caught.value)
