"""Keeps secrets out of logs, tracebacks included: the last net under everything that is written.

Nothing of ours puts a key into a message. A library's exception may quote a header or an address, so
what looks like a secret is struck out of every finished line.
"""

from __future__ import annotations

import logging
import re

HIDDEN = "(hidden)"
_TOKEN = r"[\w.~+/=-]"
_SHAPES = re.compile(
    rf"""
    (?:(?<![A-Za-z0-9])(?:ek_|sk-)                    # client secrets, API keys
      |openai-insecure-api-key\.
    ){_TOKEN}{{6,}}
    |(?P<before>
      \b(?:bearer|basic)\s+                          # of an Authorization header
      |(?<![A-Za-z])(?:api[-_]?key|client_secret|credential|password|secret|token|authorization)
       ["']?\s*[=:]\s*["']?(?!bearer\b|basic\b)
     )(?P<after>{_TOKEN}{{8,}})
    |(?P<sdp>a=ice-pwd:)\S+                          # opens a media connection to whoever has it
    """,
    re.IGNORECASE | re.VERBOSE,
)


def redact(text: str) -> str:
    """`text` with everything that looks like a secret struck out."""
    return _SHAPES.sub(lambda m: f"{m['before'] or m['sdp'] or ''}{HIDDEN}", text)


class RedactingFormatter(logging.Formatter):
    """Formats as usual, with arguments, traceback and stack, then strikes secrets out."""

    def format(self, record: logging.LogRecord) -> str:
        """One finished record; with how many like it `Seldom` withheld before."""
        text = redact(super().format(record))
        withheld = getattr(record, "withheld", 0)
        return f"{text} (and {withheld} more like it)" if withheld else text
