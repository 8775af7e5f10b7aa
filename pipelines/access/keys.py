"""The API keys of this server: hashes only, compared in constant time.

A key is a long random text, so its plain SHA-256 can't be guessed back; there is nothing to salt.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ...runtime.errors import ConfigError
from ...runtime.settings import AccessSettings
from .grant import EVERYTHING, KeyLimits, Scope

PREFIX = "sk-visavis-"
"""Begins the keys we make, so that scanners and our own logs recognise them."""
MIN_CHARACTERS = 20
HASHED = "sha256:"
_ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Key:
    """One API key, without the key."""

    digest: bytes = field(repr=False)
    name: str = ""
    scopes: frozenset[Scope] = EVERYTHING
    limits: KeyLimits = field(default_factory=KeyLimits)

    @property
    def id(self) -> str:
        """Names the key in logs and metrics without telling it."""
        return f"key_{self.digest.hex()[:_ID_DIGITS]}"


class KeyRing:
    """Finds the key that somebody presents."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)
        self._by_id = {key.id: key for key in self._keys}
        if len(self._by_id) < len(self._keys):
            twice = {k.id for k in self._keys if sum(o.id == k.id for o in self._keys) > 1}
            raise ConfigError(f"API keys are listed twice ({', '.join(sorted(twice))}): remove one")

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def find(self, presented: str) -> Key | None:
        """The key whose hash this text has. Takes as long for a wrong one as for a right one."""
        digest = digest_of(presented)
        found: Key | None = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def get(self, key_id: str) -> Key | None:
        """The key of this id, if it is still on the ring."""
        return self._by_id.get(key_id)


def digest_of(key: str) -> bytes:
    """SHA-256 of a key, 32 bytes."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def new_key() -> str:
    """A fresh key with 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def show_new_key(*, as_json: bool) -> int:
    """`visavis key`: a fresh key for the client, and the line for the server's file."""
    key = new_key()
    hexadecimal = digest_of(key).hex()
    if as_json:
        line = {"key": key, "sha256": hexadecimal, "id": Key(bytes.fromhex(hexadecimal)).id}
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    else:
        sys.stdout.write(
            f"{key}\n\nGive it to the client; it is not kept anywhere and can't be shown again. "
            "The server needs\nonly its hash, in the file that access.api_keys_file names:\n\n"
            f'[[key]]\nname = "who has it"\nsha256 = "{hexadecimal}"\n'
        )
    return 0


def read_keys(settings: AccessSettings) -> KeyRing:
    """The keys of the settings and of their file. Reads a file: before the event loop runs.

    Raises `ConfigError`, which never shows a key.
    """
    limits = KeyLimits(
        sessions=settings.sessions_per_key,
        minutes_per_day=settings.minutes_per_day,
        messages_per_s=settings.messages_per_s,
        mib_per_day=settings.mib_per_day,
    )
    keys = [
        Key(_digest(text, f"number {number} of access.api_keys"), limits=limits)
        for number, text in enumerate(settings.api_keys, 1)
    ]
    if settings.api_keys_file:
        keys += _of_file(Path(settings.api_keys_file), limits)
    return KeyRing(keys)


def _digest(text: str, where: str) -> bytes:
    if text.startswith(HASHED):
        hexadecimal = text.removeprefix(HASHED).strip().lower()
        if re.fullmatch("[0-9a-f]{64}", hexadecimal) is None:
            raise ConfigError(
                f"{where} is not a SHA-256 hash: write 'sha256:' and 64 hexadecimal digits, as "
                "`visavis key` prints them"
            )
        return bytes.fromhex(hexadecimal)
    if len(text) < MIN_CHARACTERS:
        raise ConfigError(
            f"{where} has {len(text)} characters, which can be guessed: take one of at least "
            f"{MIN_CHARACTERS}, as `visavis key` makes them"
        )
    return digest_of(text)


class _Entry(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    key: str = ""
    sha256: str = ""
    name: str = ""
    scopes: list[Scope] | None = None
    sessions: int | None = None
    minutes_per_day: float | None = None
    messages_per_s: float | None = None
    mib_per_day: float | None = None


def _of_file(path: Path, defaults: KeyLimits) -> Iterator[Key]:
    """`[[key]]` tables with `key` or `sha256`, and whatever differs from the settings."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"access.api_keys_file {path} can't be read ({type(error).__name__}): check the path "
            "and its permissions"
        ) from None
    try:
        tables: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # Not its message: it could show a line of the file.
        raise ConfigError(f"access.api_keys_file {path} is not TOML") from None
    try:
        entries = msgspec.convert(tables, _File).key
    except msgspec.ValidationError as error:
        raise ConfigError(f"access.api_keys_file {path}: {error}") from None
    if not entries:
        raise ConfigError(f"access.api_keys_file {path} has no [[key]] table: add one")
    for number, entry in enumerate(entries, 1):
        where = f"[[key]] number {number} of {path}"
        if bool(entry.key) == bool(entry.sha256):
            raise ConfigError(f"{where} needs either `key` or `sha256`, and not both")
        wanted = {
            name: value
            for name in KeyLimits.__struct_fields__
            if (value := getattr(entry, name)) is not None
        }
        if any(value < 0 for value in wanted.values()):
            raise ConfigError(f"{where} has a limit below 0: 0 is none")
        yield Key(
            _digest(entry.key or f"{HASHED}{entry.sha256}", where),
            entry.name,
            EVERYTHING if entry.scopes is None else frozenset(entry.scopes),
            msgspec.structs.replace(defaults, **wanted),
        )


class _File(msgspec.Struct, forbid_unknown_fields=True):
    key: list[_Entry] = []
