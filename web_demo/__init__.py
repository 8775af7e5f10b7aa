"""The page a person opens: talk, camera, transcript, and the latency of every turn.

The page is plain files with no build step; a server serves `STATIC` at one path, `index.html` as its
index, and sends `HEADERS` with each file. Nothing here knows the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

STATIC: Path = Path(__file__).resolve().parent / "static"
"""Folder of the page's files. They name each other relatively, so any mount point works."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
        "Permissions-Policy": "camera=(self), microphone=(self), autoplay=(self)",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
)
"""Response headers the page is written for: no inline script or style, nothing from elsewhere.

`no-cache` makes the browser ask again each time, so that modules of two versions never meet.
"""


def page() -> tuple[Path, Mapping[str, str]]:
    """The page as a plugin: its folder and its headers."""
    return STATIC, HEADERS
