"""Functions of this process that a model may call: told by their signatures, run within limits.

A plain function runs on a thread of its own pool, because it may block; an `async` one on the event
loop, where it must not. Whatever goes wrong becomes words for the model, which can say so or try again.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, cast

import msgspec

from ..runtime.errors import BadInput, ConfigError
from .tool_schema import Signature, description

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the published API takes for the name of a function."""
MAX_OUTPUT = 16_000
"""Characters of a result that the model is given."""
LIMIT_S = 15.0
"""Longest run of one call."""
THREADS = 4


class Tool(Protocol):
    """Something a model may call. `parameters` is the JSON schema of the arguments."""

    name: str
    description: str
    parameters: Mapping[str, object]

    async def __call__(self, arguments: str) -> object:
        """`arguments` is JSON as the model wrote it. Returns what JSON can say, or a text. Raises
        `BadInput` for arguments that can't be used."""
        ...


class FunctionTool:
    """A Python function as a `Tool`: its docstring and its types are what the model is told."""

    def __init__(
        self,
        function: Callable[..., object],
        *,
        name: str | None = None,
        threads: Callable[[], ThreadPoolExecutor] | None = None,
    ) -> None:
        """Raises `ConfigError` for a function that no model can call."""
        self.name: str = name or str(getattr(function, "__name__", ""))
        if not NAME.fullmatch(self.name):
            raise ConfigError(
                f"a tool is named {self.name!r}: letters, digits, _ and - are needed, at most 64"
            )
        self.description = description(function)
        if not self.description:
            raise ConfigError(
                f"the tool {self.name!r} has no docstring: the model would not know when to call it"
            )
        self._signature = Signature(function)
        self.parameters = self._signature.schema
        self._function = function
        self._threads = threads

    async def __call__(self, arguments: str) -> object:
        """Checks the arguments, then runs the function."""
        given = self._signature.arguments(arguments)
        if inspect.iscoroutinefunction(self._function) or self._threads is None:
            result = self._function(**given)
        else:
            context = contextvars.copy_context()
            run = functools.partial(context.run, self._function, **given)
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._threads(), run)
        return await cast(Awaitable[object], result) if inspect.isawaitable(result) else result


class Toolbox:
    """The tools of one agent. Used on the event loop."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self.limit_s = limit_s
        self._tools: dict[str, Tool] = {}
        self._pool: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(tuple(self._tools.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def add(self, tool: Tool) -> None:
        """Raises `ConfigError` when the name is taken."""
        if tool.name in self._tools:
            raise ConfigError(f"there is a tool named {tool.name!r} already: choose another name")
        self._tools[tool.name] = tool

    def add_function(self, function: Callable[..., object], name: str | None = None) -> Tool:
        """Raises `ConfigError` for a function that no model can call."""
        tool = FunctionTool(function, name=name, threads=self._threads)
        self.add(tool)
        return tool

    async def run(self, name: str, arguments: str) -> str:
        """The result as a text for the model, also when it failed. Never raises but when cancelled."""
        tool = self._tools.get(name)
        if tool is None:
            return failure(f"there is no function {name!r}: there are {', '.join(self._tools)}")
        try:
            async with asyncio.timeout(self.limit_s):
                return _text(await tool(arguments))
        except BadInput as error:
            return failure(str(error))
        except TimeoutError:
            return failure(f"{name} took more than {self.limit_s:g} s")
        except Exception as error:
            # The edge of one call: the conversation goes on, and the operator finds the trace.
            log.exception("a tool failed", extra={"tool": name})
            return failure(f"{name} failed: {type(error).__name__}: {error}")

    def close(self) -> None:
        """No new calls; one that runs on a thread ends unheard. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="tool")
        return self._pool


def _text(result: object) -> str:
    if isinstance(result, str):
        text = result
    else:
        try:
            text = msgspec.json.encode(result).decode()
        except (TypeError, ValueError):
            text = str(result)
    return text if len(text) <= MAX_OUTPUT else text[:MAX_OUTPUT] + " (cut off)"


def failure(why: str) -> str:
    """As a model is told that a call failed."""
    return json.dumps({"error": why})
