"""A pipeline whose conversations have gates of one's own."""

from __future__ import annotations

from collections.abc import Callable

from ..runtime.errors import ConfigError
from ..runtime.frame_sampler import FrameSampler
from ..runtime.protocols import Transport
from ..runtime.runner import SessionRunner
from ..runtime.settings import AudioSettings, Settings, VisionSettings
from ..runtime.speech_gate import SpeechGate
from .calls import Conversation
from .pipeline import Pipeline


class Tailored:
    """A `Pipeline` around another one."""

    def __init__(
        self,
        inner: Pipeline,
        settings: Settings,
        *,
        gate: Callable[[AudioSettings], SpeechGate] | None = None,
        sampler: Callable[[VisionSettings], FrameSampler] | None = None,
    ) -> None:
        """`gate` and `sampler` make one for every conversation."""
        self.name = inner.name
        self.hints = inner.hints
        self.totals = inner.totals
        self._inner = inner
        self._settings = settings
        self._gate = gate
        self._sampler = sampler

    async def load(self) -> None:
        """The inner pipeline's."""
        await self._inner.load()

    async def ended(self) -> str:
        """The inner pipeline's."""
        return await self._inner.ended()

    def converse(self, transport: Transport) -> Conversation:
        """Raises `ConfigError` when the inner pipeline brings conversations of its own kind."""
        conversation = self._inner.converse(transport)
        if not isinstance(conversation, SessionRunner):
            conversation.release()
            raise ConfigError(
                f"the pipeline {self.name!r} brings its own conversations: it takes no gate"
            )
        if self._gate is not None:
            conversation.session.gate = self._gate(self._settings.audio)
        if self._sampler is not None:
            conversation.sampler = self._sampler(self._settings.vision)
        return conversation

    async def close(self) -> None:
        """The inner pipeline's."""
        await self._inner.close()
