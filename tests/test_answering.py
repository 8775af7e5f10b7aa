"""Answers decoded by the fast ways are those of the full depth, word by word and hedges included."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from embedded_fakes import Dictated, networks, picture, rest, say, see, weights

from visavis.models.answering import Answer, Decoder, Heads
from visavis.models.config import Kind
from visavis.models.context import Context
from visavis.models.embedded import Embedded, Habits
from visavis.models.hedging import FACTS, Hedging
from visavis.models.lexicon import ASK, END, MARKS, MAYBE, NOTE, SILENT, WAIT, Lexicon
from visavis.models.networks import Floats
from visavis.models.positions import PositionCache
from visavis.models.tool_words import ToolWords
from visavis.models.window import What
from visavis.runtime.events import Head

FILE = weights()
KINDS = FILE.tensors["decoder.kinds.weight"]
WORDS = FILE.tensors["decoder.words.weight"] + KINDS[Kind.WORD]
QUESTIONS = ("what colour is this", "how many are there", "what is on the left", "is it red")


def with_maybe() -> Lexicon:
    """The shipped lexicon, in which some word is "maybe" where none was."""
    words = list(FILE.lexicon.words)
    if MAYBE not in words:
        words[-1] = MAYBE
    return Lexicon(words)


LEXICON = with_maybe()
MAYBE_WORD = LEXICON.encode([MAYBE])[0]


def model(habits: Habits, lexicon: Lexicon = LEXICON) -> Embedded:
    return Embedded(Dictated(networks()), FILE.config, lexicon, FILE.tensors, 1, habits=habits)


def shown(habits: Habits, level: int) -> Embedded:
    found = model(habits)
    found.look([0], picture(level))
    found.open_utterance(0)
    return found


def forbidden(lexicon: Lexicon) -> list[int]:
    """What no answer has after its first word."""
    note = lexicon.encode([NOTE]) if NOTE in lexicon else []
    return [*(mark for mark in range(len(MARKS)) if mark != END), *note, *ToolWords(lexicon).words]


def plain(model: Embedded, question: str, level: int, below: float) -> list[str]:
    """The slow twin: full depth, a position at a time, with the rule of hedging spelled out."""
    entry = model._entries.typed(question, 0)  # pyright: ignore[reportPrivateUsage]
    assert entry is not None
    cache = PositionCache(networks(), FILE.config)
    logits = cache.append(np.concatenate([see(picture(level))[0], entry.x, WORDS[ASK : ASK + 1]]))[
        -1
    ]
    said: list[int] = []
    while len(said) < 60:
        allowed: Floats = logits.copy()
        allowed[forbidden(LEXICON) if said else [*range(len(MARKS))]] = -np.inf
        if NOTE in LEXICON:
            allowed[LEXICON.encode([NOTE])] = -np.inf
        choice = int(allowed.argmax())
        chance = 1.0 / float(np.exp(allowed - allowed[choice]).sum())
        text = LEXICON.words[choice]
        is_fact = text.lower() in FACTS or (len(text) == 1 and text.isupper() and text != "I")
        if is_fact and chance < below and MAYBE_WORD not in said:
            choice = MAYBE_WORD
        if choice == END:
            break
        said.append(choice)
        logits = cache.append(WORDS[choice : choice + 1])[-1]
    return [LEXICON.text(word, not at) for at, word in enumerate(said)]


@pytest.mark.parametrize("below", [0.0, 0.5, 0.999])
def test_a_hedged_stream_is_the_full_depths_hedged_stream(below: float) -> None:
    hedges = 0
    for level in (0, 60, 140, 220):
        for question in QUESTIONS:
            one = shown(Habits(hedge_below=below), level)
            one.begin([0], [question])
            found = rest(one)
            assert found == plain(one, question, level, below)
            said = [text.strip() for text in found].count(MAYBE)
            assert one.counts(0)["hedges"] == (said > 0)
            hedges += said
    if below == 0.999:
        assert hedges > 0, "nothing was hedged: this tested nothing"


def test_without_the_word_nothing_is_hedged() -> None:
    words = [word if word != MAYBE else "perchance" for word in LEXICON.words]
    one = model(Habits(hedge_below=1.0), Lexicon(words))
    one.look([0], picture(60))
    one.begin([0], ["what colour is this"])
    assert MAYBE not in [text.strip() for text in rest(one)]
    assert one.counts(0)["hedges"] == 0


def test_a_hedge_is_of_the_word_behind_it_and_costs_no_certainty() -> None:
    """Whatever may follow it, the product is over words that the model chose."""
    hedging = Hedging(LEXICON, 1.0)
    fact = next(at for at, word in enumerate(LEXICON.words) if word.lower() in FACTS)
    assert hedging.is_due(fact, 0.3, False)
    one = shown(Habits(hedge_below=1.0), 60)
    one.begin([0], ["what colour is this"])
    while True:
        before = one.certainty(0)
        ((text, is_last),) = one.next([0])
        if text.strip() == MAYBE and one.counts(0)["hedges"]:
            assert one.certainty(0) <= before
        if is_last:
            break
    assert 0.0 < one.certainty(0) <= 1.0


class Scripted:
    """A cache whose passes give these words: drafted ones, then those of the full depth with their
    chances."""

    def __init__(self, drafts: list[int], full: list[tuple[int, float]]) -> None:
        self.used = 10
        self._drafts, self._full = drafts, full

    def take(self, x: Floats) -> Floats:
        self.used += 1
        return logits_of(self._drafts.pop(0), 0.9)[None]

    def fill(self) -> Floats:
        return np.stack([logits_of(word, chance) for word, chance in self._full])

    def cut(self, length: int) -> None:
        self.used = length


def logits_of(word: int, chance: float) -> Floats:
    """Logits in which a word has this chance, and the rest share what is left."""
    found = np.full(len(LEXICON), np.log((1 - chance) / (len(LEXICON) - 1)), np.float32)
    found[word] = np.log(chance)
    return found


def test_a_drafted_maybe_is_the_only_one_of_its_answer() -> None:
    """The draft foresaw the hedge, so the words behind it are verified in the same pass."""
    facts = [at for at, word in enumerate(LEXICON.words) if word.lower() in FACTS][:2]
    entries = model(Habits())._entries  # pyright: ignore[reportPrivateUsage]
    decoder = Decoder(entries, LEXICON, Hedging(LEXICON, 0.5))
    full = [(facts[0], 0.3), (facts[1], 0.3), (END, 0.9)]
    cache = Scripted([MAYBE_WORD, facts[1], END], full)
    context = SimpleNamespace(cache=cache, log=[])
    ask = entries.mark(ASK, What.SAID, 0)
    answer = Answer(0, 0, ask, said=[facts[0]])
    said = [decoder.next(cast(Context, context), answer) for _ in range(3)]
    assert said == [MAYBE_WORD, facts[1], END]
    assert (answer.is_hedged, answer.accepted) == (True, 3)


# Drafts in a step of their own ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_words_drafted_in_a_step_of_their_own_are_the_same(seed: int) -> None:
    dice, drafts = random.Random(seed), 0
    for question in QUESTIONS:
        level = dice.randrange(250)
        whole, parts = shown(Habits(), level), shown(Habits(), level)
        for one in (whole, parts):
            one.begin([0], [question])
            assert not one.wants_draft(0), "the first word is known"
        wanted, found = rest(whole), list[str]()
        while True:
            if parts.wants_draft(0) and dice.random() < 0.8:
                assert parts.draft([0]) == [True]
                assert parts.draft([0]) == [False], "it was drafted just now"
                assert (parts.owed(0), parts.unfilled(0)) == (0, 0)
                drafts += 1
            ((text, is_last),) = parts.next([0])
            found += [text] if text else []
            if is_last:
                break
        assert found == wanted
        assert parts.draft([0]) == [False]
        np.testing.assert_allclose(parts.held(0), whole.held(0), atol=2e-4)
    assert drafts > 0


@pytest.mark.parametrize("how", ["retract", "cancel", "forget"])
def test_a_draft_that_is_never_verified_leaves_no_trace(how: str) -> None:
    drafted, never = shown(Habits(), 90), shown(Habits(), 90)
    for one in (drafted, never):
        one.begin([0], ["what do you see"])
        one.next([0])
    drafted.draft([0])
    for one in (drafted, never):
        if how == "cancel":
            one.commit(0)
            one.cancel(0, "")
        else:
            getattr(one, how)(0)
        one.begin([0], ["is it red"])
    assert rest(drafted) == rest(never)
    np.testing.assert_allclose(drafted.held(0), never.held(0), atol=2e-4)


# The first layers alone -----------------------------------------------------------------------


def test_heads_are_read_from_the_marks() -> None:
    logits = np.full(len(LEXICON), -20.0, np.float32)
    logits[[WAIT, SILENT, END]] = np.log([0.5, 0.2, 0.3])
    heads = Heads.of(logits)
    assert (heads.wait, heads.silent) == pytest.approx((0.5, 0.2), abs=1e-5)
    assert heads.answer == pytest.approx(0.3, abs=1e-5)


def heard(wait_from: float | None) -> Embedded:
    one = shown(Habits(wait_from=wait_from), 60)
    say(one, "what colour is ")
    return one


def test_the_first_layers_alone_may_say_that_the_person_goes_on() -> None:
    exact, fast = heard(None), heard(0.0)
    ((head, _),) = exact.begin([0], [None])
    chance = exact.early_wait(0)
    assert 0.0 < chance < 1.0
    ((early, confidence),) = fast.begin([0], [None])
    assert early is Head.WAIT and confidence == pytest.approx(chance, abs=1e-5)
    assert (exact.counts(0)["deep_passes"], fast.counts(0)["deep_passes"]) == (1, 0)
    # If the person falls silent there is an answer after all, and it is the exact one.
    for one in (exact, fast):
        one.commit(0)
    assert rest(fast) == rest(exact)
    np.testing.assert_allclose(fast.held(0), exact.held(0), atol=2e-4)
    assert head in Head


def test_below_the_threshold_all_layers_are_asked() -> None:
    exact, fast = heard(None), heard(1.0)
    ((head, confidence),) = exact.begin([0], [None])
    ((same, sure),) = fast.begin([0], [None])
    assert same is head and sure == pytest.approx(confidence, abs=1e-5)


def test_typed_questions_are_never_unfinished() -> None:
    fast = shown(Habits(wait_from=0.0), 60)
    ((head, _),) = fast.begin([0], ["what colour is"])
    assert head is Head.ANSWER


def test_a_judgement_of_the_first_layers_leaves_no_trace_when_the_person_goes_on() -> None:
    fast, never = heard(0.0), heard(0.0)
    fast.begin([0], [None])
    fast.retract(0)
    for one in (fast, never):
        say(one, "it ")
        one.commit(0)
        one.begin([0], ["is it red"])
    assert rest(fast) == rest(never)
