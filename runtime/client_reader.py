"""Reads one client's messages: events for the session, replies and errors for the client.

Where audio comes in messages it is fed here, no faster than the engine listens (`inlet`), so that a
message behind audio finds that audio heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import messages
from .client_messages import ClientMessages, Translated
from .errors import BadInput
from .events import AudioAppended, Event
from .inlet import Inlet
from .session import Session


class ClientReader:
    """Used by one task of the event loop."""

    def __init__(
        self,
        client: ClientMessages,
        session: Session,
        inlet: Inlet | None,
        happen: Callable[[Event], None],
        reply: Callable[[messages.Message], None],
    ) -> None:
        """`inlet` is None where audio comes on a track."""
        self._client = client
        self._session = session
        self._inlet = inlet
        self._happen = happen
        self._reply = reply

    async def read(self, message: Mapping[str, object]) -> None:
        """What can't be used is answered by an `error` that names the client's event."""
        try:
            await self._understand(message)
        except BadInput as error:
            event_id = message.get("event_id")
            self._reply(
                messages.error(
                    str(error),
                    code=error.code,
                    param=error.param,
                    event_id=event_id if isinstance(event_id, str) else None,
                )
            )

    def begin_with(self, wanted: Mapping[str, object]) -> messages.Message | None:
        """Lay the wanted session over ours; what can't be had of it comes back, to be told."""
        try:
            translated = self._client.translate({"type": "session.update", "session": wanted})
        except BadInput as error:
            return messages.error(str(error), code=error.code, param=error.param)
        for event in translated.events:
            self._happen(event)
        return None

    async def _understand(self, message: Mapping[str, object]) -> None:
        inlet = self._inlet
        kind = message.get("type")
        if inlet is not None and kind == "input_audio_buffer.append":
            await self._append(inlet, message)
            return
        translated = self._client.translate(message)
        if inlet is not None and kind in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            await inlet.finish()  # what was appended before it belongs to it
        if inlet is not None and translated.audio is not None:
            await self._take_item_audio(inlet, translated)
            return
        for event in translated.events:
            self._happen(event)
        for reply in translated.replies:
            self._reply(reply)

    async def _append(self, inlet: Inlet, message: Mapping[str, object]) -> None:
        audio = message.get("audio")
        if not isinstance(audio, str):
            raise BadInput("audio is missing or not base64", code="missing_field", param="audio")
        await inlet.append(audio, self._session.config.audio.input.format.kind)
        self._happen(AudioAppended(inlet.pts))

    async def _take_item_audio(self, inlet: Inlet, translated: Translated) -> None:
        """A recorded message: what was appended before is heard first, then it alone."""
        begun, committed = translated.events
        await inlet.finish()
        self._happen(begun)
        if not self._session.is_taking_item_audio:
            return
        try:
            if translated.audio is not None:
                kind = self._session.config.audio.input.format.kind
                await inlet.append(translated.audio, kind)
            await inlet.finish()
        finally:
            self._happen(committed)
