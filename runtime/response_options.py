"""What a client wants of one response: the `response` object of response.create, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from .audio_path import AudioFormat
from .errors import BadInput
from .item_input import NewItem, read_item
from .realtime_config import (
    MAX_INSTRUCTIONS,
    MAX_TOOLS,
    FunctionTool,
    Modality,
    SessionConfig,
    ToolChoice,
    VoiceId,
    WireFormat,
    check_tools,
    convert,
)

MAX_METADATA = 16
"""Entries of a response's metadata (the published limit)."""
MAX_INPUT = 64
"""Items of a response's own input."""


@dataclass(frozen=True, slots=True)
class ItemReference:
    """An item of the conversation, used as input."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """None means: as the session has it."""

    modalities: tuple[Modality, ...] = ("audio",)
    instructions: str = ""
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: ToolChoice = "auto"
    max_tokens: int | None = None
    voice: str = "default"
    format: AudioFormat = AudioFormat.PCM
    metadata: Mapping[str, object] | None = None
    is_out_of_band: bool = False
    """It reads or writes nothing of the conversation."""
    input: tuple[NewItem | ItemReference, ...] | None = None
    """What it is asked instead of the conversation."""

    @property
    def has_voice(self) -> bool:
        return "audio" in self.modalities


class _Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: WireFormat | None = None
    voice: str | VoiceId | None = None


class _Audio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    output: _Output = _Output()


class _Response(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    conversation: Literal["auto", "none"] = "auto"
    metadata: dict[str, object] | None = None
    output_modalities: list[Modality] | None = None
    instructions: Annotated[str, Meta(max_length=MAX_INSTRUCTIONS)] | None = None
    tools: Annotated[list[FunctionTool], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] | None = None
    audio: _Audio = _Audio()
    input: list[object] | None = None
    prompt: dict[str, object] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, object] | None = None


def session_options(config: SessionConfig) -> ResponseOptions:
    """What a response is like that nobody says anything about."""
    voice = config.audio.output.voice
    return ResponseOptions(
        modalities=tuple(config.output_modalities),
        instructions=config.instructions,
        tools=tuple(config.tools),
        tool_choice=config.tool_choice,
        max_tokens=config.max_tokens,
        voice=voice.id if isinstance(voice, VoiceId) else voice,
        format=config.audio.output.format.kind,
    )


def read_options(fields: Mapping[str, object], config: SessionConfig) -> ResponseOptions:
    """The session's options with a response.create's laid over them. Raises `BadInput`."""
    given = {name: value for name, value in fields.items() if value is not None}
    wish = convert(given, _Response, "response")
    if wish.prompt is not None or wish.reasoning is not None:
        name = "prompt" if wish.prompt is not None else "reasoning"
        raise BadInput(
            f"response.{name} can't be had here: leave it out",
            code="unsupported_parameter",
            param=f"response.{name}",
        )
    options = session_options(config)
    if wish.output_modalities is not None:
        if len(wish.output_modalities) != 1:
            raise BadInput(
                "response.output_modalities is one of ['audio'] and ['text']",
                param="response.output_modalities",
            )
        options = replace(options, modalities=tuple(wish.output_modalities))
    if wish.instructions is not None:
        options = replace(options, instructions=wish.instructions)
    if wish.tools is not None:
        check_tools(wish.tools, "response.tools")
        options = replace(options, tools=tuple(wish.tools))
    if wish.tool_choice is not None:
        options = replace(options, tool_choice=wish.tool_choice)
    if wish.max_output_tokens is not None:
        most = None if wish.max_output_tokens == "inf" else wish.max_output_tokens
        options = replace(options, max_tokens=most)
    output = wish.audio.output
    if output.format is not None:
        options = replace(options, format=output.format.kind)
    if output.voice is not None:
        voice = output.voice.id if isinstance(output.voice, VoiceId) else output.voice
        options = replace(options, voice=voice)
    return replace(
        options,
        metadata=_metadata(wish.metadata),
        is_out_of_band=wish.conversation == "none",
        input=None if wish.input is None else _input(wish.input),
    )


def _metadata(entries: dict[str, object] | None) -> dict[str, object] | None:
    if entries is None:
        return None
    if len(entries) > MAX_METADATA or any(
        len(name) > 64 or not isinstance(value, str) or len(value) > 512
        for name, value in entries.items()
    ):
        raise BadInput(
            f"response.metadata takes {MAX_METADATA} texts of at most 512 characters under names "
            "of at most 64",
            param="response.metadata",
        )
    return entries


def _input(items: list[object]) -> tuple[NewItem | ItemReference, ...]:
    if len(items) > MAX_INPUT:
        raise BadInput(
            f"response.input has {len(items)} items: {MAX_INPUT} are the most",
            param="response.input",
        )
    read: list[NewItem | ItemReference] = []
    for index, item in enumerate(items):
        where = f"response.input[{index}]"
        if not isinstance(item, Mapping):
            raise BadInput(f"{where} is not an object", param=where)
        fields = cast(Mapping[str, object], item)
        if fields.get("type") == "item_reference":
            reference = fields.get("id")
            if not isinstance(reference, str) or not reference:
                raise BadInput(f"{where}.id is missing or not a text", param=f"{where}.id")
            read.append(ItemReference(reference))
        else:
            read.append(read_item(fields, where))
    return tuple(read)
