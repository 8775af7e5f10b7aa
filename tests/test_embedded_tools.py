"""The embedded model asks for functions and says what they return: its words are dictated, so any
weights would do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from embedded_fakes import answer, exchange, rest
from engine_process_fakes import Beside

from visavis.models.config import CONFIGS, Kind
from visavis.models.embedded import Embedded
from visavis.models.engine import ThreadedEngine
from visavis.models.engine_process.client import RemoteEngine
from visavis.models.engine_process.server import EngineServer
from visavis.models.lexicon import ASK, DATE, END, RECALL, REMEMBER, TIME, Lexicon
from visavis.models.networks import Floats, Ints, Pictures
from visavis.models.window import What
from visavis.runtime.events import Event, Head, HeadReady, TokensReady, ToolCalled
from visavis.runtime.protocols import Delivery
from visavis.runtime.tools import BUILTIN, Recital

CONFIG = replace(CONFIGS["nano"], width=8)
LEXICON = Lexicon.of(
    ["It", "is", "to", "three", "key", "red", "circle", ".", TIME, DATE, REMEMBER, RECALL]
)
RNG = np.random.default_rng(5)
TABLES = {
    "decoder.words.weight": RNG.normal(size=(len(LEXICON), CONFIG.width)).astype(np.float32),
    "decoder.kinds.weight": np.zeros((len(Kind), CONFIG.width), np.float32),
}
TOLD = Recital("It is twenty to three.")


class Layers:
    """Behind the mark that asks for an answer they think of the first word of the script, and behind
    each word of the next one."""

    def __init__(self, script: list[int]) -> None:
        self.script = script
        self.since = np.full(CONFIG.max_positions, -1)  # the mark, at each position

    def shallow(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        ask = TABLES["decoder.words.weight"][ASK]
        for at, row in enumerate(x, start):
            before = self.since[at - 1] if at else -1
            self.since[at] = 0 if np.allclose(row, ask) else before + (before >= 0)
        return self._words(start, len(x)), x

    def deep(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        return self._words(start, len(x)), x

    def held(self, length: int) -> Floats:
        return np.zeros((2, 1, 1, length, 1), np.float32)

    def _words(self, start: int, count: int) -> Floats:
        logits = np.zeros((count, len(LEXICON)), np.float32)
        sinces: list[int] = self.since[start : start + count].tolist()
        for row, since in enumerate(sinces):
            word = self.script[since] if 0 <= since < len(self.script) else END
            logits[row, word] = 20.0
        return logits


class Scripted:
    """Networks that hear and see nothing."""

    def __init__(self) -> None:
        self.layers = Layers([])

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        chances = np.zeros((len(pcm), CONFIG.letters_per_frame, CONFIG.classes), np.float32)
        chances[..., 0] = 1.0
        return chances, np.zeros((len(pcm), CONFIG.audio_width), np.float32), samples, frames

    def glance(self, pictures: Pictures) -> Floats:
        return np.zeros((len(pictures), CONFIG.picture_tokens, 4), np.float32)

    def recognise(self, glanced: Floats) -> Floats:
        return np.zeros((len(glanced), CONFIG.picture_tokens, CONFIG.width), np.float32)

    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        return np.ones((len(lengths), CONFIG.width), np.float32)

    def new_cache(self) -> Layers:
        return self.layers


def model(answers: str, lexicon: Lexicon = LEXICON) -> Embedded:
    """A model that answers every question with these words."""
    networks = Scripted()
    networks.layers.script = [*LEXICON.encode(answers.split()), END]
    return Embedded(networks, CONFIG, lexicon, TABLES, 1)


def said(subject: Embedded) -> list[str]:
    """The words of the answers in the log, marks of ends as nothing."""
    return [entry.text.strip() for entry in subject.log(0) if entry.what is What.SAID]


def test_an_answer_that_calls_is_not_heard() -> None:
    subject = model(f"{REMEMBER} key red circle")
    assert subject.abilities.calls == frozenset(BUILTIN)
    assert exchange(subject, "remember my key") == []
    called = subject.call(0)
    assert called is not None and called[0] == "remember"
    assert json.loads(called[1]) == {"name": "key", "value": "a red circle"}
    assert said(subject) == ["", REMEMBER, "key", "red", "circle", ""]  # it knows that it asked


def test_an_answer_that_calls_nothing_is_heard() -> None:
    subject = model("It is red .")
    assert subject.call(0) is None
    assert "".join(exchange(subject, "what colour")) == "It is red."
    assert subject.call(0) is None


def test_a_special_word_behind_others_is_no_word() -> None:
    assert "".join(exchange(model(f"It {TIME}"), "what")).startswith("It")
    assert TIME not in "".join(exchange(model(f"It {TIME}"), "what"))


def test_a_retracted_call_leaves_no_trace() -> None:
    subject = model(TIME)
    before = subject.log(0)
    assert answer(subject, "what time is it") == [] and subject.call(0) is not None
    subject.retract(0)
    assert subject.call(0) is None and subject.log(0) == before


def test_an_output_is_said_as_it_stands_and_its_known_words_stay() -> None:
    subject = model(TIME)
    exchange(subject, "what time is it")
    assert subject.begin([0], [TOLD]) == [(Head.ANSWER, 1.0)]
    assert subject.call(0) is None
    subject.commit(0)
    assert "".join(rest(subject)) == TOLD
    assert said(subject) == ["", TIME, "", "", "It", "is", "to", "three", ".", ""]
    assert subject.counts(0)["deep_passes"] == 0
    assert exchange(subject, "and now") == [] and subject.call(0) is not None


def test_of_an_output_that_was_cut_the_heard_words_stay() -> None:
    subject = model(TIME)
    exchange(subject, "what time is it")
    exchange(subject, TOLD)
    subject.cancel(0, "It is twenty")
    assert said(subject)[-3:] == ["It", "is", ""]
    subject.begin([0], [TOLD])
    subject.retract(0)
    assert said(subject)[-3:] == ["It", "is", ""]


def test_an_output_without_end_fits_the_cache() -> None:
    subject = model(TIME)
    for _ in range(12):
        exchange(subject, "what time is it")
        exchange(subject, Recital("red circle " * 200))
        assert sum(len(entry.x) for entry in subject.log(0)) <= CONFIG.max_positions
        while subject.owed(0):
            subject.lay([0])


def test_weights_without_the_words_call_nothing() -> None:
    plain = Lexicon.of([f"word{index}" for index in range(len(LEXICON) - 5)])
    subject = model(TIME, plain)
    assert subject.abilities.calls == frozenset()
    assert exchange(subject, "what time is it") and subject.call(0) is None


class Deaf:
    """Hears no voice."""

    def judge(self, slots: object, windows: Floats) -> Floats:
        return np.zeros(len(windows), np.float32)

    def reset(self, slot: int) -> None:
        """Nothing is kept."""


@asynccontextmanager
async def inside() -> AsyncGenerator[ThreadedEngine]:
    loop = asyncio.get_running_loop()
    engine = ThreadedEngine(lambda: model(DATE), lambda slots: Deaf(), 1, loop)
    await engine.ready()
    yield engine
    await engine.stop()


@asynccontextmanager
async def apart() -> AsyncGenerator[RemoteEngine]:
    """Behind rings and sockets, as in a process of its own."""
    loop = asyncio.get_running_loop()
    server = EngineServer(lambda: model(DATE), lambda slots: Deaf(), 1, loop)
    await server.ready()
    engine = RemoteEngine(Beside(server), loop)
    await engine.ready()
    yield engine
    await engine.stop()
    await server.stop()


@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("place", [inside, apart])
def test_an_engine_tells_the_call_before_the_last_token(
    place: Callable[[], AbstractAsyncContextManager[ThreadedEngine | RemoteEngine]],
    is_committed: bool,
) -> None:
    async def main() -> list[Event]:
        async with asyncio.timeout(60), place() as engine:
            return await talk(engine)

    async def talk(engine: ThreadedEngine | RemoteEngine) -> list[Event]:
        events: list[Event] = []
        over = asyncio.Event()

        def deliver(deliveries: list[Delivery]) -> None:
            new = [delivery.event for delivery in deliveries]
            events.extend(new)
            if any(isinstance(event, TokensReady) and event.is_last for event in new):
                over.set()

        assert engine.abilities.calls == frozenset(BUILTIN)
        slot = engine.open(deliver)
        engine.start(slot, 1, "which day is it", None)
        if is_committed:
            engine.commit(slot, 1)
        await over.wait()
        over.clear()
        events.append(HeadReady(0, Head.SILENT, 0.0))  # a mark between the two
        engine.commit(slot, 1)
        engine.start(slot, 2, TOLD, None)
        engine.commit(slot, 2)
        await over.wait()
        return events

    events = asyncio.run(main())
    first = events[: events.index(HeadReady(0, Head.SILENT, 0.0))]
    tokens = [event for event in first if isinstance(event, TokensReady)]
    (called,) = [event for event in first if isinstance(event, ToolCalled)]
    assert (called.turn, called.name, called.arguments) == (1, "get_date", "{}")
    assert not any(token.text for token in tokens)
    assert first.index(called) < first.index(tokens[-1])
    told = [e for e in events[len(first) :] if isinstance(e, TokensReady) and e.turn == 2]
    assert "".join(token.text for token in told) == TOLD
