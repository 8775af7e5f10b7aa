"""Other people's clients in Chromium: bundled from npm when a test needs them, on a blank page.

`npm ci` brings them when a test first needs them; nothing of them is in the repository.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser.browser import CHROMIUM, FLAGS, flags
from node_packages import installed
from playwright.sync_api import Page, Route, sync_playwright

SOURCES = Path(__file__).parent / "js"
# The page comes from no network, so Chromium would ask before it lets it reach this machine.
LOCAL = "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"
PAGE = "http://localhost:1/"
"""Of another origin than the server, as an application's page is."""


def bundle(name: str, folder: Path) -> Path:
    """`name`.mjs with all it imports, as one script for a browser; skips where npm has none."""
    out = folder / f"{name}.js"
    esbuild = installed(SOURCES) / ".bin" / "esbuild"
    command = [str(esbuild), str(SOURCES / f"{name}.mjs"), "--bundle", "--format=iife"]
    subprocess.run(
        [*command, f"--outfile={out}", "--log-level=error"], check=True, cwd=SOURCES, timeout=300
    )
    return out


class ClientPage:
    """A page with a client on it. Waits raise `AssertionError` with what it was told instead."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def run(self, script: str, argument: object = None) -> Any:  # the page's JSON
        return self.page.evaluate(script, argument)

    def told(self, name: str | None = None) -> list[Any]:
        """What the client told, in order: data of one event, or [name, data, milliseconds]."""
        found: list[Any] = self.run("told")
        return found if name is None else [data for kind, data, _ in found if kind == name]

    def heard_ms(self) -> int:
        """Milliseconds of audible voice so far."""
        return int(self.run("loudMs()"))

    def wait_for(self, is_true: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Look again every 50 ms."""
        for _ in range(round(timeout_s / 0.05)):
            if is_true():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(
            f"waited {timeout_s:g} s for {what}; the client told "
            f"{self.run('globalThis.told ?? null')}; problems {self.problems}"
        )


@contextmanager
def client_page(
    script: Path, *, wav: Path | None = None, video: Path | None = None, loop: bool = False
) -> Generator[ClientPage]:
    """Chromium with a blank page that has run `script`; a microphone and a camera as in `launch`."""

    def serve(route: Route) -> None:
        route.fulfill(body="<!doctype html>", content_type="text/html")

    with sync_playwright() as playwright:
        chosen = flags(wav=wav, video=video, loop=loop) if wav or video else list(FLAGS)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*chosen, "--use-fake-ui-for-media-stream", LOCAL]
        )
        try:
            page = browser.new_page()
            page.route(f"{PAGE}**", serve)
            page.goto(PAGE)
            page.add_script_tag(path=script)
            yield ClientPage(page)
        finally:
            browser.close()
