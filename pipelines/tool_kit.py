"""The functions of a pipeline's conversations: those of its agent, shared by all, and the built-in
ones, whose memory each conversation has for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from ..runtime.errors import BadInput, ConfigError
from ..runtime.settings import ToolSettings
from ..runtime.tools import BuiltinTools, ToolRunner
from .tool_schema import Signature, description
from .toolbox import Toolbox, failure

Json = Mapping[str, object]


class ToolKit:
    """What the conversations of one pipeline can call. A function of the agent's takes the place
    of the built-in one of its name."""

    def __init__(
        self,
        settings: ToolSettings,
        shared: Toolbox | None = None,
        *,
        has_builtin: bool,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Reads a file where `tools.timezone` is set. Raises `ConfigError` for an unknown one."""
        self._shared = shared or Toolbox(settings.limit_s)
        self._now = now or _clock_of(settings.timezone)
        builtin = BuiltinTools(self._now).functions
        names = [name for name in builtin if has_builtin and name not in self._shared]
        self._builtin = {name: builtin[name] for name in names}
        self._signatures = {name: Signature(one) for name, one in self._builtin.items()}

    @property
    def names(self) -> frozenset[str]:
        """Of every function there is."""
        return frozenset(self._builtin) | {tool.name for tool in self._shared}

    @property
    def described(self) -> tuple[Json, ...]:
        """What a language model is told of them, in chat completions' shape."""
        own = [_described(t.name, t.description, t.parameters) for t in self._shared]
        return (
            *own,
            *(
                _described(name, description(one), self._signatures[name].schema)
                for name, one in self._builtin.items()
            ),
        )

    def conversation(self) -> ToolRunner:
        """The functions as one conversation calls them, with a memory of its own."""
        return _Conversation(self._shared, self._signatures, BuiltinTools(self._now))

    def close(self) -> None:
        """No new calls. Idempotent."""
        self._shared.close()


class _Conversation:
    """A `ToolRunner`."""

    def __init__(
        self, shared: Toolbox, signatures: Mapping[str, Signature], builtin: BuiltinTools
    ) -> None:
        self._shared = shared
        self._signatures = signatures
        self._functions = {name: builtin.functions[name] for name in signatures}

    def __contains__(self, name: str) -> bool:
        return name in self._signatures or name in self._shared

    async def run(self, name: str, arguments: str) -> str:
        signature = self._signatures.get(name)
        if signature is None:
            return await self._shared.run(name, arguments)
        try:
            return self._functions[name](**signature.arguments(arguments))
        except BadInput as error:
            return failure(str(error))


def _clock_of(timezone: str) -> Callable[[], datetime]:
    if not timezone:
        return lambda: datetime.now().astimezone()
    try:
        zone = ZoneInfo(timezone)
    except (LookupError, ValueError, OSError) as error:
        raise ConfigError(
            f"tools.timezone is {timezone!r}, which is not known here ({error}): give an IANA name "
            "such as 'Europe/Paris', install tzdata, or leave it empty for the machine's own"
        ) from error
    return lambda: datetime.now(zone)


def _described(name: str, told: str, parameters: Mapping[str, object]) -> Json:
    function = {"name": name, "description": told, "parameters": parameters}
    return {"type": "function", "function": function}
