"""Drives the page in Chromium: a WAV file as microphone, a moving picture as camera, and ears.

`launch(...)` opens the page; `DemoPage` does what a person does and reads what a person reads, by the
page's `data-testid` attributes. Sound is heard where a person hears it: at the page's audio element.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Browser, Locator, Page, ViewportSize, sync_playwright

CHROMIUM = os.environ.get("VISAVIS_TEST_CHROMIUM", shutil.which("chromium") or "/usr/bin/chromium")
HAS_CHROMIUM = Path(CHROMIUM).exists() or "CI" in os.environ
"""Where a browser is promised (CI installs one), its absence fails the tests instead of skipping."""

SILENT_RMS = 1e-3
"""Below this a listener hears nothing: −60 dB of full scale."""

FLAGS: tuple[str, ...] = (
    "--no-sandbox",
    "--headless=new",
    "--use-fake-device-for-media-stream",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said, as the page shows it."""

    role: str
    """user | assistant | note"""
    text: str
    status: str
    """live | done | interrupted | stopped | failed | ignored"""
    unsaid: str
    """The last words of a cut answer, shown as never heard."""
    id: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the page tells about itself."""

    subject: str
    """microphone | camera | line | sound | voice | silence | error"""
    title: str
    body: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loudness:
    """What was heard of the answer's voice in one instant."""

    at_ms: float
    """On the page's clock (`performance.now()`)."""
    rms: float
    """0..1, of about the last 21 ms."""


_EARS = """
() => {
  if (globalThis.__ears) return;
  const speaker = document.querySelector('[data-testid="remote-audio"]');
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  const samples = new Float32Array(analyser.fftSize);
  const ears = (globalThis.__ears = { heard: [], stream: null, source: null });
  setInterval(() => {
    // Not waited for: where the machine's audio hangs, a test fails by what was not heard.
    if (context.state !== "running") void context.resume();
    if (speaker.srcObject !== ears.stream) {
      ears.source?.disconnect();
      ears.stream = speaker.srcObject;
      ears.source = ears.stream && context.createMediaStreamSource(ears.stream);
      ears.source?.connect(analyser);
    }
    if (!ears.stream) return;
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const x of samples) sum += x * x;
    ears.heard.push([performance.now(), Math.sqrt(sum / samples.length)]);
    if (ears.heard.length > 30000) ears.heard.shift();
  }, 20);
}
"""

_MESSAGES = """
(lines) => lines.map((line) => ({
  role: line.dataset.role,
  text: line.querySelector('[data-testid="message-text"]').textContent.trim(),
  status: line.dataset.status,
  unsaid: [...line.querySelectorAll('.unsaid')].map((word) => word.textContent).join(' '),
  id: line.dataset.id,
}))
"""

_NOTICES = """
(notices) => notices.map((notice) => ({
  subject: notice.dataset.subject,
  title: notice.querySelector('strong').textContent,
  body: notice.querySelector('p').textContent.trim(),
  actions: [...notice.querySelectorAll('[data-testid="notice-action"]')].map((b) => b.textContent),
}))
"""


class DemoPage:
    """The open page. Waits raise `AssertionError` with what the page showed instead."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        """Uncaught errors and CSP violations of the page; a good run has none."""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on(
            "console",
            lambda said: (
                self.problems.append(said.text) if "Content Security Policy" in said.text else None
            ),
        )

    def part(self, testid: str) -> Locator:
        """A part of the page by its `data-testid`."""
        return self.page.get_by_test_id(testid)

    # What a person does

    def start(self, timeout_s: float = 20.0) -> None:
        """Press "Start talking" and wait until the line is up."""
        self.press_start()
        self.wait_for(lambda: self.line() == "live", timeout_s, "the line to be up")

    def press_start(self) -> None:
        """Press "Start talking", whichever of the two buttons is there."""
        first = self.part("start")
        (first if first.is_visible() else self.part("start-again")).click()

    def ask(self, question: str) -> None:
        """Type a question and send it."""
        self.part("question").fill(question)
        self.part("ask").click()

    def hang_up(self) -> None:
        self.part("hang-up").click()

    def toggle_camera(self) -> None:
        self.part("camera-toggle").click()

    def toggle_mute(self) -> None:
        self.part("mute").click()

    def stop_answer(self) -> None:
        self.part("stop-answer").click()

    # What a person reads

    def line(self) -> str:
        """ended | connecting | live | unsteady | reconnecting | waiting | lost"""
        return self._of_body("line")

    def phase(self) -> str:
        """idle | listening | hearing | thinking | speaking; idle while the line is not up."""
        return self._of_body("phase")

    def messages(self) -> list[Message]:
        """Everything said, oldest first."""
        found = self.part("message").evaluate_all(_MESSAGES)
        return [Message(**fields) for fields in cast("list[dict[str, str]]", found)]

    def questions(self) -> list[str]:
        return [m.text for m in self.messages() if m.role == "user" and m.status == "done"]

    def answers(self) -> list[str]:
        """Answers that are whole or were cut, not those in progress."""
        return [m.text for m in self.messages() if m.role == "assistant" and m.status != "live"]

    def notices(self) -> list[Notice]:
        found = self.part("notice").evaluate_all(_NOTICES)
        return [
            Notice(each["subject"], each["title"], each["body"], tuple(each["actions"]))
            for each in cast("list[dict[str, Any]]", found)  # playwright's JSON
        ]

    def looked(self) -> int:
        """Pictures that were looked at, as counted on the page."""
        return int(self.part("looked-count").inner_text() or "0")

    def timeline(self) -> dict[str, float]:
        """The turn shown in the timeline: milliseconds by stage (modal_audio, modal_vision, fusion,
        commit, first_audio, stop), those the ledger has."""
        found = self.part("timeline-row").evaluate_all(
            "(rows) => rows.filter((r) => r.dataset.ms).map((r) => [r.dataset.key, Number(r.dataset.ms)])"
        )
        return dict(cast("list[tuple[str, float]]", found))

    # What a person hears

    def listen(self) -> None:
        """Begin to record how loud the answers' voice is; once, before or after the start."""
        self.page.evaluate(_EARS)

    def heard(self) -> list[Loudness]:
        """One value about every 20 ms since `listen`."""
        found = self.page.evaluate("() => globalThis.__ears?.heard ?? []")
        return [Loudness(at, rms) for at, rms in cast("list[tuple[float, float]]", found)]

    def heard_ms(self, threshold: float = SILENT_RMS) -> float:
        """Milliseconds of audible voice so far."""
        return sum(end - start for start, end in self.voiced(threshold))

    def voiced(
        self, threshold: float = SILENT_RMS, gap_ms: float = 200.0
    ) -> list[tuple[float, float]]:
        """Spans of audible voice in ms of the page's clock; pauses up to `gap_ms` are inside."""
        spans: list[tuple[float, float]] = []
        for instant in self.heard():
            if instant.rms < threshold:
                continue
            if spans and instant.at_ms - spans[-1][1] <= gap_ms:
                spans[-1] = (spans[-1][0], instant.at_ms)
            else:
                spans.append((instant.at_ms, instant.at_ms))
        return spans

    def now_ms(self) -> float:
        """The page's clock, the one `heard` and `voiced` are on."""
        return float(self.page.evaluate("() => performance.now()"))

    # Waiting

    def wait_for(self, is_true: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Look again every 50 ms until `is_true`: longer than `timeout_s` on a machine so busy that
        looking takes long."""
        for _ in range(max(1, round(timeout_s / 0.05))):
            if is_true():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"waited {timeout_s:g} s for {what}; the page shows {self.shows()}")

    def wait_for_answers(self, count: int = 1, timeout_s: float = 30.0) -> list[str]:
        """Until `count` answers are there, in words."""
        self.wait_for(lambda: len(self.answers()) >= count, timeout_s, f"{count} answers")
        return self.answers()

    def wait_for_phase(self, phase: str, timeout_s: float = 20.0) -> None:
        self.wait_for(lambda: self.phase() == phase, timeout_s, f"the phase {phase}")

    def wait_for_notice(self, subject: str, timeout_s: float = 10.0) -> Notice:
        """Until there is a notice about `subject`."""

        def found() -> list[Notice]:
            return [notice for notice in self.notices() if notice.subject == subject]

        self.wait_for(lambda: bool(found()), timeout_s, f"a notice about the {subject}")
        return found()[0]

    def shows(self) -> str:
        """All of it in one line, for the message of a failed test."""
        return (
            f"line={self.line()} phase={self.phase()} looked={self.looked()} "
            f"messages={self.messages()} notices={self.notices()} problems={self.problems}"
        )

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=path)

    def _of_body(self, name: str) -> str:
        return self.page.locator("body").get_attribute(f"data-{name}") or ""


def flags(
    *, wav: Path | None = None, video: Path | None = None, loop: bool = False, allow: bool = True
) -> list[str]:
    """Chromium's command line. A capture file starts at getUserMedia (the press of "Start talking"):
    begin it with silence, two seconds or more, for the line to come up, or let it `loop`."""
    chosen = list[str](FLAGS)
    if allow:
        chosen.append("--use-fake-ui-for-media-stream")
    if wav is not None:
        chosen.append(f"--use-file-for-fake-audio-capture={wav}{'' if loop else '%noloop'}")
    if video is not None:
        chosen.append(f"--use-file-for-fake-video-capture={video}")
    return chosen


@contextmanager
def launch(
    page_url: str,
    *,
    wav: Path | None = None,
    video: Path | None = None,
    loop: bool = False,
    allow: bool = True,
    width: int = 1280,
    height: int = 860,
    color_scheme: str = "light",
    more_flags: Sequence[str] = (),
) -> Generator[DemoPage]:
    """Chromium with the page open, closed at the end.

    `wav`: 16-bit PCM heard by the microphone, once unless `loop`. `video`: .mjpeg or .y4m seen by the
    camera, over and over. `allow`: False makes Chromium refuse microphone and camera.
    """
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*flags(wav=wav, video=video, loop=loop, allow=allow), *more_flags],
        )
        try:
            context = browser.new_context(
                viewport=ViewportSize(width=width, height=height),
                color_scheme="dark" if color_scheme == "dark" else "light",
            )
            page = context.new_page()
            demo = DemoPage(page)
            page.goto(page_url)
            yield demo
        finally:
            browser.close()
