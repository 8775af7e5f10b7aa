"""Chooses the parts that the settings name: the pipeline, and the transport of a browser's call."""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import cast

from ..runtime.clock import Clock, MonotonicClock
from ..runtime.plugins import PLUGINS
from ..runtime.settings import Settings
from ..transports.picture_limits import PictureLimits
from .access import turn
from .calls import Answer, Peer
from .pipeline import Pipeline

PIPELINE = "pipeline"
"""The kind of plugin: a callable from (`Settings`, `Clock`) to a `Pipeline`, `pipeline:mine`."""


def _fused(settings: Settings, clock: Clock) -> Pipeline:
    from .fused import build

    return build(settings, clock)


def _echo(settings: Settings, clock: Clock) -> Pipeline:
    from .echo import build

    return build(settings, clock)


def _cascade(settings: Settings, clock: Clock) -> Pipeline:
    from .cascade import build

    return build(settings, clock)


def _performance(settings: Settings, clock: Clock) -> Pipeline:
    from .performance import build

    return build(settings, clock)


PLUGINS.register(PIPELINE, "fused", _fused)
PLUGINS.register(PIPELINE, "cascade", _cascade)
PLUGINS.register(PIPELINE, "echo", _echo)
PLUGINS.register(PIPELINE, "performance", _performance)


def make_pipeline(settings: Settings, clock: Clock | None = None) -> Pipeline:
    """The pipeline of the settings, not loaded yet. Raises `ConfigError` for an unknown name."""
    factory = PLUGINS.get(PIPELINE, settings.engine.pipeline)
    return cast(Pipeline, factory(settings, clock or MonotonicClock()))  # a plugin carries no type


def answerer(settings: Settings) -> Answer:
    """Answers WebRTC offers. aiortc is imported from now on, beside the models: on the event loop
    its third of a second would be heard by everybody who talks."""
    threading.Thread(target=_import_webrtc, name="import aiortc").start()
    pictures = PictureLimits.of(settings.limits)

    async def answer(sdp: str) -> tuple[str, Peer]:
        from ..transports.webrtc import answer

        return await answer(
            sdp,
            turn.for_session(settings.webrtc, f"server-{secrets.token_hex(6)}"),
            pictures=pictures,
            audio_chunks=settings.audio.microphone_chunks,
        )

    return answer


def _import_webrtc() -> None:
    from ..transports import webrtc

    with contextlib.suppress(webrtc.HookError):  # told to whoever calls
        webrtc.check_aiortc()
