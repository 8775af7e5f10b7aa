"""Errors as answers, all in OpenAI's shape, and each counted by its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ..runtime.errors import BadInput, EngineDied, EngineFull, VisavisError
from .access import AccessError
from .calls import NOT_FOUND
from .door import problem_of
from .http import HttpProblem
from .resumption import ELSEWHERE, ENDED, INVALID

_STATUS = {NOT_FOUND: 404, INVALID: 404, ENDED: 410, ELSEWHERE: 409}
"""Of a `BadInput`, by its code; the others are 400."""


def as_problem(error: VisavisError) -> HttpProblem:
    """What an endpoint that writes its own errors answers; the same status as everywhere."""
    match error:
        case HttpProblem():
            return error
        case AccessError():
            return problem_of(error)
        case BadInput():
            return HttpProblem(
                _STATUS.get(error.code, 400), str(error), code=error.code, param=error.param
            )
        case EngineFull():
            after_s = error.retry_after_s
            return HttpProblem(503, str(error), code="server_full", retry_after_s=after_s)
        case EngineDied():
            return HttpProblem(503, str(error), code="engine_died", retry_after_s=30.0)
        case _:  # something the operator must mend; its message says how
            return HttpProblem(500, str(error), code="server_misconfigured")


def handlers(count: Callable[[str], None]) -> Mapping[Any, Any]:  # Starlette's own annotation
    """Exception handlers of the application. `count` is told why a request was refused.

    They answer a WebSocket that was not accepted yet as well: the upgrade is refused with the same
    status and body.
    """

    async def on_problem(_: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, HttpProblem)
        count(error.code)
        return error.response()

    async def on_access(_: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, AccessError)  # counted where it was raised
        return problem_of(error).response()

    async def on_bad_input(_: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, BadInput)
        count(error.code)
        return as_problem(error).response()

    return {
        HttpProblem: on_problem,
        AccessError: on_access,
        BadInput: on_bad_input,
        EngineFull: _on_full,
        EngineDied: _on_death,
        VisavisError: _on_trouble,
        HTTPException: _on_http,
        Exception: _on_surprise,
    }


async def _on_full(_: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, EngineFull)
    return HttpProblem(
        503, str(error), code="server_full", retry_after_s=error.retry_after_s
    ).response()


async def _on_death(_: HTTPConnection, error: Exception) -> Response:
    return HttpProblem(503, str(error), code="engine_died", retry_after_s=30.0).response()


async def _on_trouble(_: HTTPConnection, error: Exception) -> Response:
    """Something the operator must mend; its message says how."""
    return HttpProblem(500, str(error), code="server_misconfigured").response()


async def _on_http(_: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = HttpProblem(
        error.status_code, error.detail, code=error.detail.lower().replace(" ", "_")
    )
    response = problem.response()
    response.headers.update(error.headers or {})
    return response


async def _on_surprise(_: HTTPConnection, error: Exception) -> Response:
    return HttpProblem(
        500,
        "the server made a mistake; what it was is in its log",
        code=f"internal_error_{type(error).__name__}".lower(),
    ).response()
