"""One engine and one voice of the process, and conversations on them: what every pipeline of ours is."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

from ..runtime.abilities import abilities_of
from ..runtime.audio_path import audio_path_of
from ..runtime.clock import Clock
from ..runtime.frames import Pixels
from ..runtime.item_input import EncodedPicture
from ..runtime.ledger import LatencyTotals
from ..runtime.protocols import Engine, Transport, Voice
from ..runtime.runner import SessionRunner
from ..runtime.session import Session
from ..runtime.settings import Settings
from .energy import energy_rate
from .taps import Tapped
from .tool_kit import ToolKit
from .transcription import EMBEDDED, OwnedTranscriber, session_transcriber, transcriber_names

if TYPE_CHECKING:
    from ..models.orders import EngineMetrics


class OwnedEngine(Engine, Protocol):
    """An engine with a life: loaded once, ended once."""

    async def ready(self) -> None:
        """Loaded and warmed up; raises what went wrong."""
        ...

    async def ended(self) -> str:
        """Waits for its end and says why."""
        ...

    async def stop(self) -> None:
        """End it; idempotent."""
        ...


@runtime_checkable
class Metered(Protocol):
    """An engine that counts what it does."""

    @property
    def metrics(self) -> EngineMetrics:
        """Since the start."""
        ...


class OwnedVoice(Voice, Protocol):
    """A voice with a life."""

    async def ready(self) -> None:
        """Started, and ready to speak; raises what went wrong."""
        ...

    async def stop(self) -> None:
        """End it; idempotent."""
        ...


class EnginePipeline:
    """A `Pipeline`. The factories are called by `load`, on the event loop; they must not block."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        make_engine: Callable[[], OwnedEngine],
        make_voice: Callable[[], OwnedVoice],
        hints: Sequence[str],
        clock: Clock,
        *,
        writes_itself: bool = False,
        tools: ToolKit | None = None,
        on_gpu: bool = False,
    ) -> None:
        """`writes_itself`: the engine's own transcript is that of the transcriber in the settings.
        `tools` are functions that its model may call, as far as it can. `on_gpu`: what the GPU takes
        is this engine's."""
        self.name = name
        self.hints = hints
        self.totals = LatencyTotals()
        self._settings = settings
        self._make_engine = make_engine
        self._make_voice = make_voice
        self._clock = clock
        self._engine: OwnedEngine | None = None
        self._voice: OwnedVoice | None = None
        self._writes_itself = writes_itself
        self._tools = tools
        self._transcriber: OwnedTranscriber | None = None
        self._energy = energy_rate(
            settings.engine.watts_per_core, self._engine_busy_s, has_gpu=on_gpu
        )

    @property
    def engine_metrics(self) -> EngineMetrics | None:
        """What the engine counts; None before it is made, and for one that counts nothing."""
        return self._engine.metrics if isinstance(self._engine, Metered) else None

    def _engine_busy_s(self) -> float:
        metrics = self.engine_metrics
        return 0.0 if metrics is None else metrics.busy_s

    async def load(self) -> None:
        """Both at once: the voice is a process of its own, the engine a thread."""
        self._voice = self._make_voice()
        self._engine = self._make_engine()
        self._transcriber = session_transcriber(self._settings.transcription, self._clock)
        await asyncio.gather(self._voice.ready(), self._engine.ready())
        self._energy.start()

    async def ended(self) -> str:
        """The engine's end is the pipeline's; a voice that dies is started again by itself."""
        assert self._engine is not None, "load() comes first"
        return await self._engine.ended()

    def converse(self, transport: Transport) -> SessionRunner:
        """Takes the conversation's places at once, so that a refusal is told at signalling."""
        assert self._engine is not None and self._voice is not None, "load() comes first"
        settings = self._settings
        wanted = transport.wanted if isinstance(transport, Tapped) else None
        writer = settings.transcription.engine
        if writer != EMBEDDED and not self._writes_itself:
            wanted = _with_transcript(wanted or {}, writer)
        able = replace(
            abilities_of(self._engine),
            transcribers=frozenset(transcriber_names(settings.transcription)),
        )
        tools = self._tools
        names = frozenset[str]() if tools is None else tools.names
        own = names if able.tools else names & able.calls
        session = Session(
            f"sess_{secrets.token_hex(12)}",
            turn=settings.turn,
            audio=settings.audio,
            limits=settings.session,
            now=self._clock.now(),
            process_totals=self.totals,
            audio_path=audio_path_of(transport),
            abilities=able,
            own_tools=own,
            tool_rounds=settings.tools.max_rounds,
        )
        runner = SessionRunner(
            session,
            transport,
            self._engine,
            self._voice,
            clock=self._clock,
            vision=settings.vision,
            model=f"visavis-{self.name}",
            voice_name=settings.voice.name,
            wanted=wanted,
            transcriber=self._transcriber,
            tools=tools.conversation() if tools is not None and own else None,
            open_picture=_open_picture,
            energy=self._energy.of,
        )
        runner.open()
        return runner

    async def close(self) -> None:
        """Idempotent."""
        self._energy.stop()
        if self._tools is not None:
            self._tools.close()
        if self._engine is not None:
            await self._engine.stop()
        if self._voice is not None:
            await self._voice.stop()
        if self._transcriber is not None:
            await self._transcriber.stop()


def _with_transcript(wanted: Mapping[str, object], model: str) -> Mapping[str, object]:
    """The session's transcripts are the model's, unless the client wants something else."""
    audio = wanted.get("audio", {})
    source = audio.get("input", {}) if _is_map(audio) else None
    if not _is_map(audio) or not _is_map(source) or "transcription" in source:
        return wanted
    told = {**source, "transcription": {"model": model}}
    return {**wanted, "audio": {**audio, "input": told}}


def _is_map(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def _open_picture(picture: EncodedPicture) -> Pixels:
    """PyAV is imported with the first picture; a server has imported it with WebRTC by then."""
    from ..transports.pictures import EncodedPixels

    return EncodedPixels(picture)
