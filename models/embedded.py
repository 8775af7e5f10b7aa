"""The embedded model as the engine steps it: streaming prefill, shadows, exact early exit.

A slot's cache is a log of entries in the order they came: pictures, words asked, words said.
Whatever must be dropped (a shadow, noise, the unheard end of an answer) is a cut at an entry and,
where later entries stay, their re-entry. The cache follows the log a few positions at a time
(`lay`); an answer begins with all that is owed in one pass. Runs on one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..runtime.events import Head, TokensTaken
from .compress import RunCompressor
from .config import SPAN, Kind, ModelConfig
from .lexicon import ASK, CAMERA_OFF, END, MARKS, SILENT, WAIT, Lexicon
from .networks import Floats, Networks, OnnxNetworks, WeightFile
from .positions import PositionCache
from .spelling import LETTERS, LONGEST, SPACE, spell, word_spans
from .stepper import SlotFailed
from .typed_text import normalize
from .window import CONTEXT, Entry, Left, What, length, newest_words, shortened
from .word_search import Dictionary, WordSearch

LAID_AT_ONCE = 9
"""Positions laid into the cache in one step: nine take about as long as the vision encoder (1.4 ms
beside 1.3 on one core), so that neither alone is the longest step; more would be, fewer cost more."""

PICTURES_PER_UTTERANCE = 2
"""Changed pictures taken in while a person speaks; a later one waits for the question's end."""

CHANGED = 5.0
"""Mean difference of 8-bit colour over coarse blocks from which a picture is another one."""

DRAFT = 4
"""Words drafted at the first exit before the deep layers verify them together."""

LETTERS_TYPED = 120
"""Longest typed question, in letters, that fits beside the context."""

ANSWER_WORDS = 60
"""Words after which an answer ends, whatever the model would say next."""

RESERVE = ANSWER_WORDS + DRAFT + 2
"""Positions kept free for an answer with its mark and its drafts."""

R = TypeVar("R")

Run = tuple[Floats, Floats]
"""A letter as heard: posteriors [C] and encoder latent [A]."""


@dataclass(slots=True)
class Answer:
    """A shadow or turn. `log` is how many entries there were before it."""

    log: int
    utterance: int
    ask: Entry  # the mark behind which its words follow
    logits: Floats  # [W] of the first word, not said yet
    said: list[int] = field(default_factory=list[int])
    verified: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    is_over: bool = False
    is_committed: bool = False
    cached: int = 0  # positions that lay in the cache when it began
    added: int = 0  # positions that went in with its first pass
    drafted: int = 0
    accepted: int = 0
    passes: int = 0  # of the layers above the first exit
    certainty: float = 1.0  # the product of its words' chances


@dataclass(slots=True)
class Conversation:
    """One slot."""

    log: list[Entry] = field(default_factory=list[Entry])
    waiting: list[Entry] = field(default_factory=list[Entry])  # came while an answer was under way
    utterance: int = 0
    is_closed: bool = False  # the utterance was answered: it can't be forgotten any more
    letters: str = ""
    word: list[Run] = field(default_factory=list[Run])  # letters of the word in progress
    unsearched: list[Run] = field(default_factory=list[Run])  # letters the transcript has not yet
    compressor: RunCompressor = field(default_factory=RunCompressor)
    pictures: int = 0  # taken in during this utterance
    held_back: Entry | None = None
    coarse: Floats | None = None  # of the newest picture
    answer: Answer | None = None
    told: Answer | None = None  # decoded to its end, but a person may still cut it short
    newest: dict[str, int] = field(default_factory=dict[str, int])  # counts of a dropped answer
    left: Left = field(default_factory=Left)


def open_embedded(weights: WeightFile, slots: int, threads: int = 1) -> Embedded:
    """The model of a weight file in ONNX Runtime, with places for `slots` conversations.

    Transcripts are words of the dictionary beside the weights (`nano.words.json`), where one is.
    """
    networks = OnnxNetworks(weights, threads)
    words = weights.path.with_suffix(".words.json")
    dictionary = Dictionary.load(words) if words.exists() else None
    return Embedded(networks, weights.config, weights.lexicon, weights.tensors, slots, dictionary)


class Embedded:
    """A `Stepper` over the embedded model."""

    def __init__(
        self,
        networks: Networks,
        config: ModelConfig,
        lexicon: Lexicon,
        tables: Mapping[str, npt.NDArray[np.float32]],
        slots: int,
        dictionary: Dictionary | None = None,
    ) -> None:
        """`tables`: the weight file's tensors, for looking up words and kinds. Without a dictionary
        a transcript is what was heard letter by letter."""
        self.slots = slots
        self.picture_size = (config.picture, config.picture)
        self._config, self._lexicon, self._networks = config, lexicon, networks
        kinds = tables["decoder.kinds.weight"]
        self._words: Floats = tables["decoder.words.weight"] + kinds[Kind.WORD]
        self._voice_kind, self._typed_kind = kinds[Kind.VOICE], kinds[Kind.TYPED]
        self._caches = [PositionCache(networks, config) for _ in range(slots)]
        self._samples: Floats = np.zeros((slots, SPAN - config.hop), np.float32)
        frames = sum(2 * d for d in config.dilations)
        self._frames: Floats = np.zeros((slots, frames, config.audio_width), np.float32)
        self._talks = [Conversation() for _ in range(slots)]
        self._only_words: Floats = np.zeros(len(lexicon), np.float32)
        self._only_words[: len(MARKS)] = -np.inf
        self._words_or_end: Floats = self._only_words.copy()
        self._words_or_end[END] = 0.0
        self._searches = (
            [] if dictionary is None else [WordSearch(dictionary) for _ in range(slots)]
        )
        self.drafted = self.accepted = 0
        for slot in range(slots):
            self.reset(slot)

    # What comes in ----------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Run every kind of step once."""
        for _ in range(3):
            self.reset(0)
            self.open_utterance(0)
            self.look([0], np.zeros((1, *self.picture_size, 3), np.uint8))
            self.hear([0], np.zeros((1, self._config.window), np.float32))
            self.begin([0], ["what do you see"])
            for _ in range(12):
                if self.next([0])[0][1]:
                    break
        self.reset(0)

    def reset(self, slot: int) -> None:
        """A fresh conversation."""
        self._talks[slot] = Conversation()
        self._unread(slot)
        self._caches[slot].cut(0)
        self._silence(slot)
        self._take(slot, self._mark(CAMERA_OFF, What.PICTURE, 0))

    def open_utterance(self, slot: int) -> None:
        """A new utterance's latents begin."""
        self._unread(slot)
        self._silence(slot)
        self._number_utterance(slot)

    def hear(self, slots: Sequence[int], windows: npt.NDArray[np.float32]) -> list[bool]:
        """One step of the audio encoder for B slots; finished words go to the caches."""
        rows = list(slots)
        chances, latents, samples, frames = self._networks.hear(
            windows, self._samples[rows], self._frames[rows]
        )

        def listen(row: int) -> bool:
            slot = slots[row]
            before = self._spelled(slot)
            for chance in chances[row]:
                closed = self._talks[slot].compressor.feed(chance, latents[row])
                if closed is not None:
                    self._letter(slot, closed)
            self._samples[slot], self._frames[slot] = samples[row], frames[row]
            return self.transcript(slot) != before

        return _each(len(rows), listen)

    def transcript(self, slot: int) -> str:
        """What was understood of the utterance so far."""
        if not self._searches:
            return self._spelled(slot)
        talk, search = self._talks[slot], self._searches[slot]
        for run in talk.unsearched:
            search.feed(run[0])
        talk.unsearched = []
        open_run = talk.compressor.peek()
        return search.text(None if open_run is None else open_run[0])

    def _spelled(self, slot: int) -> str:
        """What was heard, letter by letter."""
        talk = self._talks[slot]
        open_run = talk.compressor.peek()
        tail = "" if open_run is None else _letter_of(open_run[0])
        return " ".join((talk.letters + tail).split())

    def look(self, slots: Sequence[int], pictures: npt.NDArray[np.uint8]) -> list[bool]:
        """Take in those pictures that differ from the one before."""

        def see(row: int) -> bool:
            talk, picture = self._talks[slots[row]], pictures[row]
            coarse = _coarse(picture)
            is_new = talk.coarse is None or float(np.abs(coarse - talk.coarse).mean()) > CHANGED
            if is_new:
                x = self._networks.see(picture[None])[0]
                talk.coarse = coarse
                self._picture(slots[row], Entry(What.PICTURE, x, talk.utterance))
            return is_new

        return _each(len(slots), see)

    def owed(self, slot: int) -> int:
        """Positions of the log that are not in the cache yet."""
        return length(self._talks[slot].log) - self._caches[slot].used

    def lay(self, slots: Sequence[int]) -> list[int]:
        """The next `LAID_AT_ONCE` positions of each slot."""

        def some(row: int) -> int:
            self._lay(slots[row], LAID_AT_ONCE)
            return self.owed(slots[row])

        return _each(len(slots), some)

    def set_camera(self, slot: int, is_on: bool) -> None:
        """Off: the model is told that it has no eyes. On: the next picture tells it otherwise."""
        talk = self._talks[slot]
        talk.coarse = None
        if not is_on:
            self._picture(slot, self._mark(CAMERA_OFF, What.PICTURE, talk.utterance))

    # Answers ----------------------------------------------------------------------------------

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        """Begin answers to what was heard, or to typed texts."""
        return _each(len(slots), lambda row: self._begin(slots[row], texts[row]))

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        """The next word of each answer: the full depth's choice, drafted early where it pays."""
        return _each(len(slots), lambda row: self._next(slots[row]))

    def certainty(self, slot: int) -> float:
        """How sure the answer under way, or the last one, is of its words so far: 0 to 1."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        return 0.0 if answer is None else answer.certainty

    def counts(self, slot: int) -> dict[str, int]:
        """Of the newest answer: positions that lay in the cache when it began, positions that went
        in with its first pass, its words, words drafted and accepted, passes of the deep layers."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        return dict(talk.newest) if answer is None else _counts(answer)

    def taken(self, slot: int) -> TokensTaken:
        """Positions of the slot's context by where they come from; marks and what was said before
        count as text."""
        image = audio = text = 0
        for entry in self._talks[slot].log:
            positions = len(entry.x)
            if entry.what is What.PICTURE and positions > 1:  # one is the mark of no camera
                image += positions
            elif entry.what is What.ASKED and not entry.is_typed:
                audio += positions
            else:
                text += positions
        return TokensTaken(text, audio, image)

    def log(self, slot: int) -> tuple[Entry, ...]:
        """What the slot's cache holds or is owed, in order."""
        return tuple(self._talks[slot].log)

    def left(self, slot: int) -> Left:
        """What left the window of this conversation."""
        return self._talks[slot].left

    def retract(self, slot: int) -> None:
        """Drop the shadow."""
        talk = self._talks[slot]
        if talk.answer is not None:
            self._cut(slot, talk.answer.log)
            talk.newest, talk.answer = _counts(talk.answer), None
            self._catch_up(slot)

    def commit(self, slot: int) -> None:
        """The shadow becomes the turn. What was heard of its utterance since it began is dropped:
        the engine brings those windows again with the next utterance."""
        talk = self._talks[slot]
        answer = talk.answer
        if answer is None:
            return
        answer.is_committed = True
        talk.held_back = None  # it went in when the answer began
        talk.waiting = [
            entry
            for entry in talk.waiting
            if entry.what is not What.ASKED or entry.utterance != answer.utterance
        ]
        if talk.utterance == answer.utterance:
            talk.is_closed = True
            self._unread(slot)
        if answer.is_over:
            self._finish(slot)

    def cancel(self, slot: int, heard: str) -> None:
        """Keep of the answer only the words that were heard, also when all were decoded."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        if answer is None:
            return
        text, keep = "", 0
        wanted = heard.strip()
        for index, word in enumerate(answer.said):
            if len(text) >= len(wanted):
                break
            text += self._lexicon.text(word, not text)
            keep = index + 1
        self._retell(slot, answer, answer.said[:keep])
        talk.newest = _counts(answer)
        talk.answer = talk.told = None
        self._catch_up(slot)

    def forget(self, slot: int) -> None:
        """Drop the words of the utterance in progress, and a shadow on it; pictures stay."""
        talk = self._talks[slot]
        answer = talk.answer
        if answer is not None and not answer.is_committed:
            self._cut(slot, answer.log)
            talk.answer = answer = None
        self._unread(slot)

        def stays(entry: Entry) -> bool:
            return (
                entry.what is not What.ASKED or talk.is_closed or entry.utterance != talk.utterance
            )

        talk.waiting = [entry for entry in talk.waiting if stays(entry)]
        if answer is None:
            first = next((i for i, e in enumerate(talk.log) if not stays(e)), len(talk.log))
            later = [entry for entry in talk.log[first:] if stays(entry)]
            if talk.held_back is not None:
                later.append(talk.held_back)
            self._cut(slot, first)
            talk.pictures = 0
            # No words lie between these pictures any more: each replaces the one before.
            for entry in later:
                self._enter(slot, entry)
            self._catch_up(slot)

    # Inside -----------------------------------------------------------------------------------

    def _begin(self, slot: int, text: str | None) -> tuple[Head, float]:
        talk = self._talks[slot]
        if talk.answer is not None:
            self._finish(slot)
        talk.told = None
        if talk.is_closed:  # typed, with nothing said since the last answer
            self._number_utterance(slot)
        entries: list[Entry] = []
        if text is None:
            open_run = talk.compressor.peek()
            letters = talk.word if open_run is None else [*talk.word, open_run]
            letters = letters if not letters or not _is_space(letters[-1]) else letters[:-1]
            if letters:
                entries.append(self._heard(letters, talk.utterance))
        else:
            typed = self._typed(normalize(text)[:LETTERS_TYPED], talk.utterance)
            if typed is not None:
                entries.append(typed)
        ask = self._mark(ASK, What.SAID, talk.utterance)
        entries.append(ask)
        self._make_room(slot, self._config.picture_tokens + sum(len(e.x) for e in entries))
        if talk.held_back is not None:
            entries.insert(0, talk.held_back)
        start, cached = len(talk.log), self._caches[slot].used
        talk.log += entries
        # One pass for all that was missing, and the mark that asks for the answer.
        logits = self._lay(slot)[-1]
        added = self._caches[slot].used - cached
        talk.answer = Answer(start, talk.utterance, ask, logits, cached=cached, added=added)
        talk.answer.passes = 1
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        wait, silent = float(chances[WAIT]), float(chances[SILENT])
        answer = 1.0 - wait - silent
        if text is not None or answer >= max(wait, silent):
            return Head.ANSWER, answer
        return (Head.WAIT, wait) if wait >= silent else (Head.SILENT, silent)

    def _next(self, slot: int) -> tuple[str, bool]:
        talk = self._talks[slot]
        answer = talk.answer
        if answer is None or answer.is_over:
            return "", True
        if not answer.said:
            word, chance = _choice(answer.logits + self._only_words)
        else:
            if not answer.verified:
                self._draft_and_verify(slot, answer)
            word, chance = answer.verified.pop(0)
        answer.certainty *= chance
        if word == END or len(answer.said) >= ANSWER_WORDS:
            if word == END:
                talk.log.append(self._mark(END, What.SAID, answer.utterance))
            else:  # the cache may hold words that were drafted but are not said
                self._retell(slot, answer, answer.said)
            answer.is_over = True
            if answer.is_committed:
                self._finish(slot)
            return "", True
        text = self._lexicon.text(word, not answer.said)
        answer.said.append(word)
        return text, False

    def _draft_and_verify(self, slot: int, answer: Answer) -> None:
        """Exact early exit: words drafted at the first exit, verified by the layers above it over
        the same cache in one pass (self-speculative decoding, Elhoushi et al. 2024).

        Afterwards the cache holds all said words whose successors are known, and `verified` those
        successors: exactly what the full depth alone would have chosen.
        """
        cache, talk = self._caches[slot], self._talks[slot]
        words = [answer.said[-1]]
        draft = cache.draft()
        for _ in range(DRAFT):
            guess = int((draft.add(self._words[words[-1]]) + self._words_or_end).argmax())
            words.append(guess)
            if guess == END:
                break
        chosen = [_choice(row + self._words_or_end) for row in draft.verify()]
        agreed = 1
        while agreed < len(chosen) and chosen[agreed - 1][0] == words[agreed]:
            agreed += 1
        draft.keep(agreed)
        self.drafted += len(chosen)
        self.accepted += agreed
        answer.drafted += len(chosen)
        answer.accepted += agreed
        answer.passes += 1
        for word in words[:agreed]:
            talk.log.append(self._mark(word, What.SAID, answer.utterance))
        answer.verified = chosen[:agreed]

    def _finish(self, slot: int) -> None:
        """The answer under way is history now; what came meanwhile goes in behind it."""
        talk = self._talks[slot]
        talk.told, talk.answer = talk.answer, None
        talk.held_back = None
        self._catch_up(slot)

    def _catch_up(self, slot: int) -> None:
        talk = self._talks[slot]
        waiting, talk.waiting = talk.waiting, []
        for entry in waiting:
            self._enter(slot, entry)

    def _retell(self, slot: int, answer: Answer, said: Sequence[int]) -> None:
        """Of the answer the cache holds just these words; what came after it stays behind it."""
        talk = self._talks[slot]
        at = next((i for i, entry in enumerate(talk.log) if entry is answer.ask), None)
        if at is None:
            return  # the context was shortened meanwhile
        later = [entry for entry in talk.log[at + 1 :] if entry.what is not What.SAID]
        self._cut(slot, at + 1)
        told = [self._mark(word, What.SAID, answer.utterance) for word in (*said, END)]
        talk.log += [*told, *later]

    def _number_utterance(self, slot: int) -> None:
        """What comes in from now on belongs to another utterance."""
        talk = self._talks[slot]
        talk.utterance += 1
        talk.is_closed = False
        talk.pictures = 0
        if talk.answer is None:
            self._shorten(slot)

    def _letter(self, slot: int, run: Run) -> None:
        """A heard letter is complete; with a space, so is a word."""
        talk = self._talks[slot]
        talk.letters += _letter_of(run[0])
        talk.unsearched.append(run)
        if not _is_space(run):
            talk.word.append(run)
        if talk.word and (_is_space(run) or len(talk.word) == LONGEST):
            entry = self._heard(talk.word, talk.utterance)
            talk.word = []
            if talk.answer is not None:
                talk.waiting.append(entry)
            else:
                self._take(slot, entry)

    def _picture(self, slot: int, entry: Entry) -> None:
        """The newest picture replaces one nothing was said over; while a person speaks only so many
        are taken in, and the newest of the rest waits for the question's end."""
        talk = self._talks[slot]
        if talk.answer is not None:
            talk.waiting = [e for e in talk.waiting if e.what is not What.PICTURE] + [entry]
            return
        if talk.log[-1].what is What.PICTURE:
            self._cut(slot, len(talk.log) - 1)
        elif talk.log[-1].what is What.ASKED:
            if talk.pictures >= PICTURES_PER_UTTERANCE:
                talk.held_back = entry
                return
            talk.pictures += 1
        talk.held_back = None
        self._take(slot, entry)

    def _enter(self, slot: int, entry: Entry) -> None:
        if entry.what is What.PICTURE:
            self._picture(slot, entry)
        else:
            self._take(slot, entry)

    def _take(self, slot: int, entry: Entry) -> None:
        """Into the log, while no answer is under way."""
        self._make_room(slot, len(entry.x))
        self._talks[slot].log.append(entry)

    def _lay(self, slot: int, most: int | None = None) -> Floats:
        """Of what is owed the first `most` positions (all when None) go into the cache in one pass;
        word logits [T, W] behind each."""
        cache, skip = self._caches[slot], self._caches[slot].used
        owed: list[Floats] = []
        for entry in self._talks[slot].log:
            if skip < len(entry.x):
                owed.append(entry.x[skip:])
            skip = max(0, skip - len(entry.x))
        if not owed:
            return np.zeros((0, len(self._lexicon)), np.float32)
        return cache.append(np.concatenate(owed)[:most])

    def _cut(self, slot: int, entries: int) -> None:
        talk, cache = self._talks[slot], self._caches[slot]
        del talk.log[entries:]
        cache.cut(min(cache.used, length(talk.log)))

    def _shorten(self, slot: int) -> None:
        """Begin again with the newest picture and the last exchanges over it, where they fit."""
        talk = self._talks[slot]
        if length(talk.log) > CONTEXT:
            self._begin_again(slot, shortened(talk.log, talk.held_back is not None))

    def _make_room(self, slot: int, positions: int) -> None:
        """However long somebody talks, there is room for so many positions and an answer."""
        talk = self._talks[slot]
        if length(talk.log) + positions + RESERVE > self._config.max_positions:
            self._begin_again(slot, newest_words(talk.log))

    def _begin_again(self, slot: int, kept: Sequence[Entry]) -> None:
        talk = self._talks[slot]
        picture = talk.held_back or next(
            entry for entry in reversed(talk.log) if entry.what is What.PICTURE
        )
        stays = {id(picture), *map(id, kept)}
        talk.left = talk.left.and_these([entry for entry in talk.log if id(entry) not in stays])
        self._cut(slot, 0)
        talk.held_back = None
        talk.log = [picture, *kept]

    def _mark(self, word: int, what: What, utterance: int) -> Entry:
        text = self._lexicon.text(word, False) if word >= len(MARKS) else ""
        return Entry(what, self._words[word : word + 1], utterance, text)

    def _heard(self, word: Sequence[Run], utterance: int) -> Entry:
        chances = np.stack([chance for chance, _ in word])[None]
        latents = np.stack([latent for _, latent in word])[None]
        x = self._networks.read(chances, latents, np.array([len(word)]))
        text = "".join(_letter_of(chance) for chance, _ in word)
        return Entry(What.ASKED, x + self._voice_kind, utterance, text)

    def _typed(self, text: str, utterance: int) -> Entry | None:
        classes = spell(text)
        spans = word_spans(classes)
        if not spans:
            return None
        config = self._config
        longest = max(end - start for start, end in spans)
        chances = np.zeros((len(spans), longest, config.classes), np.float32)
        for row, (start, end) in enumerate(spans):
            chances[row, range(end - start), classes[start:end]] = 1.0
        latents = np.zeros((len(spans), longest, config.audio_width), np.float32)
        lengths = np.array([end - start for start, end in spans])
        x = self._networks.read(chances, latents, lengths)
        return Entry(What.ASKED, x + self._typed_kind, utterance, text, is_typed=True)

    def _unread(self, slot: int) -> None:
        """Letters and words in progress are dropped."""
        talk = self._talks[slot]
        talk.letters, talk.word, talk.unsearched = "", [], []
        talk.compressor.reset()
        if self._searches:
            self._searches[slot].reset()

    def _silence(self, slot: int) -> None:
        """The audio encoder's state of a slot starts over."""
        self._samples[slot] = 0
        self._frames[slot] = 0


def _each(count: int, serve: Callable[[int], R]) -> list[R]:
    """Rows served one after the other. Raises `SlotFailed` for the row that can't be."""
    done: list[R] = []
    for row in range(count):
        try:
            done.append(serve(row))
        except Exception as error:  # whatever it is, the rows before it are served
            if count == 1:
                raise
            raise SlotFailed(done) from error
    return done


def _counts(answer: Answer) -> dict[str, int]:
    return {
        "cached_positions": answer.cached,
        "added_positions": answer.added,
        "words": len(answer.said),
        "drafted_words": answer.drafted,
        "accepted_words": answer.accepted,
        "deep_passes": answer.passes,
    }


def _choice(logits: Floats) -> tuple[int, float]:
    """The likeliest word and its chance among those that may come [W]."""
    word = int(logits.argmax())
    return word, 1.0 / float(np.exp(logits - logits[word]).sum())


def _is_space(run: Run) -> bool:
    return int(run[0].argmax()) == SPACE


def _letter_of(chances: npt.NDArray[np.float32]) -> str:
    return LETTERS[int(chances.argmax()) - 1]


def _coarse(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Mean colour of 8×8 blocks, [H / 8, W / 8, 3]."""
    h, w, _ = picture.shape
    means: Floats = picture.reshape(h // 8, 8, w // 8, 8, 3).mean(axis=(1, 3), dtype=np.float32)
    return means
