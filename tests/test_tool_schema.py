"""What a model is told of a Python function, and what it may give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal

import msgspec
import pytest

from visavis.pipelines.tool_schema import Signature, description
from visavis.runtime.errors import BadInput, ConfigError


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Address:
    street: str
    number: int = 1


def order(
    what: str,
    count: Annotated[int, msgspec.Meta(ge=1, description="How many.")] = 1,
    size: Size = Size.SMALL,
    *,
    how: Literal["fast", "slow"] | None = None,
    to: Address | None = None,
) -> str:
    """Orders something.

    It is delivered
    the same day.
    """
    return what


def test_the_schema_is_that_of_the_signature() -> None:
    schema = Signature(order).schema
    assert schema["type"] == "object" and schema["required"] == ["what"]
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["what"] == {"type": "string"}
    assert properties["count"]["minimum"] == 1 and properties["count"]["default"] == 1
    assert properties["count"]["description"] == "How many."
    assert "Size" in str(properties["size"]) and "Address" in schema["$defs"]  # type: ignore[operator]


def test_arguments_are_checked_and_made() -> None:
    given = '{"what": "tea", "size": "large", "to": {"street": "High"}}'
    assert Signature(order).arguments(given) == {
        "what": "tea",
        "count": 1,
        "size": Size.LARGE,
        "how": None,
        "to": Address("High"),
    }
    assert Signature(lambda: None).arguments("") == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{}", "missing required field `what`"),
        ('{"what": 3}', r"Expected `str`, got `int` - at `\$.what`"),
        ('{"what": "x", "count": 0}', ">= 1"),
        ('{"what": "x", "colour": "red"}', "unknown field `colour`"),
        ('{"what": "x", "how": "now"}', "Invalid enum value 'now'"),
        ("[]", "Expected `object`"),
        ('{"what": ', "truncated"),
        ("[" * 20_000, "can't be used"),
        ('"' + "x" * 65_536 + '"', "65538 characters"),
    ],
)
def test_what_cant_be_used_is_told_in_words(given: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        Signature(order).arguments(given)


def test_a_docstring_is_the_description() -> None:
    assert description(order) == "Orders something.\nIt is delivered the same day."
    assert description(lambda: None) == ""


def test_functions_no_model_can_call_are_refused() -> None:
    def untyped(what: str) -> None:
        pass

    del untyped.__annotations__["what"]

    def many(*what: str) -> None:
        pass

    def changing(what: list[str] = []) -> None:  # noqa: B006
        pass

    def strange(what: complex) -> None:
        pass

    cases: tuple[tuple[Callable[..., object], str], ...] = (
        (untyped, "does not say what 'what' is"),
        (many, "by name, one by one"),
        (changing, "can change"),
        (strange, "what JSON can't say"),
    )
    for function, told in cases:
        with pytest.raises(ConfigError, match=told):
            Signature(function)
