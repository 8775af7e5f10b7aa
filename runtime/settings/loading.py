"""Reads the tree: defaults, then a TOML file, then the environment, then the command line.

Knows where each value came from; reads no file but the one it is given, and no environment but the
mapping it is given.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin

import msgspec
from msgspec import Meta

from ..errors import ConfigError
from .hidden import SECRETS
from .tree import Settings

ENV_PREFIX = "VISAVIS__"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as `visavis config show` prints it. `value` of a secret is already hidden."""

    path: str
    value: object
    source: str
    doc: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings with the source of every value that is not a default."""

    settings: Settings
    sources: Mapping[str, str]

    def rows(self) -> Iterator[SettingRow]:
        """Every setting in tree order."""
        for path, field in _FIELDS.items():
            branch, name = path.split(".")
            value: object = getattr(getattr(self.settings, branch), name)
            if path in SECRETS and value:
                value = "(hidden)"
            yield SettingRow(path, value, self.sources.get(path, "default"), _doc(field.type))


def load(
    toml_path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> Settings:
    """The effective settings. `overrides` are `path=value` strings of the command line.

    Raises `ConfigError`, naming path, source and value, for anything that can't be used.
    """
    return load_with_sources(toml_path, env, overrides).settings


def load_with_sources(
    toml_path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> LoadedSettings:
    """As `load`, and where each value came from."""
    values: dict[str, object] = {}
    sources: dict[str, str] = {}

    def put(path: str, raw: object, source: str, *, is_text: bool) -> None:
        values[path] = _convert(path, raw, source, is_text=is_text)
        sources[path] = source

    if toml_path is not None:
        for path, raw in _read_toml(toml_path):
            put(path, raw, str(toml_path), is_text=False)
    for name, text in sorted((env or {}).items()):
        if name.startswith(ENV_PREFIX):
            path = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            put(path, text, f"environment variable {name}", is_text=True)
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(
                f"--set {override!r} has no value: write --set path=value, "
                f"for example --set turn.eager_silence_ms=192"
            )
        put(path.strip(), text.strip(), f"--set {path.strip()}", is_text=True)

    tree: dict[str, dict[str, object]] = {}
    for path, value in values.items():
        branch, name = path.split(".")
        tree.setdefault(branch, {})[name] = value
    settings = Settings(
        **{name: _BRANCHES[name](**fields) for name, fields in tree.items()}  # type: ignore[arg-type]
    )
    _check_order(settings, sources)
    return LoadedSettings(settings, sources)


def _check_order(settings: Settings, sources: Mapping[str, str]) -> None:
    """Values that are fine alone and wrong together."""
    for low, high in (
        ("turn.probe_silence_ms", "turn.eager_silence_ms"),
        ("turn.eager_silence_ms", "turn.unsure_silence_ms"),
        ("turn.unsure_silence_ms", "turn.patient_silence_ms"),
        ("webrtc.jitter_base_ms", "webrtc.jitter_max_ms"),
        ("audio.vad_off", "audio.vad_on"),
        ("audio.vad_on", "audio.vad_on_playing"),
        ("vision.dark", "vision.bright"),
    ):
        small, large = _value(settings, low), _value(settings, high)
        if small > large:
            raise ConfigError(
                f"{low} is {small} ({sources.get(low, 'default')}) and {high} is {large} "
                f"({sources.get(high, 'default')}): {low} must not be larger than {high}"
            )


def _value(settings: Settings, path: str) -> float:
    branch, name = path.split(".")
    return float(getattr(getattr(settings, branch), name))


def _read_toml(path: Path) -> Iterator[tuple[str, object]]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"settings file {path} can't be read ({error.strerror}): check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"settings file {path} is not TOML: {error}") from error
    for branch, fields in tree.items():
        if not isinstance(fields, dict):
            raise _unknown(branch, fields, str(path))
        for name, value in cast(dict[str, object], fields).items():  # TOML keys are texts
            yield f"{branch}.{name}", value


def _convert(path: str, raw: object, source: str, *, is_text: bool) -> object:
    field = _FIELDS.get(path)
    if field is None:
        raise _unknown(path, raw, source)
    if is_text and isinstance(raw, str):
        base = _base(field.type)
        if get_origin(base) is tuple:
            raw = tuple(part.strip() for part in raw.split(",") if part.strip())
        elif base == (str | None) and raw.lower() in {"", "none"}:
            raw = None
    try:
        return msgspec.convert(raw, field.type, strict=not is_text)
    except msgspec.ValidationError as error:
        shown = "(hidden)" if path in SECRETS else repr(raw)
        raise ConfigError(f"{path} is {shown} ({source}): {error}. {_doc(field.type)}") from error


def _unknown(path: str, raw: object, source: str) -> ConfigError:
    branch, _, name = path.partition(".")
    near = difflib.get_close_matches(path, _FIELDS, n=1, cutoff=0.6)
    if not near and branch in _BRANCHES and name:
        near = difflib.get_close_matches(name, [p.split(".")[1] for p in _FIELDS], n=1)
        near = [p for p in _FIELDS if p.split(".")[1] in near][:1]
    if near:
        remedy = f"did you mean {near[0]}?"
    elif branch in _BRANCHES:
        names = ", ".join(p.split(".")[1] for p in _FIELDS if p.startswith(f"{branch}."))
        remedy = f"{branch} has {names}"
    else:
        remedy = f"the branches are {', '.join(_BRANCHES)}"
    shown = "(hidden)" if SECRETS.intersection(near) else repr(raw)
    return ConfigError(f"unknown setting {path} = {shown} ({source}): {remedy}")


def _base(kind: Any) -> Any:  # a field's annotation: any typing form
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _doc(kind: Any) -> str:  # a field's annotation: any typing form
    for meta in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
        if isinstance(meta, Meta) and meta.description:
            return meta.description
    return ""


_BRANCHES: dict[str, type[msgspec.Struct]] = {
    field.name: field.type for field in msgspec.structs.fields(Settings)
}
_FIELDS: dict[str, msgspec.structs.FieldInfo] = {
    f"{branch}.{field.name}": field
    for branch, kind in _BRANCHES.items()
    for field in msgspec.structs.fields(kind)
}
