import pytest

from visavis.pipelines.origins import Origins, is_loopback

LOCAL = Origins((), "127.0.0.1")
PUBLIC = Origins(("https://shop.example",), "0.0.0.0")


@pytest.mark.parametrize(
    ("rule", "origin", "host", "allowed"),
    [
        (LOCAL, None, "127.0.0.1:8765", True),
        (LOCAL, "http://127.0.0.1:8765", "127.0.0.1:8765", True),
        (LOCAL, "http://localhost:3000", "127.0.0.1:8765", True),
        (LOCAL, "https://evil.example", "127.0.0.1:8765", False),
        (LOCAL, "http://evil.example:8765", "evil.example:8765", False),  # DNS rebinding
        (LOCAL, "null", "127.0.0.1:8765", False),
        (LOCAL, "http://[::1", "127.0.0.1:8765", False),
        (PUBLIC, "https://shop.example", "talk.example", True),
        (PUBLIC, "https://talk.example", "talk.example", True),
        (PUBLIC, "https://evil.example", "talk.example", False),
        (Origins(("*",), "0.0.0.0"), "https://any.example", "talk.example", True),
    ],
)
def test_who_may_connect(rule: Origins, origin: str | None, host: str, allowed: bool) -> None:
    assert rule.allows(origin, host) is allowed


def test_loopback_names() -> None:
    assert is_loopback("localhost") and is_loopback("127.9.9.9") and is_loopback("::1")
    assert not is_loopback("0.0.0.0") and not is_loopback("localhost.example")
