"""A language model behind an OpenAI-compatible chat completions endpoint, streamed over HTTP.

Knows the wire only: messages in, pieces of text and whole function calls out.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import cast

import httpx

from ..runtime.errors import VisavisError
from ..runtime.settings import LanguageModelSettings
from .brains import FunctionCall

MAX_LINE = 1 << 20
"""Characters of one line of an answer."""
MAX_ANSWER = 64_000
"""Characters of one answer, its function calls' arguments included."""
MAX_CALLS = 16
SHOWN = 300
"""Characters of a server's error that are told."""

Json = Mapping[str, object]


class EndpointError(VisavisError):
    """The endpoint can't be reached, refuses, or does not speak the protocol."""


class ChatCompletions:
    """One endpoint, shared by every conversation. `await close()` at the end. Best made before the
    event loop runs: for an https address the machine's certificates are read."""

    def __init__(
        self, settings: LanguageModelSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`transport` stands in for the network. Raises `EndpointError` for what is no address."""
        self._settings = settings
        if not settings.url.startswith(("http://", "https://")):
            raise EndpointError(
                f"language_model.url is {settings.url!r}: an address such as "
                "http://127.0.0.1:8000/v1 is needed"
            )
        self._http = httpx.AsyncClient(
            transport=transport,
            headers={"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {},
            timeout=httpx.Timeout(settings.timeout_s),
            limits=httpx.Limits(max_connections=settings.max_connections),
            verify=settings.url.startswith("https://"),
            trust_env=False,  # no proxy of the environment, and no reading of files for it
        )

    async def answer(
        self, messages: Sequence[Json], tools: Sequence[Json] = (), tool_choice: object = "auto"
    ) -> AsyncGenerator[str | FunctionCall, None]:
        """Pieces of text as they come, function calls when they are complete.

        Ends early when the caller stops listening: the connection is closed, which is how these
        servers are told to stop. Raises `EndpointError`.
        """
        body: dict[str, object] = {
            "model": self._settings.model,
            "messages": list(messages),
            "stream": True,
            "max_tokens": self._settings.max_tokens,
            "temperature": self._settings.temperature,
        }
        if tools:
            body |= {"tools": list(tools), "tool_choice": tool_choice}
        try:
            async with self._http.stream("POST", self._url, json=body) as response:
                if response.status_code != 200:
                    raise EndpointError(await self._refusal(response))
                async for piece in _pieces(response):
                    yield piece
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EndpointError(
                f"the language model at {self._url} can't be reached "
                f"({type(error).__name__}: {error}): check language_model.url"
            ) from error

    async def close(self) -> None:
        """Idempotent."""
        await self._http.aclose()

    @property
    def _url(self) -> str:
        return self._settings.url.rstrip("/") + "/chat/completions"

    async def _refusal(self, response: httpx.Response) -> str:
        shown = ""
        async for text in response.aiter_text():
            shown += text
            if len(shown) >= SHOWN:
                break
        return (
            f"the language model at {self._url} answered {response.status_code}: "
            f"{' '.join(shown[:SHOWN].split()) or 'nothing more'}"
        )


async def _pieces(response: httpx.Response) -> AsyncGenerator[str | FunctionCall, None]:
    """Server-sent events: `data: {...}` lines up to `data: [DONE]`."""
    calls: dict[int, list[str]] = {}
    size = 0
    async for line in _lines(response):
        if not line.startswith("data:"):
            continue  # comments and names of events
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            break
        delta = _delta(data)
        text = delta.get("content")
        if isinstance(text, str) and text:
            size += len(text)
            yield text
        size += _take_calls(delta, calls)
        if size > MAX_ANSWER:
            raise EndpointError(
                f"the language model's answer has more than {MAX_ANSWER} characters"
            )
    for place in sorted(calls):
        call_id, name, arguments = calls[place]
        yield FunctionCall(call_id or f"call_{place}", name, arguments or "{}")


async def _lines(response: httpx.Response) -> AsyncGenerator[str, None]:
    rest = ""
    async for text in response.aiter_text():
        rest += text
        *lines, rest = rest.split("\n")
        for line in lines:
            yield line.rstrip("\r")
        if len(rest) > MAX_LINE:
            raise EndpointError(
                f"the language model sent a line of more than {MAX_LINE} characters"
            )
    if rest:
        yield rest


def _delta(data: str) -> Mapping[str, object]:
    """What an event adds to the answer."""
    try:
        event: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EndpointError(f"the language model sent what is no JSON: {data[:80]!r}") from error
    told = _fields(event)
    if not told:
        raise EndpointError(f"the language model sent no object: {data[:80]!r}")
    if told.get("error"):
        raise EndpointError(f"the language model failed: {str(told['error'])[:SHOWN]}")
    choices = _items(told.get("choices"))
    # The usage comes in an event without any choice.
    return _fields(_fields(choices[0]).get("delta")) if choices else {}


def _take_calls(delta: Mapping[str, object], calls: dict[int, list[str]]) -> int:
    """Function calls come in parts too: id and name first, then arguments bit by bit."""
    size = 0
    for part in map(_fields, _items(delta.get("tool_calls"))):
        function = _fields(part.get("function"))
        index = part.get("index")
        place = index if isinstance(index, int) else len(calls)
        if place not in calls and len(calls) >= MAX_CALLS:
            raise EndpointError(
                f"the language model called more than {MAX_CALLS} functions at once"
            )
        call = calls.setdefault(place, ["", "", ""])
        call[0] = str(part.get("id") or call[0])
        call[1] += str(function.get("name") or "")
        arguments = str(function.get("arguments") or "")
        call[2] += arguments
        size += len(arguments)
    return size


def _fields(value: object) -> Mapping[str, object]:
    """An object of JSON; empty for anything else."""
    return cast(Mapping[str, object], value) if isinstance(value, dict) else {}


def _items(value: object) -> Sequence[object]:
    """A list of JSON; empty for anything else."""
    return cast(Sequence[object], value) if isinstance(value, list) else ()
