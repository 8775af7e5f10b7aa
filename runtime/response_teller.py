"""Tells the client of one response, in the order the protocol wants, each thing once.

    response.created → output_item.added → conversation.item.added → content_part.added → deltas
    → *.done → content_part.done → output_item.done → conversation.item.done → response.done

Decides nothing; after `done` it is silent but for the playout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import messages
from . import response_messages as say
from .audio_path import AudioFormat, AudioPath
from .effects import Effect, Emit, SendAudio
from .frames import Pcm
from .items import Item, Items, Kept
from .response_options import ResponseOptions


@dataclass(slots=True)
class _Message:
    """The words of the answer, as an item with one content part."""

    part: say.Part
    previous: str | None
    words: str = ""
    are_words_done: bool = False
    has_audio: bool = False
    is_audio_done: bool = False


class ResponseTeller:
    """One response. Every method returns what to send now."""

    def __init__(
        self,
        turn: int,
        options: ResponseOptions,
        *,
        items: Items | None,
        conversation_id: str | None,
        new_id: Callable[[str], str],
        path: AudioPath,
    ) -> None:
        """`items` and `conversation_id` are None for a response outside of the conversation."""
        self.turn = turn
        self.response_id = new_id("resp")
        self.answer_id = new_id("item")
        """What the answer's words will be as an item, if there are any."""
        self.is_done = False
        self.is_playing = False
        self._options = options
        self._items = items
        self._conversation_id = conversation_id
        self._new_id = new_id
        self._path = path
        self._message: _Message | None = None
        self._output: list[Item] = []

    @property
    def item_id(self) -> str | None:
        """Of the answer's words; None while there are none."""
        return self._message.part.item_id if self._message is not None else None

    def began(self, *, is_eager: bool) -> list[Effect]:
        """The response exists. `is_eager`: there will be words, so their item is told as well."""
        told = [say.created(self._snapshot("in_progress"))]
        return [*_emits(told), *(self._open() if is_eager else [])]

    def words(self, text: str) -> list[Effect]:
        """More words."""
        if not text or self.is_done:
            return []
        effects = self._open()
        message = self._message
        assert message is not None
        if message.are_words_done:
            return []
        message.words += text
        return [*effects, Emit(say.words_delta(message.part, text))]

    def words_done(self) -> list[Effect]:
        """No more words."""
        message = self._message
        if message is None or message.are_words_done or self.is_done:
            return []
        message.are_words_done = True
        return [Emit(say.words_done(message.part, message.words.strip()))]

    def audio(self, pcm: Pcm, *, is_last: bool) -> list[Effect]:
        """Voice that goes out inside messages."""
        if self.is_done:
            return []
        effects = self._open()
        message = self._message
        assert message is not None
        message.has_audio = True
        audio = SendAudio(say.audio_delta(message.part), pcm, self._options.format, is_last)
        return [*effects, audio, *(self._audio_done(message) if is_last else [])]

    def call(self, call_id: str, name: str, arguments: str) -> tuple[str, list[Effect]]:
        """A whole function call; returns its item's id."""
        item_id = self._new_id("item")
        index = len(self._output)
        part = say.Part(self.response_id, item_id, index, has_voice=False)
        begun = messages.call_item(item_id, call_id, name, "", "in_progress")
        whole = messages.call_item(item_id, call_id, name, arguments, "completed")
        self._output.append(whole)
        told = [say.item_added(self.response_id, index, begun)]
        previous = None
        if self._items is not None:
            previous = self._items.add(item_id, Kept(whole, self.turn, is_answer=True))
            told.append(messages.item_added(begun, previous))
        told += [
            say.arguments_delta(part, call_id, arguments),
            say.arguments_done(part, call_id, name, arguments),
            say.item_done(self.response_id, index, whole),
        ]
        if self._items is not None:
            told.append(messages.item_done(whole, previous))
        return item_id, _emits(told)

    def done(
        self,
        status: str,
        usage: Mapping[str, object],
        details: Mapping[str, object] | None = None,
    ) -> list[Effect]:
        """Closes everything, once. `status`: completed | cancelled | incomplete | failed."""
        if self.is_done:
            return []
        told = self.words_done()
        message = self._message
        if message is not None:
            told += self._audio_done(message)
            words = message.words.strip()
            item = self._shown(
                message, words, "completed" if status == "completed" else "incomplete"
            )
            self._output[message.part.output_index] = item
            told += _emits(
                [
                    say.part_done(message.part, words),
                    say.item_done(self.response_id, message.part.output_index, item),
                ]
            )
            if self._items is not None:
                self._items.replace(message.part.item_id, item)
                told.append(Emit(messages.item_done(item, message.previous)))
        self.is_done = True
        whole = self._snapshot(status, details, usage)
        return [*told, Emit(say.done(whole))]

    def heard_only(self, heard: str) -> None:
        """The item keeps only what was heard."""
        message = self._message
        if message is not None and self._items is not None:
            item = self._shown(message, heard.strip(), "incomplete")
            self._items.replace(message.part.item_id, item)

    # Playout, which only a track has

    def playout_began(self) -> list[Effect]:
        """The first audio goes out."""
        if self._path is not AudioPath.TRACK or self.is_playing or self.is_done:
            return []
        self.is_playing = True
        return [Emit(say.playout_started(self.response_id))]

    def playout_over(self) -> list[Effect]:
        """Everything was played."""
        if not self.is_playing:
            return []
        self.is_playing = False
        return [Emit(say.playout_stopped(self.response_id))]

    def playout_cut(self, heard_ms: int) -> list[Effect]:
        """What was not played yet never will be."""
        if not self.is_playing:
            return []
        self.is_playing = False
        told = [say.playout_cleared(self.response_id)]
        if self.item_id is not None and self._items is not None:
            told.append(messages.item_truncated(self.item_id, heard_ms))
        return _emits(told)

    # Inside

    def _open(self) -> list[Effect]:
        if self._message is not None:
            return []
        index = len(self._output)
        if self._items is not None and self.answer_id in self._items:
            self.answer_id = self._new_id("item")  # a client has taken it meanwhile
        part = say.Part(self.response_id, self.answer_id, index, has_voice=self._options.has_voice)
        message = _Message(part, None)
        self._message = message
        item = self._shown(message, None, "in_progress")
        self._output.append(item)
        told = [say.item_added(self.response_id, index, item)]
        if self._items is not None:
            kept = Kept(item, self.turn, is_answer=True)
            message.previous = self._items.add(part.item_id, kept)
            told.append(messages.item_added(item, message.previous))
        return _emits([*told, say.part_added(part)])

    def _audio_done(self, message: _Message) -> list[Effect]:
        if not message.has_audio or message.is_audio_done:
            return []
        message.is_audio_done = True
        return [Emit(say.audio_done(message.part))]

    def _shown(self, message: _Message, words: str | None, status: str) -> Item:
        return messages.answer_item(
            message.part.item_id, words, status, has_voice=self._options.has_voice
        )

    def _snapshot(
        self,
        status: str,
        details: Mapping[str, object] | None = None,
        usage: Mapping[str, object] | None = None,
    ) -> messages.Message:
        options = self._options
        return say.snapshot(
            self.response_id,
            status,
            self._output if status != "in_progress" else [],
            conversation_id=self._conversation_id,
            shape={
                "output_modalities": list(options.modalities),
                "metadata": None if options.metadata is None else dict(options.metadata),
                "max_output_tokens": "inf" if options.max_tokens is None else options.max_tokens,
                "audio": {
                    "output": {"format": _shown_format(options.format), "voice": options.voice}
                },
            },
            details=details,
            usage=usage,
        )


def _shown_format(kind: AudioFormat) -> messages.Message:
    if kind is AudioFormat.PCM:
        return {"type": kind.value, "rate": kind.rate}
    return {"type": kind.value}


def _emits(told: list[messages.Message]) -> list[Effect]:
    return [Emit(message) for message in told]
