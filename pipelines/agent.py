"""The Python API: an agent in a few lines, with parts of one's own where wanted.

An `Agent` is settings, parts and functions; nothing is loaded before it is run, served or called.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeVar, overload

import msgspec

from ..runtime.clock import Clock, MonotonicClock
from ..runtime.errors import ConfigError, EngineDied
from ..runtime.plugins import PLUGINS
from ..runtime.settings import AudioSettings, Settings, VisionSettings, load
from ..runtime.tools import BUILTIN
from .assembly import PIPELINE, make_pipeline
from .brains import Answering, Brain, FunctionBrain
from .loaded_pipeline import LoadedPipeline, on_a_thread
from .pipeline import Pipeline
from .tailored import Tailored
from .toolbox import Tool, Toolbox
from .voices import VOICE

if TYPE_CHECKING:
    from ..models.stepper import Stepper
    from ..models.voice.threaded import Synthesiser
    from ..runtime.frame_sampler import FrameSampler
    from ..runtime.speech_gate import SpeechGate
    from .call import Call
    from .serve import HostedServer

F = TypeVar("F", bound=Callable[..., object])

PipelineFactory = Callable[[Settings, Clock], Pipeline]
EncodingName = Literal["l16", "mulaw", "alaw"]

_numbers = itertools.count(1)


class Agent:
    """What answers calls: over the network (`run`, `serve`), or in this process (`call`)."""

    def __init__(
        self,
        settings: Settings | Mapping[str, object] | Path | None = None,
        *,
        pipeline: str | PipelineFactory | None = None,
        brain: Brain | None = None,
        stepper: Callable[[Settings], Stepper] | None = None,
        voice: Callable[[], Synthesiser] | None = None,
        gate: Callable[[AudioSettings], SpeechGate] | None = None,
        sampler: Callable[[VisionSettings], FrameSampler] | None = None,
        instructions: str = "",
        clock: Clock | None = None,
    ) -> None:
        """Everything has a default: the embedded model and the embedded voice.

        `settings`: the tree, a TOML file, or `{"turn.eager_silence_ms": 160}`.
        `pipeline`: a name ("fused", "cascade", "echo", a plugin's) or what builds one.
        `brain`: decides the words of a cascade; `@agent.answer` makes one of a function.
        `stepper`: a model of your own on the engine's thread. `voice`: a synthesiser of your own.
        `gate`, `sampler`: decide what is speech, and which pictures are looked at.
        `instructions`: what the model is told; for models that follow instructions.

        Raises `ConfigError` for settings that can't be used, or parts that exclude each other.
        """
        self._settings = _loaded(settings)
        self.tools = Toolbox(self._settings.tools.limit_s)
        self._clock = clock or MonotonicClock()
        self._pipeline = pipeline
        self._brain = brain
        self._stepper = stepper
        self._voice = voice
        self._gate = gate
        self._sampler = sampler
        self._instructions = instructions
        self._host: LoadedPipeline | None = None
        self._loading = asyncio.Lock()
        if voice is not None:
            self._settings = _with(self._settings, "voice", engine=self._register_voice(voice))

    @property
    def settings(self) -> Settings:
        """The whole tree, as it will be used."""
        return self._settings

    # Functions

    @overload
    def tool(self, function: F, /) -> F: ...
    @overload
    def tool(self, /, *, name: str) -> Callable[[F], F]: ...
    def tool(
        self, function: F | None = None, /, *, name: str | None = None
    ) -> F | Callable[[F], F]:
        """Decorates a function that the language model may call: its docstring says when, its
        types say with what. Raises `ConfigError` for one that no model can call."""

        def add(one: F) -> F:
            self.tools.add_function(one, name)
            return one

        return add if function is None else add(function)

    def add_tool(self, tool: Tool) -> None:
        """A tool that is a class of your own."""
        self.tools.add(tool)

    def answer(self, function: Answering, /) -> Answering:
        """Decorates the function that decides what is answered: from what the person said to what
        the agent says. Plain, `async`, or an async generator of pieces."""
        if self._brain is not None:
            raise ConfigError("the agent has a brain already: one function or one brain answers")
        self._brain = FunctionBrain(function)
        return function

    # Over the network

    def run(self, host: str | None = None, port: int | None = None) -> int:
        """Serve until SIGINT or SIGTERM; returns the exit status. Blocks: it has an event loop of
        its own."""
        from .serve import serve

        return serve(self._served(host, port))

    def server(self, host: str | None = None, port: int | None = None) -> HostedServer:
        """A server for an event loop of yours, listening already (port 0 takes a free one). Reads
        files: make it before the loop runs."""
        from .serve import HostedServer

        return HostedServer(self._served(host, port))

    async def serve(self, host: str | None = None, port: int | None = None) -> str:
        """As `server`, then run it until it is cancelled or the pipeline dies; returns why."""
        server = await on_a_thread(lambda: self.server(host, port))
        running = asyncio.get_running_loop().create_task(server.run(), name="server")
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            server.stop()
            await running
            raise

    # In this process

    @asynccontextmanager
    async def call(
        self, *, rate: int = 16_000, encoding: EncodingName = "l16"
    ) -> AsyncGenerator[Call, None]:
        """A conversation in this process; `rate` and `encoding` count for both directions.

        The first call loads the models. Raises `EngineFull` when every place is taken (come again
        in `retry_after_s`), `EngineDied` when nothing can answer any more.
        """
        from ..transports.in_process import InProcess
        from ..transports.telephony.line import Encoding
        from .call import Call

        pipeline = await self._loaded_pipeline()
        peer = InProcess(Encoding(encoding), rate)
        try:
            conversation = pipeline.converse(peer)
        except BaseException:
            peer.shut("refused")
            raise
        if self._instructions:
            peer.ask(_update(self._instructions))
        call = Call(peer, conversation)
        try:
            yield call
        finally:
            await call.hang_up()

    async def load(self) -> None:
        """Load the models now, so that the first call need not wait. Raises what went wrong."""
        await self._loaded_pipeline()

    async def close(self) -> None:
        """Give everything back, after the last call has ended. Idempotent."""
        host, self._host = self._host, None
        if host is not None:
            await host.close()

    async def __aenter__(self) -> Self:
        await self.load()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def is_healthy(self) -> bool:
        """The models are loaded and can take calls."""
        return self._host is not None and self._host.why is None

    def latencies(self) -> dict[str, object]:
        """Latencies and counts of every turn of this process so far; empty before the first load."""
        return {} if self._host is None else self._host.pipeline.totals.summary()

    # Parts

    def build(self, settings: Settings, clock: Clock) -> Pipeline:
        """The pipeline with this agent's parts, nothing loaded yet. Raises `ConfigError`."""
        pipeline = self._bare(settings, clock)
        if self._gate is None and self._sampler is None:
            return pipeline
        return Tailored(pipeline, settings, gate=self._gate, sampler=self._sampler)

    def _bare(self, settings: Settings, clock: Clock) -> Pipeline:
        chosen = [n for n in ("pipeline", "brain", "stepper") if getattr(self, f"_{n}") is not None]
        if len(chosen) > 1 and not (self._brain is not None and self._pipeline == "cascade"):
            raise ConfigError(f"the agent has a {' and a '.join(chosen)}: choose one")
        if self._brain is not None:
            from .cascade import build_with

            self._refuse_tools("a brain of your own decides what is called")
            return build_with(settings, clock, self._brain, "agent")
        if self._stepper is not None:
            from .stepper_pipeline import build

            self._refuse_tools("a stepper of your own decides what is called")
            return build(settings, clock, self._stepper, "agent")
        if self._pipeline is not None and not isinstance(self._pipeline, str):
            self._refuse_tools("a pipeline of your own decides what is called")
            return self._pipeline(settings, clock)
        name = self._pipeline or settings.engine.pipeline
        if name == "cascade":
            from .cascade import build as build_cascade

            return build_cascade(settings, clock, self.tools)
        if name == "fused" and all(tool.name in BUILTIN for tool in self.tools):
            from .fused import build as build_fused

            return build_fused(_with(settings, "engine", pipeline=name), clock, self.tools)
        known = f"calls only {', '.join(BUILTIN)}" if name == "fused" else "calls none"
        self._refuse_tools(f"the pipeline {name!r} {known}; choose pipeline='cascade'")
        return make_pipeline(_with(settings, "engine", pipeline=name), clock)

    def _refuse_tools(self, why: str) -> None:
        if len(self.tools):
            names = ", ".join(tool.name for tool in self.tools)
            raise ConfigError(f"the agent has tools ({names}), and {why}")

    def _register_voice(self, make: Callable[[], Synthesiser]) -> str:
        def voice(settings: object, clock: Clock) -> object:
            from ..models.voice.threaded import ThreadedVoice

            return ThreadedVoice(make, clock=clock)

        name = f"agent-{next(_numbers)}"
        PLUGINS.register(VOICE, name, voice)
        return name

    def _served(self, host: str | None, port: int | None) -> Settings:
        """Settings whose pipeline is this agent's."""
        name = f"agent-{next(_numbers)}"

        def build(_: Settings, clock: Clock) -> Pipeline:
            # What was meant by the settings is built with them, not with the name made up here.
            return self.build(self._settings, clock)

        PLUGINS.register(PIPELINE, name, build)
        settings = _with(self._settings, "engine", pipeline=name)
        places = {"host": host, "port": port}
        given = {key: value for key, value in places.items() if value is not None}
        return _with(settings, "server", **given)

    async def _loaded_pipeline(self) -> Pipeline:
        async with self._loading:
            if self._host is None:
                pipeline = await on_a_thread(lambda: self.build(self._settings, self._clock))
                host = LoadedPipeline(pipeline)
                await host.load()
                self._host = host
        if self._host.why is not None:
            raise EngineDied(f"the agent can't answer any more ({self._host.why}): make a new one")
        return self._host.pipeline


def _loaded(settings: Settings | Mapping[str, object] | Path | None) -> Settings:
    if isinstance(settings, Settings):
        return settings
    if isinstance(settings, Mapping):
        return load(overrides=[f"{path}={value}" for path, value in settings.items()])
    return load(settings)


def _with(settings: Settings, branch: str, **fields: object) -> Settings:
    old = getattr(settings, branch)
    return msgspec.structs.replace(settings, **{branch: msgspec.structs.replace(old, **fields)})


def _update(instructions: str) -> Mapping[str, object]:
    session = {"type": "realtime", "instructions": instructions}
    return {"type": "session.update", "session": session}
