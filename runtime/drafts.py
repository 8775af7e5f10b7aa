"""An answer in the making: a shadow at first, the turn once it is committed, held while somebody
speaks into it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from .effects import Speak
from .events import Energy, Head, ToolCalled, VoiceReady
from .frames import SPEAKING_RATE
from .ledger import Stamps
from .phrases import PhraseSplitter
from .response_options import ResponseOptions
from .response_teller import ResponseTeller
from .token_usage import Usage
from .unplayed import Unplayed


@dataclass(slots=True)
class Hold:
    """Its sound is stopped while it is not known whether it was interrupted."""

    since: float
    """Monotonic seconds."""
    position: int | None = None
    """Samples of it that were sent by then; None until the transport has said so."""
    is_over: bool = False
    """It is to go on as soon as the position is known."""


@dataclass(slots=True)
class Draft:
    """Everything known about one answer."""

    turn: int
    splitter: PhraseSplitter
    progressed: float
    """Monotonic seconds of the last sign of life from the engine or the voice."""
    transcript: str = ""
    """What had been understood when it was judged."""
    is_typed: bool = False
    is_last_try: bool = False
    """Started after the patience with an unfinished sentence ended."""
    windows: int = 1
    """Windows of silence scored with its judgement: its first, and those since in which nothing else
    was understood."""
    is_committed: bool = False
    head: Head | None = None
    confidence: float = 0.0
    """Of the head, 0..1."""
    answer: str = ""
    is_text_done: bool = False
    is_voice_done: bool = False
    is_played: bool = False
    is_mute: bool = False
    """The voice failed: what is left of the answer is only shown."""
    held: list[VoiceReady] = field(default_factory=list[VoiceReady])
    """Audio that is ready before the turn is committed."""
    unplayed: Unplayed = field(default_factory=Unplayed)
    """What a track was given of it and has not sent yet."""
    hold: Hold | None = None
    resumed: int = 0
    """How often it was held for nothing."""
    modal: dict[str, float] = field(default_factory=dict[str, float])
    """Latencies of the last audio and picture that went into it, in milliseconds."""
    stamps: Stamps = field(default_factory=Stamps)
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """What it took of the engine."""
    energy: Energy | None = None
    """What that cost, where anybody can say."""
    options: ResponseOptions = field(default_factory=ResponseOptions)
    teller: ResponseTeller | None = None
    """Who tells the client of it, from the commit on."""
    usage: Usage = field(default_factory=Usage)
    is_counted: bool = False
    """The engine said what it took in."""
    is_capped: bool = False
    """It had more to say than it may."""
    calls: list[ToolCalled] = field(default_factory=list[ToolCalled])
    """Functions called before the turn was committed."""
    play_started: float = 0.0
    play_end: float = 0.0
    """When a client that plays at once will have played all that was sent."""
    ready_words: int = 0
    """Words of the answer known when it was committed."""
    ready_voice_ms: int = 0
    """Audio of it ready by then."""
    _phrases: deque[tuple[str, bool]] = field(default_factory=deque[tuple[str, bool]])
    _has_spoken: bool = False

    def take(self, text: str, is_last: bool) -> None:
        """More of the answer's text, up to as many tokens as it may have."""
        most = self.options.max_tokens
        if text and most is not None and self.usage.tokens >= most:
            text, is_last, self.is_capped = "", True, True
        self.usage.tokens += bool(text)
        self.answer += text
        self.is_text_done = is_last
        self._phrases.extend(self.splitter.push(text, is_last))

    def speak(self) -> list[Speak]:
        """Phrases to voice now: the first one of a shadow, every one of a committed turn."""
        spoken: list[Speak] = []
        while self._phrases and not self.is_mute and (self.is_committed or not self._has_spoken):
            phrase, is_last = self._phrases.popleft()
            self._has_spoken = True
            spoken.append(Speak(self.turn, phrase, is_last))
        return spoken

    @property
    def held_ms(self) -> int:
        """Audio that is ready while nobody hears it yet, in milliseconds."""
        return sum(len(voice.pcm) for voice in self.held) * 1000 // SPEAKING_RATE

    @property
    def is_done(self) -> bool:
        """The response is closed; what is left of it is being played."""
        return self.teller is not None and self.teller.is_done

    def mute(self) -> None:
        """Voice nothing more of it."""
        self.is_mute = True
        self.is_voice_done = True

    @property
    def is_empty(self) -> bool:
        """The model is done and said nothing."""
        return self.is_text_done and not self.answer.strip()
