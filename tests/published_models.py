"""The official SDK's own models as the judge of what we send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast, get_args

from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel

from visavis.runtime.effects import Effect, Emit, SendAudio


def _models() -> dict[str, type[BaseModel]]:
    union = get_args(RealtimeServerEvent)[0]
    found: dict[str, type[BaseModel]] = {}
    for model in get_args(union):
        for name in get_args(model.model_fields["type"].annotation):
            found[name] = model
    return found


MODELS = _models()
"""By the event's type."""


def check(message: Mapping[str, object]) -> None:
    """Raises where the published model does not take it, and for a type that is not published."""
    kind = str(message["type"])
    if kind.startswith("visavis."):
        return
    MODELS[kind].model_validate({"event_id": "event_1", **message}, strict=True)
    if "response" in message:
        model = MODELS[kind].model_fields["response"].annotation
        _check_known(model, fields_of(message, "response"), f"{kind}.response")


def fields_of(message: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An object inside a message."""
    value = message[name]
    assert isinstance(value, dict), f"{name} is {value!r}"
    return cast(Mapping[str, object], value)


def _check_known(model: object, fields: Mapping[str, object], where: str) -> None:
    """Models of the SDK let unknown fields pass; we send none."""
    assert isinstance(model, type) and issubclass(model, BaseModel), where
    unknown = set(fields) - set(model.model_fields)
    assert not unknown, f"{where}: {unknown}"


def published(effects: Iterable[Effect]) -> list[Mapping[str, object]]:
    """The published messages among the effects, each checked; audio as one delta."""
    found: list[Mapping[str, object]] = []
    for effect in effects:
        if isinstance(effect, SendAudio):
            found.append({**effect.message, "delta": "AAAA"})
        elif isinstance(effect, Emit) and not str(effect.message["type"]).startswith("visavis."):
            found.append(effect.message)
    for message in found:
        check(message)
    return found
