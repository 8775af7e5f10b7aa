"""The JSON schema of a Python function's arguments, from its signature, and its arguments checked.

What a language model is told of a tool. msgspec describes and checks the types, so whatever it
knows (texts, numbers, enumerations, `Literal`, dataclasses, lists, optional values) may be used.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..runtime.errors import BadInput, ConfigError

MAX_ARGUMENTS = 65_536
"""Characters of the arguments of one call."""


class Signature:
    """What a function takes."""

    def __init__(self, function: Callable[..., object]) -> None:
        """Raises `ConfigError` for a function no model can call: a positional-only or unnamed
        argument, or one without a type."""
        name = getattr(function, "__name__", repr(function))
        self._struct = msgspec.defstruct(
            "Arguments", _fields(function, name), kw_only=True, forbid_unknown_fields=True
        )
        try:
            self.schema = _schema(self._struct)
        except TypeError as error:
            raise ConfigError(
                f"the tool {name!r} takes what JSON can't say ({error}): use texts, numbers, lists, "
                "Literal, Enum or dataclasses"
            ) from error

    def arguments(self, given: str) -> dict[str, object]:
        """The keyword arguments in a model's JSON. Raises `BadInput` with what is wrong, in words
        that help the model to try again."""
        if len(given) > MAX_ARGUMENTS:
            raise BadInput(f"the arguments have {len(given)} characters: at most {MAX_ARGUMENTS}")
        try:
            value = msgspec.json.decode(given.strip() or "{}", type=self._struct)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadInput(f"the arguments can't be used: {error}") from error
        return {name: getattr(value, name) for name in self._struct.__struct_fields__}


def _fields(function: Callable[..., object], name: str) -> list[tuple[str, Any, Any]]:
    """(name, type, default) as msgspec takes them: any annotation."""
    types = typing.get_type_hints(function, include_extras=True)
    fields: list[tuple[str, Any, Any]] = []
    for argument in inspect.signature(function).parameters.values():
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            raise ConfigError(
                f"the tool {name!r} takes {argument}: a model gives arguments by name, one by one"
            )
        if argument.name not in types:
            raise ConfigError(
                f"the tool {name!r} does not say what {argument.name!r} is: write a type, for "
                f"example {argument.name}: str"
            )
        default = msgspec.NODEFAULT if argument.default is argument.empty else argument.default
        if isinstance(default, list | dict | set):
            raise ConfigError(f"the default of {argument.name!r} of the tool {name!r} can change")
        fields.append((argument.name, types[argument.name], default))
    return fields


def _schema(struct: type[msgspec.Struct]) -> Mapping[str, object]:
    schema = msgspec.json.schema(struct)
    definitions: dict[str, Any] = schema.get("$defs", {})
    own: dict[str, Any] = definitions.pop("Arguments")
    schema = {
        "type": "object",
        "properties": own.get("properties", {}),
        "required": own.get("required", []),
        "additionalProperties": False,
    }
    return schema | ({"$defs": definitions} if definitions else {})


def description(function: Callable[..., object]) -> str:
    """Its docstring, in one line per paragraph."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).strip()
