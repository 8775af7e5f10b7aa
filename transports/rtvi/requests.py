"""RTVI's messages from a client, as the events a session understands.

Pure but for the function calls and requests it remembers. A message that can't be used raises
`Refused` with the id the client waits for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec

from ..dialects import Refused
from . import messages

Event = dict[str, object]

MAX_ID = 128
MAX_OPEN = 64
"""Requests and function calls that may wait for their answer; more requests are refused."""
MAX_BUTTONS = 64
MAX_RESULT = 65_536
"""Characters of a function call's result."""

KEYS = frozenset("0123456789*#")
ANSWERED_BY: Mapping[str, str] = {
    "session.update": "session.updated",
    "conversation.item.create": "conversation.item.added",
    "conversation.item.retrieve": "conversation.item.retrieved",
    "conversation.item.delete": "conversation.item.deleted",
    "conversation.item.truncate": "conversation.item.truncated",
    "input_audio_buffer.commit": "input_audio_buffer.committed",
    "input_audio_buffer.clear": "input_audio_buffer.cleared",
    "response.create": "response.created",
    "response.cancel": "response.done",
}
"""What a `client-message` may ask (its `t`), and the server event that is the answer."""
_NOT_TAKEN = {
    "raw-audio": "audio comes over the microphone track of this connection",
    "raw-audio-batch": "audio comes over the microphone track of this connection",
    "send-file": "files are not taken here; pictures come over the camera track",
    "ui-event": "this agent has no part in the page: it takes no UI events",
    "ui-snapshot": "this agent has no part in the page: it takes no UI snapshots",
    "ui-cancel-job-group": "this agent has no part in the page: it runs no UI jobs",
}


@dataclass(slots=True)
class Waiting:
    """A `client-message` that has no answer yet."""

    message_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a message asks for."""

    events: tuple[Event, ...] = ()
    replies: tuple[str, ...] = ()
    ready_id: str | None = None
    """The client is ready, in a message of this id."""
    hang_up: str | None = None


@dataclass(slots=True)
class Requests:
    """Translates one client's messages."""

    open: dict[str, deque[Waiting]] = field(default_factory=dict[str, deque[Waiting]])
    """Requests by the event that answers them, oldest first."""
    calls: dict[str, str] = field(default_factory=dict[str, str])
    """Function calls the client was told of: their id and name."""

    def translate(self, message: Mapping[str, object]) -> Asked:
        """A checked message (an object with a str "type"). Raises `Refused`."""
        if message["type"] == "signalling":
            return _signalled(message)
        if message.get("label") != messages.LABEL:
            raise Refused(
                f"the message's label is {str(message.get('label'))[:80]!r}: "
                f"RTVI messages have {messages.LABEL!r}",
                None,
            )
        kind, message_id = str(message["type"]), message.get("id")
        if not isinstance(message_id, str) or not 0 < len(message_id) <= MAX_ID:
            raise Refused(
                f"{kind[:80]!r} has no id: send a text of at most {MAX_ID} characters", None
            )
        data = message.get("data")
        if data is not None and not isinstance(data, Mapping):
            raise Refused("data is not an object", message_id)
        fields = cast("Mapping[str, object]", data or {})  # JSON keys are strings
        match kind:
            case "client-ready":
                return Asked(ready_id=message_id)
            case "disconnect-bot":
                return Asked(hang_up="the client sent the agent away")
            case "send-text":
                return Asked(_texted(fields, _options(fields, message_id), message_id))
            case "append-to-context":
                if fields.get("role", "user") != "user":
                    raise Refused("only the user's words can be added to the context", message_id)
                return Asked(_texted(fields, fields, message_id, by_default=False))
            case "client-message":
                return self._requested(fields, message_id)
            case "llm-function-call-result":
                return self._call_result(fields, message_id)
            case "dtmf":
                # As on a telephone line: the keys are what the person has to say.
                return Asked(_texted({"content": _keys(fields, message_id)}, {}, message_id))
            case _:
                why = _NOT_TAKEN.get(kind, f"message type {kind[:80]!r} is not known here")
                raise Refused(why, message_id, code="unknown_type")

    def answered(self, kind: str) -> Waiting | None:
        """The oldest request that a server event of this type answers; it waits no more."""
        waiting = self.open.get(kind)
        return waiting.popleft() if waiting else None

    def forget(self, message_id: str) -> None:
        """The request was answered by an error."""
        for waiting in self.open.values():
            for request in [r for r in waiting if r.message_id == message_id]:
                waiting.remove(request)

    def call(self, call_id: str, name: str) -> None:
        """The client is told of a function call; the oldest is forgotten when there are many."""
        self.calls[call_id] = name
        while len(self.calls) > MAX_OPEN:
            del self.calls[next(iter(self.calls))]

    def _requested(self, fields: Mapping[str, object], message_id: str) -> Asked:
        kind, details = fields.get("t"), fields.get("d")
        if not isinstance(kind, str) or kind not in ANSWERED_BY:
            raise Refused(
                f"client message {str(kind)[:80]!r} is not known here; these are: "
                f"{', '.join(ANSWERED_BY)}",
                message_id,
                code="unknown_type",
            )
        if details is not None and not isinstance(details, Mapping):
            raise Refused(f"d of {kind} is not an object", message_id)
        if sum(map(len, self.open.values())) >= MAX_OPEN:
            raise Refused(
                f"{MAX_OPEN} requests wait for an answer already", message_id, code="too_many"
            )
        self.open.setdefault(ANSWERED_BY[kind], deque()).append(Waiting(message_id, kind))
        more = cast("Mapping[str, object]", details or {})
        return Asked(({**more, "type": kind, "event_id": message_id},))

    def _call_result(self, fields: Mapping[str, object], message_id: str) -> Asked:
        call_id, result = fields.get("tool_call_id"), fields.get("result")
        name = self.calls.pop(call_id, None) if isinstance(call_id, str) else None
        if name is None:
            raise Refused(f"no function call {str(call_id)[:80]!r} waits for a result", message_id)
        output = result if isinstance(result, str) else msgspec.json.encode(result).decode()
        if len(output) > MAX_RESULT:
            raise Refused(
                f"the result has {len(output)} characters: at most {MAX_RESULT} are taken",
                message_id,
                code="string_above_max_length",
            )
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        return Asked(
            (
                {"type": "conversation.item.create", "item": item, "event_id": message_id},
                {"type": "response.create", "event_id": message_id},
            ),
            (messages.call_stopped(name, str(call_id), cancelled=False, result=result),),
        )


def _signalled(message: Mapping[str, object]) -> Asked:
    fields = _object(message.get("message"))
    kind = fields.get("type")
    if kind != "trackStatus":
        raise Refused(
            f"signalling {str(kind)[:80]!r} is not known here: a client sends trackStatus", None
        )
    index, is_on = fields.get("receiver_index"), fields.get("enabled")
    if isinstance(index, bool) or not isinstance(index, int) or not isinstance(is_on, bool):
        raise Refused("trackStatus needs receiver_index, a number, and enabled, a boolean", None)
    if index == 0:  # a muted microphone is silent, and silence is heard as such
        return Asked()
    if index == 1:
        return Asked(({"type": "visavis.camera", "is_on": is_on},))
    if is_on:
        raise Refused(
            "a shared screen is not looked at: only the camera is", None, code="screen_not_taken"
        )
    return Asked()


def _options(fields: Mapping[str, object], message_id: str) -> Mapping[str, object]:
    options = fields.get("options")
    if options is not None and not isinstance(options, Mapping):
        raise Refused("options is not an object", message_id)
    return cast("Mapping[str, object]", options or {})


def _texted(
    fields: Mapping[str, object],
    options: Mapping[str, object],
    message_id: str,
    *,
    by_default: bool = True,
) -> tuple[Event, ...]:
    """A typed text; answered at once (a running answer is cut) unless the options say otherwise."""
    content = fields.get("content")
    if not isinstance(content, str) or not content.strip():
        raise Refused("content is not a text with something in it", message_id)
    is_now, is_aloud = options.get("run_immediately"), options.get("audio_response")
    for name, value in (("run_immediately", is_now), ("audio_response", is_aloud)):
        if value is not None and not isinstance(value, bool):
            raise Refused(f"{name} is {str(value)[:80]!r}: true or false is needed", message_id)
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": content}],
    }
    create: Event = {"type": "conversation.item.create", "item": item, "event_id": message_id}
    if not (by_default if is_now is None else is_now):
        return (create,)
    wanted: Event = {} if is_aloud is not False else {"output_modalities": ["text"]}
    return (
        {"type": "output_audio_buffer.clear", "event_id": message_id},
        create,
        {"type": "response.create", "response": wanted, "event_id": message_id},
    )


def _object(value: object) -> Mapping[str, object]:
    """`value`; empty for anything that is no object."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _keys(fields: Mapping[str, object], message_id: str) -> str:
    """One `button` as before protocol 2.1, or several `buttons`."""
    buttons = fields.get("buttons", [fields.get("button")])
    if not isinstance(buttons, list) or not 0 < len(cast("list[object]", buttons)) <= MAX_BUTTONS:
        raise Refused(f"buttons is not a list of 1 to {MAX_BUTTONS} keys", message_id)
    for button in cast("list[object]", buttons):
        if not isinstance(button, str) or button not in KEYS or len(button) != 1:
            raise Refused(f"{str(button)[:80]!r} is no key: 0 to 9, * and # are", message_id)
    return "".join(cast("list[str]", buttons))
