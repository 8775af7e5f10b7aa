"""Genesys AudioHook in the role of an Audio Connector: JSON with sequence numbers, binary PCMU.

https://developer.genesys.cloud/devapps/audiohook, and the reference implementations of
purecloudlabs and GenesysCloudBlueprints. AudioHook *Monitor* takes no audio back (its clients abort
with 415), so it is refused when it opens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from ...runtime.errors import BadInput
from . import reading
from .line import (
    BROKEN,
    OUT_OF_ORDER,
    UNSUPPORTED,
    Audio,
    Digit,
    Drained,
    Encoding,
    Farewell,
    LineEvent,
    Reply,
    Started,
    Stopped,
    Wire,
)

MAX_BINARY_BYTES = 64_000
"""Genesys refuses larger messages of audio."""
PROBE = "00000000-0000-0000-0000-000000000000"
"""The conversation of a connection probe."""
MAX_ERROR_TEXT = 200
_DURATION = re.compile(r"PT(\d{1,9}(?:\.\d{1,9})?)S")


class _Media(msgspec.Struct):
    type: str = ""
    format: str = ""
    channels: list[str] = []
    rate: int = 0


class _Message(msgspec.Struct):
    type: str
    seq: int
    id: str
    serverseq: int = 0
    version: str = "2"
    position: str | None = None
    parameters: dict[str, object] = {}


class _Open(msgspec.Struct):
    conversationId: str
    media: list[_Media]
    organizationId: str = ""
    inputVariables: dict[str, object] = {}
    participant: dict[str, object] = {}
    language: str = ""


_MESSAGE = msgspec.json.Decoder(_Message)


class GenesysLine:
    """One session. Genesys says when playback has ended, not how far it is."""

    provider = "genesys"
    lead_s = 0.6
    group = 10
    """1600 bytes in one message: Genesys answers many small ones with 429."""
    closes_itself = True
    has_marks = False

    def __init__(self, session_id: str = "", organization_id: str = "") -> None:
        """The ids of the upgrade request's Audiohook headers; empty ones are not compared."""
        self.ignored = 0
        self.rate_limited = 0
        """How often Genesys said that it was sent too much."""
        self.position_s = 0.0
        """How much of the caller's audio there is by Genesys' count."""
        self._session = session_id
        self._organization = organization_id
        self._client_seq = 0
        self._server_seq = 0
        self._is_open = False
        self._is_over = False

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        if isinstance(data, bytes):
            if not self._is_open:
                raise BadInput("audio came before open", code=OUT_OF_ORDER)
            return (Audio(reading.whole(data, Encoding.MULAW)),) if data else ()
        message = reading.typed(reading.text(data, "Genesys"), _MESSAGE)
        if self._is_over:  # all that is left is to answer its farewell
            self._client_seq = message.seq
        else:
            self._check(message)
        match message.type:
            case "open":
                return self._open(message)
            case "ping":
                return (Reply(self._message("pong")),)
            case "close":
                self._is_over = True
                why = str(message.parameters.get("reason", "end"))[:40]
                return (Reply(self._message("closed")), Stopped(f"Genesys closed the call ({why})"))
            case "dtmf":
                return (Digit(reading.digit(message.parameters.get("digit"))),)
            case "playback_completed":
                return (Drained(),)
            case "discarded" | "resumed":
                left_out = _seconds(message.parameters.get("discarded"), "discarded") or 0.0
                return (Audio(b"", discarded_ms=round(left_out * 1000)),)
            case "update":
                return (Reply(self._message("updated")),)
            case "error":
                return self._error(message.parameters)
            case _:  # playback_started, paused and what may come to be
                self.ignored += message.type not in ("playback_started", "paused")
                return ()

    def audio(self, payload: bytes) -> Sequence[Wire]:
        return [
            payload[at : at + MAX_BINARY_BYTES] for at in range(0, len(payload), MAX_BINARY_BYTES)
        ]

    def mark(self, name: str) -> Sequence[Wire]:
        return ()

    def clear(self) -> Sequence[Wire]:
        return (self._event({"type": "barge_in", "data": {}}),)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        """What is said, as a turn of the bot, for Architect flows."""
        transcript = message.get("transcript")
        is_said = message.get("type") == "response.output_audio_transcript.done"
        if not is_said or not self._is_open or self._is_over or not isinstance(transcript, str):
            return ()
        turn = {"disposition": "match", "text": transcript[:4000]}
        return (self._event({"type": "bot_turn_response", "data": turn}),)

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        if self._is_over or not self._session:
            return ()
        self._is_over = True
        parameters = {"reason": farewell.value, "info": why[:MAX_ERROR_TEXT]}
        return (self._message("disconnect", parameters),)

    def _check(self, message: _Message) -> None:
        if message.version != "2":
            raise BadInput(f"version is {message.version[:10]!r}: '2' is spoken", code=OUT_OF_ORDER)
        self._session = self._session or message.id
        if message.id != self._session:
            raise BadInput("the message's id is not the session's", code=OUT_OF_ORDER, param="id")
        if message.seq != self._client_seq + 1:
            raise BadInput(
                f"seq is {message.seq} after {self._client_seq}: each is one more",
                code=OUT_OF_ORDER,
                param="seq",
            )
        if not 0 <= message.serverseq <= self._server_seq:
            raise BadInput(
                f"serverseq is {message.serverseq} and only {self._server_seq} were sent",
                code=OUT_OF_ORDER,
                param="serverseq",
            )
        self._client_seq = message.seq
        position = _seconds(message.position, "position")
        if position is not None:
            if position < self.position_s:
                raise BadInput(
                    f"position went back from {self.position_s} s to {position} s",
                    code=OUT_OF_ORDER,
                    param="position",
                )
            self.position_s = position

    def _open(self, message: _Message) -> Sequence[LineEvent]:
        if self._is_open:
            raise BadInput("a second open", code=OUT_OF_ORDER)
        try:
            wanted = msgspec.convert(message.parameters, _Open)
        except msgspec.ValidationError as error:
            raise BadInput(f"open can't be read: {error}", code=BROKEN) from error
        if self._organization and wanted.organizationId != self._organization:
            raise BadInput(
                "organizationId is not that of the Audiohook-Organization-Id header",
                code=OUT_OF_ORDER,
                param="organizationId",
            )
        is_probe = PROBE in (wanted.conversationId, wanted.participant.get("id"))
        if any("internal" in media.channels for media in wanted.media) and not is_probe:
            raise BadInput(
                "this is AudioHook Monitor, which takes no audio back: add an Audio Connector "
                "integration and call it from the Architect flow",
                code=UNSUPPORTED,
            )
        chosen = next((media for media in wanted.media if _is_ours(media, is_probe)), None)
        if chosen is None and not is_probe:
            raise BadInput(
                "none of the media offered is PCMU at 8000 Hz with the external channel",
                code=UNSUPPORTED,
            )
        self._is_open = True
        media: list[object] = [] if chosen is None else [msgspec.to_builtins(chosen)]
        parameters = {
            **reading.texts(wanted.inputVariables),
            **{f"participant.{k}": v for k, v in reading.texts(wanted.participant).items()},
        }
        if wanted.language:
            parameters["language"] = wanted.language
        return (
            Reply(self._message("opened", {"media": media})),
            Started(
                Encoding.MULAW, 8000, self._session, wanted.conversationId, parameters, is_probe
            ),
        )

    def _error(self, parameters: Mapping[str, object]) -> Sequence[LineEvent]:
        code = parameters.get("code")
        if code == 429:
            self.rate_limited += 1
            return ()
        if code == 415:
            return (
                Stopped(
                    "Genesys takes no audio here: it is AudioHook Monitor, not Audio Connector"
                ),
            )
        self.ignored += 1
        return ()

    def _event(self, entity: Mapping[str, object]) -> str:
        return self._message("event", {"entities": [entity]})

    def _message(self, kind: str, parameters: Mapping[str, object] | None = None) -> str:
        self._server_seq += 1
        return reading.json(
            {
                "version": "2",
                "type": kind,
                "seq": self._server_seq,
                "clientseq": self._client_seq,
                "id": self._session,
                "parameters": parameters or {},
            }
        )


def _is_ours(media: _Media, is_probe: bool) -> bool:
    channels = ["external"] if not is_probe else media.channels
    return (media.type, media.format, media.rate) == ("audio", "PCMU", 8000) and (
        media.channels == channels
    )


def _seconds(duration: object, what: str) -> float | None:
    """`PT1.5S` in seconds; None stays None."""
    if duration is None:
        return None
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None:
        raise BadInput(f"{what} is {str(duration)[:30]!r}: PT…S is needed", code=BROKEN, param=what)
    return float(found.group(1))
