"""Why somebody may not come in: an HTTP status, a code for machines and a sentence for people."""

from __future__ import annotations

from ...runtime.errors import VisavisError


class AccessError(VisavisError):
    """A request or a WebSocket that is turned away. Never carries what was presented.

    `status` is HTTP's; `code` one of the words of docs/security.md.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
