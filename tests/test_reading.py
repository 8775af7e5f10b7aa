"""What a provider's message is read as, and what it is refused for."""

from __future__ import annotations

import pytest

from visavis.runtime.errors import BadInput
from visavis.transports.telephony import reading
from visavis.transports.telephony.line import BROKEN, TOO_LARGE, Encoding


def test_numbers_digits_and_texts() -> None:
    assert [reading.number(value, "n") for value in (None, 7, "7", "0")] == [None, 7, 7, 0]
    assert [reading.digit(value) for value in ("a", 5, "#")] == ["A", "5", "#"]
    assert reading.texts({"a": "b", "c": 4, 5: "d"}) == {"a": "b"}
    assert reading.texts(None) == {}
    assert reading.child({"a": {"b": 1}}, "a") == {"b": 1}
    assert reading.child({"a": 4}, "a") == {}


@pytest.mark.parametrize("value", ["", "-1", "1.5", "١", "9" * 16, -1, 1 << 50])
def test_what_is_no_number(value: int | str) -> None:
    with pytest.raises(BadInput, match="n is"):
        reading.number(value, "n")


def test_sizes() -> None:
    with pytest.raises(BadInput) as large:
        reading.text("x" * 70_000, "X")
    assert large.value.code == TOO_LARGE
    with pytest.raises(BadInput) as audio:
        reading.whole(bytes(70_000), Encoding.MULAW)
    assert audio.value.code == TOO_LARGE
    with pytest.raises(BadInput) as payload:
        reading.base64("A" * 100_000)
    assert payload.value.code == TOO_LARGE
    with pytest.raises(BadInput, match="65 parameters"):
        reading.texts({str(n): "x" for n in range(65)})


@pytest.mark.parametrize("text", ["", "nul", "[1]", "[" * 60_000, '{"a": ' * 10_000, "\ud800"])
def test_what_is_no_object(text: str) -> None:
    with pytest.raises(BadInput) as error:
        reading.fields(text)
    assert error.value.code == BROKEN
