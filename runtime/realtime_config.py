"""The `session` object of the OpenAI Realtime API (GA): its shape, its defaults, its updates.

`SessionConfig` is the checked form. What a client may not set, or what this server can't do, raises
`BadInput` with the parameter's path. Knows no event and no session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from .audio_path import AudioFormat
from .errors import BadInput

MAX_INSTRUCTIONS = 32_768
"""Characters of the instructions."""
MAX_TOOLS = 128
MAX_CONFIG_DEPTH = 8
MAX_SCHEMA_BYTES = 65_536
"""JSON bytes of one tool's parameters."""
PUBLISHED_VOICES = frozenset(
    ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
)
"""Names clients send by default; each means the one voice of this server."""

T = TypeVar("T")

Modality = Literal["text", "audio"]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not known is refused, so that a misspelt wish is told."""


class Pcm24(_Strict, frozen=True, tag_field="type", tag="audio/pcm"):
    """Signed 16-bit little-endian mono."""

    rate: Literal[24000] = 24000

    @property
    def kind(self) -> AudioFormat:
        return AudioFormat.PCM


class MuLaw(_Strict, frozen=True, tag_field="type", tag="audio/pcmu"):
    """G.711 µ-law at 8 kHz."""

    @property
    def kind(self) -> AudioFormat:
        return AudioFormat.PCMU


class ALaw(_Strict, frozen=True, tag_field="type", tag="audio/pcma"):
    """G.711 A-law at 8 kHz."""

    @property
    def kind(self) -> AudioFormat:
        return AudioFormat.PCMA


WireFormat = Pcm24 | MuLaw | ALaw


class ServerVad(_Strict, frozen=True, tag_field="type", tag="server_vad"):
    """Silence alone ends a turn."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=5_000)] = 300
    silence_duration_ms: Annotated[int, Meta(ge=0, le=20_000)] = 500
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: Annotated[int, Meta(ge=5_000, le=30_000)] | None = None


class SemanticVad(_Strict, frozen=True, tag_field="type", tag="semantic_vad"):
    """What was said, and silence, end a turn."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = ServerVad | SemanticVad


class Transcription(_Strict, frozen=True, omit_defaults=True):
    """Whether and how the client is told what was understood."""

    model: str | None = None
    language: Annotated[str, Meta(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z]{2,4})?$")] | None = None
    prompt: Annotated[str, Meta(max_length=4_096)] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    keywords: list[str] | None = None
    languages: list[str] | None = None


class NoiseReduction(_Strict, frozen=True):
    """Taken apart so that it can be refused with its path."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


class AudioInput(_Strict, frozen=True):
    """How the person is heard."""

    format: WireFormat = Pcm24()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = None


class VoiceId(_Strict, frozen=True):
    """A custom voice."""

    id: str


class AudioOutput(_Strict, frozen=True):
    """How the agent sounds."""

    format: WireFormat = Pcm24()
    voice: str | VoiceId = "default"
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = 1.0


class Audio(_Strict, frozen=True):
    """Both directions."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class FunctionTool(_Strict, frozen=True, tag_field="type", tag="function"):
    """A function of the client's that the model may call."""

    name: Name
    description: str = ""
    parameters: dict[str, object] = {}


class FunctionChoice(_Strict, frozen=True, tag_field="type", tag="function"):
    """This function must be called."""

    name: Name


ToolChoice = Literal["auto", "none", "required"] | FunctionChoice


class Tracing(_Strict, frozen=True, omit_defaults=True):
    """Labels of a trace."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: dict[str, object] | None = None


class TokenLimits(_Strict, frozen=True):
    """Part of `RetentionRatio`."""

    post_instructions: Annotated[int, Meta(ge=0)] | None = None


class RetentionRatio(_Strict, frozen=True, tag_field="type", tag="retention_ratio"):
    """How much of a full context is kept."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | None = None


class Superset(_Strict, frozen=True):
    """What is ours."""

    events: bool = True
    """`visavis.*` messages are sent."""


def _audio_only() -> list[Modality]:
    return ["audio"]


class SessionConfig(_Strict, frozen=True):
    """One session's effective configuration. See docs/realtime.md for what each field does here."""

    id: str
    model: str
    type: Literal["realtime"] = "realtime"
    object_: Literal["realtime.session"] = msgspec.field(name="object", default="realtime.session")
    output_modalities: Annotated[list[Modality], Meta(min_length=1, max_length=2)] = msgspec.field(
        default_factory=_audio_only
    )
    instructions: Annotated[str, Meta(max_length=MAX_INSTRUCTIONS)] = ""
    tools: Annotated[list[FunctionTool], Meta(max_length=MAX_TOOLS)] = []
    tool_choice: ToolChoice = "auto"
    max_output_tokens: Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] = "inf"
    audio: Audio = Audio()
    tracing: Literal["auto"] | Tracing | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    truncation: Literal["auto", "disabled"] | RetentionRatio = "auto"
    prompt: dict[str, object] | None = None
    visavis: Superset = Superset()

    @property
    def turn_detection(self) -> TurnDetection | None:
        return self.audio.input.turn_detection

    @property
    def max_tokens(self) -> int | None:
        """None for as many as the model likes."""
        return None if self.max_output_tokens == "inf" else self.max_output_tokens


def default_config(
    session_id: str, *, model: str, voice: str, has_superset: bool = True
) -> dict[str, object]:
    """The `session` object of session.created, before any wish of the client's."""
    config = SessionConfig(
        id=session_id,
        model=model,
        audio=Audio(
            input=AudioInput(
                transcription=Transcription(model=model), turn_detection=SemanticVad()
            ),
            output=AudioOutput(voice=voice),
        ),
        visavis=Superset(events=has_superset),
    )
    return as_message(config)


def as_message(config: SessionConfig) -> dict[str, object]:
    """The configuration as the client is shown it."""
    return cast(dict[str, object], msgspec.to_builtins(config))  # a Struct becomes a dict


_OURS = ("id", "object", "model", "expires_at", "client_secret")
"""Fields that a client may send back and that stay what they are."""
_NOT_HERE = ("reasoning", "parallel_tool_calls")
"""Settings of models that reason; accepted only where they ask for nothing."""


def updated(config: Mapping[str, object], update: Mapping[str, object]) -> dict[str, object]:
    """`config` with a client's `update` laid over it, checked. Raises `BadInput` and changes nothing."""
    kind = update.get("type", "realtime")
    if kind != "realtime":
        raise BadInput(
            f"session.type is {kind!r}: this server has 'realtime'", param="session.type"
        )
    wished = {name: value for name, value in update.items() if name not in _OURS}
    for name in _NOT_HERE:
        if wished.pop(name, None) not in (None, True):
            raise BadInput(
                f"session.{name} is for reasoning models and this is none: leave it out",
                code="unsupported_parameter",
                param=f"session.{name}",
            )
    return as_message(parsed(merged(config, wished)))


def parsed(config: Mapping[str, object]) -> SessionConfig:
    """The checked form of a whole `session` object. Raises `BadInput`."""
    checked = convert(_with_defaults(config), SessionConfig, "session")
    _check_possible(config, checked)
    return checked


def _with_defaults(config: Mapping[str, object]) -> dict[str, object]:
    """A null means the default, which for what can be switched off is off."""
    result: dict[str, object] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and name not in ("parameters", "metadata", "prompt"):
            result[name] = _with_defaults(cast(Mapping[str, object], value))
        elif value is not None:
            result[name] = value
    return result


def _check_possible(raw: Mapping[str, object], config: SessionConfig) -> None:
    if len(config.output_modalities) > 1:
        raise BadInput(
            "session.output_modalities can't have both: ['audio'] comes with its transcript, "
            "['text'] is text alone",
            param="session.output_modalities",
        )
    if config.audio.input.noise_reduction is not None:
        raise _unsupported(
            "audio.input.noise_reduction", "this server has no noise reduction: set it to null"
        )
    if config.include:
        raise _unsupported("include", "the transcripts here have no logprobs: leave it out")
    if config.prompt is not None:
        raise _unsupported("prompt", "no prompts are stored here: send their text as instructions")
    check_tools(config.tools, "session.tools")


def _unsupported(name: str, why: str) -> BadInput:
    return BadInput(f"session.{name}: {why}", code="unsupported_parameter", param=f"session.{name}")


def check_tools(tools: list[FunctionTool], where: str) -> None:
    """Raises `BadInput` for names that are taken twice and for schemas without end."""
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if tool.name in seen:
            raise BadInput(
                f"{where} has two functions {tool.name!r}: give each a name of its own",
                param=f"{where}[{index}].name",
            )
        seen.add(tool.name)
        size = len(msgspec.json.encode(tool.parameters))
        if size > MAX_SCHEMA_BYTES:
            raise BadInput(
                f"{where}[{index}].parameters has {size} bytes: {MAX_SCHEMA_BYTES} are the most",
                param=f"{where}[{index}].parameters",
            )


def merged(config: Mapping[str, object], update: Mapping[str, object]) -> dict[str, object]:
    """`config` with `update` laid over it, object by object; null and lists replace, and so does an
    object of another `type`."""
    return _merge(config, update, depth=0)


def _merge(
    config: Mapping[str, object], update: Mapping[str, object], depth: int
) -> dict[str, object]:
    if depth >= MAX_CONFIG_DEPTH:
        raise BadInput(f"session is nested deeper than {MAX_CONFIG_DEPTH} levels", param="session")
    result = dict(config)
    for name, value in update.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            before, after = cast(Mapping[str, object], old), cast(Mapping[str, object], value)
            is_other = "type" in after and after["type"] != before.get("type")
            result[name] = dict(after) if is_other else _merge(before, after, depth + 1)
        else:
            result[name] = value
    return result


_AT = re.compile(r"^(.*?)(?: - at `(?:key in )?\$(.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(.+?)`")


def convert(value: object, kind: type[T], where: str) -> T:
    """`value` checked against a Struct. Raises `BadInput` with the path of what is wrong."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        why, path = (found.group(1), found.group(2) or "") if found else (str(error), "")
        param = where + path
        if unknown := _UNKNOWN.search(why):
            param = f"{param}.{unknown.group(1)}"
            raise BadInput(
                f"{param} is not known: leave it out", code="unknown_parameter", param=param
            ) from error
        shown = repr(_at(value, path))[:120]
        raise BadInput(f"{param} is {shown}: {why[:1].lower()}{why[1:]}", param=param) from error


def _at(value: object, path: str) -> object:
    """What is at msgspec's path (`.audio.input`, `.tools[0].name`), as far as it goes."""
    for step in re.findall(r"[^.\[\]]+", path):
        value = _step(value, step)
    return value


def _step(value: object, step: str) -> object:
    match value:
        case dict():
            return cast(dict[str, object], value).get(step)
        case list():
            items = cast(list[object], value)
            return items[int(step)] if step.isdigit() else items
        case _:
            return value
