"""One scripted person in a process of its own, like a browser: `python -m visavis.latency_bench.person`.

A plan comes in as one line of JSON on stdin; what was observed goes out as lines of JSON on stdout.
The person stays on the line until stdin says that the server's own figures were read.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

import msgspec

from ..runtime.errors import VisavisError
from .body import Body, ConnectionRefused, Eyes
from .clips import Clip, clip, noise, speak
from .ears import Ears
from .manners import ANSWER_S, SETTLE_S, STEP_S, is_answered, is_silent
from .observed import Observed, Told, observe
from .pictures import Scene
from .script import Kind, Turn

CALLS = "/v1/realtime/calls"
HTTP_S = 15.0


class Plan(msgspec.Struct, frozen=True):
    """What one person is to do."""

    url: str
    turns: list[Turn]
    has_camera: bool
    seed: int = 1


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """Sent after every turn."""

    done: int


class Record(msgspec.Struct, frozen=True, tag="record"):
    """Sent once, when every turn is done."""

    turns: list[Observed]
    ledgers: list[dict[str, float]]
    counts: dict[str, int]
    problems: list[str]


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """Sent instead when the person could not talk at all."""

    why: str


class Person:
    """Goes through a plan on one connection."""

    def __init__(self, plan: Plan, tell: Callable[[msgspec.Struct], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._told = Told()
        self._clips: dict[tuple[str, tuple[str, ...], tuple[int, ...]], Clip] = {}

    async def run(self, leave: Callable[[], object]) -> None:
        """`leave` blocks until the person may hang up; it is called in a thread."""
        await self._prepare()
        eyes = None
        if self._plan.has_camera:
            scenes = {turn.scene: Scene(turn.scene) for turn in self._plan.turns}
            eyes = Eyes(scenes)
            eyes.show(self._plan.turns[0].scene)
        body = Body(eyes, self._told.take)
        try:
            await body.connect(lambda sdp: _exchange(self._plan.url, sdp))
            observed: list[Observed] = []
            for number, turn in enumerate(self._plan.turns):
                if eyes is not None:
                    eyes.show(turn.scene)
                await asyncio.sleep(SETTLE_S)
                self._told.understood = ""
                observed.append(await self._do(turn, body))
                self._tell(Progress(number + 1))
            record = Record(observed, self._told.ledgers, self._told.counts, self._told.problems)
            self._tell(record)
            await asyncio.to_thread(leave)
        finally:
            await body.close()

    async def _prepare(self) -> None:
        """Everything that is going to be said, spoken once."""
        wanted = [(t.voice, t.parts, t.pauses_ms) for t in self._plan.turns if t.parts]
        wanted += [(t.voice, t.opener, ()) for t in self._plan.turns if t.opener]
        spoken = await speak((voice, part) for voice, parts, _ in wanted for part in parts)
        for voice, parts, pauses in wanted:
            made = clip([spoken[voice, part] for part in parts], pauses)
            self._clips[voice, parts, pauses] = made

    async def _do(self, turn: Turn, body: Body) -> Observed:
        said: tuple[float, float] | None
        if turn.opener:
            if not await self._until_answering(turn, body):
                await self._until_answered(time.monotonic() - ANSWER_S, time.monotonic(), body.ears)
                return observe(turn, None, body.ears, self._told)
            await asyncio.sleep(turn.after_ms / 1e3)
        if turn.kind is Kind.NOISE:
            said = body.mouth.say(noise(turn.noise, turn.after_ms))
        else:
            said = body.mouth.say(self._clips[turn.voice, turn.parts, turn.pauses_ms])
        await asyncio.sleep(said[1] - time.monotonic())
        if turn.kind in (Kind.NOISE, Kind.BACK_CHANNEL):
            await self._until_silent(body.ears)
        else:
            await self._until_answered(*said, body.ears)
        return observe(turn, said, body.ears, self._told)

    async def _until_answering(self, turn: Turn, body: Body) -> bool:
        """Ask the opener and wait for the first sound of its answer."""
        _, last = body.mouth.say(self._clips[turn.voice, turn.opener, ()])
        return await _until(lambda: body.ears.first_after(last) is not None, last + ANSWER_S)

    async def _until_answered(self, first: float, last: float, ears: Ears) -> None:
        def is_over() -> bool:
            return is_answered(self._told, ears, first, last, time.monotonic())

        await _until(is_over, last + ANSWER_S)

    async def _until_silent(self, ears: Ears) -> None:
        """Until the answer under way has ended, whatever ends it."""

        def is_over() -> bool:
            return is_silent(self._told, ears, time.monotonic())

        await _until(is_over, time.monotonic() + ANSWER_S)


async def _until(is_true: Callable[[], bool], limit: float) -> bool:
    """Look every 10 ms; False when `limit` (monotonic seconds) came first."""
    while not is_true():
        if time.monotonic() >= limit:
            return False
        await asyncio.sleep(STEP_S)
    return True


def _exchange(url: str, sdp: str) -> str:
    """Post the offer. Raises `ConnectionRefused` with the server's words."""
    request = urllib.request.Request(
        url.rstrip("/") + CALLS,
        sdp.encode(),
        {"Content-Type": "application/sdp"},
    )
    try:
        with urllib.request.urlopen(request, timeout=HTTP_S) as response:
            body: bytes = response.read()
            return body.decode()
    except urllib.error.HTTPError as error:
        raise ConnectionRefused(f"the server refused the call: {_reason(error.read())}") from error
    except OSError as error:
        raise ConnectionRefused(f"{url} can't be reached ({error}): is the server up?") from error


def _reason(body: bytes) -> str:
    with contextlib.suppress(msgspec.MsgspecError):
        told = msgspec.json.decode(body, type=dict[str, Mapping[str, object]])
        return str(told["error"]["message"])
    return body.decode(errors="replace")


def _tell(message: msgspec.Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """The process."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    try:
        asyncio.run(Person(plan, _tell).run(sys.stdin.buffer.readline))
    except VisavisError as error:
        _tell(Failure(str(error)))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
