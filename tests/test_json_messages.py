"""What may come over a wire and what may not."""

from __future__ import annotations

import json

import pytest

from visavis.runtime.errors import BadInput
from visavis.transports.json_messages import MAX_DEPTH, MAX_VALUES, encode, parse


def test_a_message_is_an_object_with_a_type() -> None:
    assert parse('{"type": "x", "n": [1, 2.5, null]}', 1000) == {"type": "x", "n": [1, 2.5, None]}
    assert parse(b'{"type": "x"}', 1000) == {"type": "x"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("ping: 12", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        ('{"type": "\ud800"}', "invalid_json"),
        ('{"type": NaN}', "invalid_json"),
        ("[1]", "invalid_message"),
        ("7", "invalid_message"),
        ("null", "invalid_message"),
        ('"text"', "invalid_message"),
        ("{}", "invalid_value"),
        ('{"type": 3}', "invalid_value"),
        ('{"type": {}}', "invalid_value"),
        ('{"type": "x", "a": "' + 1000 * "y" + '"}', "message_too_large"),
        ('{"type":"x","a":' + 40 * "[" + 40 * "]" + "}", "json_too_deep"),
        (400 * "[" + 400 * "]", "invalid_message"),
    ],
)
def test_anything_else_is_refused_with_a_reason(data: str | bytes, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(data, 1000)
    assert caught.value.code == code


def test_nesting_without_end_does_not_end_the_process() -> None:
    with pytest.raises(BadInput):
        parse(100_000 * '{"a":', 10_000_000)
    with pytest.raises(BadInput):
        parse('{"type":"x","a":' + 100_000 * "[" + 100_000 * "]" + "}", 10_000_000)


def values(count: int, each: str = "1") -> str:
    return '{"type":"x","a":[' + ",".join(count * [each]) + "]}"


@pytest.mark.parametrize("each", ["1", "[]", '"a"'])
def test_a_message_of_very_many_values_is_refused_before_it_is_read(each: str) -> None:
    for data in (values(MAX_VALUES + 1, each), values(300_000, each).encode()):
        with pytest.raises(BadInput, match=f"at most {MAX_VALUES}") as caught:
            parse(data, 10_000_000)
        assert caught.value.code == "too_many_values"
    assert parse(values(4000, each), 10_000_000)["type"] == "x"


def test_commas_and_brackets_of_a_text_are_no_values() -> None:
    prose = json.dumps({"type": "x", "a": 2 * MAX_VALUES * 'a, [b] "{c}" \\'})[:130_000]
    for data in (prose.rstrip("\\") + '"}', (prose.rstrip("\\") + '"}').encode()):
        assert parse(data, 10_000_000)["type"] == "x"


def test_depth_is_counted_exactly() -> None:
    fits = '{"type":"x","a":' + (MAX_DEPTH - 1) * "[" + (MAX_DEPTH - 1) * "]" + "}"
    assert parse(fits, 1000)["type"] == "x"


def test_every_message_out_has_its_own_event_id() -> None:
    one, two = json.loads(encode({"type": "x"})), json.loads(encode({"type": "x"}))
    assert one["event_id"].startswith("event_") and one["event_id"] != two["event_id"]
    assert json.loads(encode({"type": "x", "event_id": "mine"}))["event_id"] == "mine"
