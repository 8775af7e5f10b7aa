"""The embedded model as a conversation: what lies in the cache, and that no fast way changes it."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from embedded_fakes import (
    Dictated,
    Inner,
    Watched,
    answer,
    exchange,
    networks,
    picture,
    rest,
    say,
    see,
    stepper,
    weights,
)

from visavis.models.config import Kind
from visavis.models.context import FILLED_AT_ONCE, LAID_AT_ONCE, PICTURES_PER_UTTERANCE
from visavis.models.dictionary import Dictionary
from visavis.models.embedded import Embedded, open_embedded
from visavis.models.hedging import Hedging
from visavis.models.lexicon import ASK, CAMERA_OFF, END, MARKS, NOTE
from visavis.models.networks import Floats, Pictures, WeightFile, shipped
from visavis.models.onnx_networks import OnnxNetworks
from visavis.models.positions import PositionCache
from visavis.models.spelling import spell, word_spans
from visavis.models.stepper import SlotFailed
from visavis.models.tool_words import ToolWords
from visavis.models.window import CONTEXT, KEPT, length
from visavis.runtime.events import Head, TokensTaken

CONFIG, LEXICON = weights().config, weights().lexicon
KINDS = weights().tensors["decoder.kinds.weight"]
WORDS = weights().tensors["decoder.words.weight"] + KINDS[Kind.WORD]
TOKENS = CONFIG.picture_tokens


class Bench:
    """One conversation whose cache is watched."""

    def __init__(self) -> None:
        self.networks = Watched(Dictated(networks()))
        self.model = stepper(self.networks)

    def lay(self) -> None:
        """All that is owed goes into the cache."""
        while self.model.owed(0):
            self.model.lay([0])

    def cache(self) -> Floats:
        """What lies in the cache when all is laid: one more mark is put behind it and drawn back."""
        self.lay()
        before = length(self.model.log(0))
        self.model.begin([0], ["."])
        found = np.stack(self.networks.laid[: min(before, len(self.networks.laid) - 1)])
        self.model.retract(0)
        return found


def mark(*words: int) -> Floats:
    return WORDS[list(words)]


def word(text: str) -> int:
    return LEXICON.encode([text.strip()])[0]


def heard(text: str) -> Floats:
    """Words by ear, as positions: a fresh conversation hears them and nothing else."""
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, text + " ")
    return bench.cache()[1:]


def seen(level: int) -> Floats:
    return see(picture(level))[0]


def same(found: Floats, *wanted: Floats) -> None:
    np.testing.assert_allclose(found, np.concatenate(wanted), atol=1e-5)


# What is understood ---------------------------------------------------------------------------


def test_the_transcript_grows_letter_by_letter() -> None:
    model = Bench().model
    model.open_utterance(0)
    assert model.transcript(0) == ""
    assert say(model, "hello") == [True, True, True]
    assert model.transcript(0) == "hello"
    assert say(model, " there")[0]
    assert model.transcript(0) == "hello there"
    model.open_utterance(0)
    assert model.transcript(0) == ""


def test_with_a_dictionary_the_transcript_is_words() -> None:
    file = weights()
    words = Dictionary.count(["what colour is the circle", "how many stars are there"])
    model = Embedded(
        Dictated(networks()), file.config, file.lexicon, file.tensors, 2, dictionary=words
    )
    for slot, heard_letters in ((0, "wat coulour is the circl"), (1, "how many ztars are there")):
        model.open_utterance(slot)
        say(model, heard_letters, slot)
    assert model.transcript(0) == model.transcript(0) == "what colour is the circle"
    assert model.transcript(1) == "how many stars are there"
    model.forget(0)
    assert (model.transcript(0), model.transcript(1)) == ("", "how many stars are there")
    model.open_utterance(0)
    say(model, "is the cirkle", 0)
    assert model.transcript(0) == "is the circle"


def test_an_answer_knows_how_sure_it_is_of_its_words() -> None:
    """The product of the chances that the words have at full depth."""
    model = stepper(networks())
    assert model.certainty(0) == 0.0
    exchange(model, "what is it")
    assert 0.0 < model.certainty(0) <= 1.0
    model.begin([0], ["how many"])
    assert model.certainty(0) == 1.0, "nothing is said yet"
    rising: list[float] = []
    while True:
        ((_, is_last),) = model.next([0])
        rising.append(model.certainty(0))
        if is_last:
            break
    assert all(later <= sooner for sooner, later in itertools.pairwise(rising))


def test_whole_words_go_into_the_cache_while_the_person_speaks() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "what color")
    same(bench.cache(), mark(CAMERA_OFF), heard("what"))
    say(bench.model, " is")
    same(bench.cache(), mark(CAMERA_OFF), heard("what color"))


def test_the_word_in_progress_counts_when_an_answer_begins() -> None:
    bench, whole = Bench(), Bench()
    bench.model.open_utterance(0)
    say(bench.model, "what is this")
    bench.model.begin([0], [None])
    positions = np.stack(bench.networks.laid)
    same(positions, mark(CAMERA_OFF), heard("what is this"), mark(ASK))
    whole.model.open_utterance(0)
    say(whole.model, "what is this ")
    assert rest(bench.model) == answer(whole.model)


def test_a_word_of_more_letters_than_can_be_read_at_once_is_read_in_pieces() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "abcdefghijklmnopqrstuv x")
    assert len(bench.cache()) == 1 + 2


# Exact early exit -----------------------------------------------------------------------------


def plain(file: WeightFile, networks: OnnxNetworks, x: Floats) -> list[str]:
    """Greedy decoding at full depth, one position at a time: the slow twin of `Embedded.next`."""
    kinds = file.tensors["decoder.kinds.weight"]
    words = file.tensors["decoder.words.weight"] + kinds[Kind.WORD]
    cache, hedging = PositionCache(networks, file.config), Hedging(file.lexicon)
    never = [*range(len(MARKS)), *file.lexicon.encode([NOTE])]
    first_only = list(ToolWords(file.lexicon).words)
    logits = cache.append(x)[-1]
    said: list[int] = []
    while len(said) < 60:
        allowed = logits.copy()
        allowed[never] = -np.inf
        if said:
            allowed[END] = logits[END]
            allowed[first_only] = -np.inf
        choice = int(allowed.argmax())
        chance = float(1.0 / np.exp(allowed - allowed[choice]).sum())
        if hedging.is_due(choice, chance, hedging.word in said):
            assert hedging.word is not None
            choice = hedging.word
        if choice == END:
            break
        if choice in first_only:
            return []  # a call of a tool: nothing is said
        said.append(choice)
        logits = cache.append(words[choice : choice + 1])[-1]
    return [file.lexicon.text(index, not i) for i, index in enumerate(said)]


def typed(file: WeightFile, networks: OnnxNetworks, text: str) -> Floats:
    """Typed words as positions, one by one."""
    classes = spell(text)
    found: list[Floats] = []
    for start, end in word_spans(classes):
        chances = np.eye(file.config.classes, dtype=np.float32)[classes[start:end]][None]
        silent = np.zeros((1, end - start, file.config.audio_width), np.float32)
        found.append(networks.read(chances, silent, np.array([end - start])))
    return np.concatenate(found) + file.tensors["decoder.kinds.weight"][Kind.TYPED]


QUESTIONS = (
    "what colour is this",
    "how many are there",
    "is there a red circle",
    "what is on the left",
    "which letter is on the card",
    "what do you see",
    "hello",
    "what can you do",
    "where is the blue square",
    "what shape is it",
)


def mismatches(file: WeightFile, pictures: list[Pictures], questions: tuple[str, ...]) -> int:
    """Answers that differ from the full depth's."""
    model, networks = open_embedded(file, 1), OnnxNetworks(file)
    words = file.tensors["decoder.words.weight"] + file.tensors["decoder.kinds.weight"][Kind.WORD]
    wrong = 0
    for shown in pictures:
        looked = see(shown)[0]
        for question in questions:
            model.reset(0)
            model.look([0], shown)
            model.open_utterance(0)
            x = np.concatenate([looked, typed(file, networks, question), words[ASK : ASK + 1]])
            wrong += answer(model, question) != plain(file, networks, x)
    assert 0 < model.accepted <= model.drafted
    return wrong


def test_early_exit_says_what_the_full_depth_says() -> None:
    noise = np.random.default_rng(3).integers(0, 256, picture(0).shape, dtype=np.uint8)
    shown = [noise, *(picture(level) for level in (0, 60, 140, 220))]
    assert mismatches(weights(), shown, QUESTIONS) == 0


@pytest.mark.parametrize("seed", range(2))
def test_early_exit_is_exact_whatever_the_drafts_are_worth(seed: int) -> None:
    rng, file = np.random.default_rng(seed), WeightFile(shipped("nano"))
    for name, tensor in file.tensors.items():
        if name.startswith(("decoder.layers", "decoder.head")) and tensor.ndim == 2:
            file.tensors[name] = tensor + rng.normal(0, tensor.std(), tensor.shape).astype("f4")
    assert mismatches(file, [picture(60)], QUESTIONS[:5]) == 0


# Shadows --------------------------------------------------------------------------------------


def test_a_retracted_shadow_leaves_no_trace() -> None:
    bench, never = Bench(), Bench()
    for one in (bench, never):
        one.model.look([0], picture(20))
        one.model.open_utterance(0)
        say(one.model, "is it re")
    bench.model.begin([0], [None])
    for _ in range(3):
        bench.model.next([0])
    bench.model.retract(0)
    for one in (bench, never):
        say(one.model, "d")
    same(bench.cache(), never.cache())
    assert answer(bench.model) == answer(never.model)


def test_what_is_heard_during_a_shadow_waits_for_it() -> None:
    bench, never = Bench(), Bench()
    for one in (bench, never):
        one.model.open_utterance(0)
        say(one.model, "what is ")
    bench.model.begin([0], [None])
    for one in (bench, never):
        say(one.model, "it really ")
        one.model.look([0], picture(20))
    bench.model.next([0])
    bench.model.retract(0)
    same(bench.cache(), never.cache())
    assert answer(bench.model) == answer(never.model)


def test_a_committed_answer_lies_behind_its_question() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "hello")
    said = [word(text) for text in exchange(bench.model)]
    same(bench.cache(), mark(CAMERA_OFF), heard("hello"), mark(ASK, *said, END))


def test_a_shadow_said_to_its_end_before_it_is_committed_lies_there_too() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "hello")
    said = [word(text) for text in answer(bench.model)]
    bench.model.commit(0)
    bench.model.open_utterance(0)
    say(bench.model, "so so ")
    same(bench.cache(), mark(CAMERA_OFF), heard("hello"), mark(ASK, *said, END), heard("so so"))


def test_the_end_of_a_word_after_the_shadow_began_is_not_heard_twice() -> None:
    """The engine brings what came since the shadow again, if the person goes on."""
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "hello")
    bench.model.begin([0], [None])
    say(bench.model, " and")
    bench.model.commit(0)
    said = [word(text) for text in rest(bench.model)]
    same(bench.cache(), mark(CAMERA_OFF), heard("hello"), mark(ASK, *said, END))


def test_words_heard_during_an_answer_belong_to_the_next_utterance() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "hello")
    bench.model.begin([0], [None])
    bench.model.commit(0)
    said = [word(text) for text in [bench.model.next([0])[0][0]]]
    bench.model.open_utterance(0)
    say(bench.model, "stop it ")
    said += [word(text) for text in rest(bench.model)]
    same(bench.cache(), mark(CAMERA_OFF), heard("hello"), mark(ASK, *said, END), heard("stop it"))


def test_the_next_word_of_no_answer_is_the_end() -> None:
    model = Bench().model
    assert model.next([0]) == [("", True)]
    model.commit(0)
    model.retract(0)
    model.cancel(0, "red")
    assert model.next([0]) == [("", True)]


def test_a_head_is_a_judgement_with_its_confidence() -> None:
    model = Bench().model
    ((head, confidence),) = model.begin([0], [None])
    assert isinstance(head, Head) and 0.0 <= confidence <= 1.0
    ((head, confidence),) = model.begin([0], ["hello"])
    assert head is Head.ANSWER and 0.0 <= confidence <= 1.0


# Cut answers ----------------------------------------------------------------------------------


def test_of_a_cut_answer_the_words_that_were_heard_stay() -> None:
    for decoded in (3, 60):
        bench = Bench()
        bench.model.open_utterance(0)
        say(bench.model, "hello")
        bench.model.begin([0], [None])
        bench.model.commit(0)
        said: list[str] = []
        for _ in range(decoded):
            text, is_last = bench.model.next([0])[0]
            said += [text] if text else []
            if is_last:
                break
        bench.model.open_utterance(0)
        say(bench.model, "no no ")
        bench.model.cancel(0, "".join(said[:2]))
        kept = [word(text) for text in said[:2]]
        same(bench.cache(), mark(CAMERA_OFF), heard("hello"), mark(ASK, *kept, END), heard("no no"))
        assert bench.model.next([0]) == [("", True)]


def test_a_cut_answer_can_be_cut_once() -> None:
    bench = Bench()
    exchange(bench.model, "hello")
    bench.model.cancel(0, "")
    before = bench.cache()
    bench.model.cancel(0, "red")
    same(bench.cache(), before)
    assert len(before) == 1 + 1 + 2


def test_an_answer_not_heard_at_all_leaves_its_question() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "hello")
    bench.model.begin([0], [None])
    bench.model.commit(0)
    bench.model.cancel(0, "")
    same(bench.cache(), mark(CAMERA_OFF), heard("hello"), mark(ASK, END))


# Noise ----------------------------------------------------------------------------------------


def test_forgetting_drops_words_and_keeps_pictures() -> None:
    bench = Bench()
    bench.model.look([0], picture(20))
    bench.model.open_utterance(0)
    say(bench.model, "something that ")
    bench.model.look([0], picture(90))
    say(bench.model, "is not for me")
    bench.model.begin([0], [None])
    bench.model.next([0])
    bench.model.forget(0)
    assert bench.model.transcript(0) == ""
    same(bench.cache(), seen(90))


def test_forgetting_keeps_the_question_that_was_answered() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "hello")
    said = [word(text) for text in exchange(bench.model)]
    question = (mark(CAMERA_OFF), heard("hello"), mark(ASK, *said, END))
    bench.model.forget(0)  # a noise that no utterance was opened for
    same(bench.cache(), *question)
    bench.model.open_utterance(0)
    say(bench.model, "cough cough ")
    bench.model.forget(0)
    same(bench.cache(), *question)


def test_noise_during_an_answer_does_not_touch_it() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    say(bench.model, "hello")
    bench.model.begin([0], [None])
    bench.model.commit(0)
    bench.model.open_utterance(0)
    say(bench.model, "cough cough ")
    bench.model.forget(0)
    said = [word(text) for text in rest(bench.model)]
    same(bench.cache(), mark(CAMERA_OFF), heard("hello"), mark(ASK, *said, END))


# Pictures -------------------------------------------------------------------------------------


def test_a_picture_that_did_not_change_adds_nothing() -> None:
    bench = Bench()
    assert bench.model.look([0], picture(20)) == [True]
    assert bench.model.look([0], picture(20)) == [False]
    assert bench.model.look([0], picture(21)) == [False]
    same(bench.cache(), seen(20))


def test_slow_change_is_change() -> None:
    model = Bench().model
    changes = [model.look([0], picture(level))[0] for level in range(20, 80, 2)]
    assert 5 < sum(changes) < 25


def test_the_newest_picture_replaces_one_nothing_was_said_over() -> None:
    bench = Bench()
    for level in (20, 90, 200):
        assert bench.model.look([0], picture(level)) == [True]
    same(bench.cache(), seen(200))


def test_only_so_many_pictures_are_taken_in_while_a_person_speaks() -> None:
    bench = Bench()
    bench.model.look([0], picture(0))
    bench.model.open_utterance(0)
    for level in (40, 80, 120, 160, 200):
        say(bench.model, "word ")
        bench.model.look([0], picture(level))
    words = [heard("word")] * 5
    assert PICTURES_PER_UTTERANCE == 2
    bench.lay()
    same(np.stack(bench.networks.laid), seen(80), *words)
    # The newest of the rest is there when the answer begins, and only once.
    model = bench.model
    said = [word(text) for text in exchange(model)]
    bench.lay()
    same(np.stack(bench.networks.laid), seen(200), *words, mark(ASK, *said, END))
    assert model.look([0], picture(200)) == [False]


def test_a_picture_lies_before_the_question_over_which_it_came() -> None:
    bench = Bench()
    bench.model.look([0], picture(0))
    bench.model.open_utterance(0)
    say(bench.model, "word ")
    first = [word(text) for text in exchange(bench.model)]
    bench.model.open_utterance(0)
    say(bench.model, "word word ")
    bench.model.look([0], picture(40))
    one = heard("word")
    same(bench.cache(), seen(0), one, mark(ASK, *first, END), seen(40), one, one)


def test_a_picture_held_back_is_used_by_every_try_at_an_answer() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    for level in (40, 80, 120):
        say(bench.model, "word ")
        bench.model.look([0], picture(level))
    first = answer(bench.model)
    bench.model.retract(0)
    assert answer(bench.model) == first


def test_a_picture_held_back_over_forgotten_words_is_the_newest() -> None:
    bench = Bench()
    bench.model.open_utterance(0)
    for level in (40, 80, 120):
        say(bench.model, "word ")
        bench.model.look([0], picture(level))
    bench.model.forget(0)
    same(bench.cache(), seen(120))


def test_pictures_seen_during_an_answer_lie_behind_it() -> None:
    bench = Bench()
    bench.model.begin([0], ["hello"])
    bench.model.commit(0)
    first, _ = bench.model.next([0])[0]
    bench.model.look([0], picture(20))
    bench.model.look([0], picture(90))
    said = [word(text) for text in (first, *rest(bench.model))]
    found = bench.cache()
    same(found[2:], mark(ASK, *said, END), seen(90))


def test_with_the_camera_off_the_model_is_told_so() -> None:
    bench = Bench()
    bench.model.look([0], picture(20))
    bench.model.set_camera(0, False)
    same(bench.cache(), mark(CAMERA_OFF))
    bench.model.set_camera(0, True)
    same(bench.cache(), mark(CAMERA_OFF))
    assert bench.model.look([0], picture(20)) == [True]
    same(bench.cache(), seen(20))


# Typed text -----------------------------------------------------------------------------------


def test_typed_text_is_read_as_it_would_be_spoken() -> None:
    one, other = Bench(), Bench()
    assert answer(one.model, "What COLOR is number 3?") == answer(
        other.model, "what colour is number three"
    )
    same(np.stack(one.networks.laid[:8]), np.stack(other.networks.laid[:8]))


@pytest.mark.parametrize("text", ["", "?!", "…", "日本語"])
def test_text_without_a_letter_gets_an_answer_all_the_same(text: str) -> None:
    bench = Bench()
    assert answer(bench.model, text)
    same(np.stack(bench.networks.laid[:2]), mark(CAMERA_OFF, ASK))


@pytest.mark.parametrize("text", ["what is it " * 500, "a " * 5000, "a" * 5000, "9" * 5000])
def test_long_typed_text_is_cut(text: str) -> None:
    bench = Bench()
    assert exchange(bench.model, text)
    assert bench.networks.most <= 1 + TOKENS + 120 // 2 + 1 + 60 + 5


# Long conversations ---------------------------------------------------------------------------


def test_hundreds_of_typed_turns_fit_the_cache() -> None:
    bench = Bench()
    for turn in range(150):
        assert exchange(bench.model, QUESTIONS[turn % len(QUESTIONS)])
    assert bench.networks.most <= CONFIG.max_positions
    assert len(bench.cache()) < CONTEXT + 80


def test_a_person_who_never_stops_is_answered_all_the_same() -> None:
    bench = Bench()
    bench.model.look([0], picture(20))
    bench.model.open_utterance(0)
    for _ in range(300):
        say(bench.model, "on and ")
    assert exchange(bench.model)
    assert bench.networks.most <= CONFIG.max_positions
    same(bench.cache()[:TOKENS], seen(20))


def until_it_is_long(bench: Bench, is_shown_first: bool) -> tuple[int, list[str]]:
    """Exchanges over one picture, or each with another behind it, until the context is to be
    shortened: the last picture and the last answer."""
    for level in range(0, 250, 10):
        if is_shown_first and level == 0:
            bench.model.look([0], picture(level))
        bench.model.open_utterance(0)
        say(bench.model, "what is it ")
        bench.model.begin([0], [None])
        bench.model.commit(0)
        said = [bench.model.next([0])[0][0] for _ in range(2)]
        bench.model.cancel(0, "".join(said))
        if not is_shown_first:
            bench.model.look([0], picture(level))
        if length(bench.model.log(0)) > CONTEXT:
            return 0 if is_shown_first else level, said
    pytest.fail("the context never grows")


def test_a_shortened_context_begins_with_the_newest_picture_and_keeps_the_last_exchange() -> None:
    bench = Bench()
    level, texts = until_it_is_long(bench, is_shown_first=True)
    asked = len([entry for entry in bench.model.log(0) if entry.text == "what"])
    bench.model.open_utterance(0)
    exchange = (heard("what is it"), mark(ASK, *(word(text) for text in texts), END))
    count = KEPT // sum(map(len, exchange))
    assert count > 1
    same(bench.cache(), seen(level), *(exchange * count))
    left = bench.model.left(0)
    assert (left.exchanges, left.pictures) == (asked - count, 0)
    assert left.lines[-1] == f"what is it → {' '.join(text.strip() for text in texts)}"


def test_an_exchange_over_an_older_picture_is_not_put_behind_the_newest() -> None:
    bench = Bench()
    level, _ = until_it_is_long(bench, is_shown_first=False)
    bench.model.open_utterance(0)
    same(bench.cache(), seen(level))


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_the_cache_is_bounded_and_begins_with_what_is_seen(seed: int) -> None:
    bench, rng = Bench(), random.Random(seed)
    model = bench.model
    newest = mark(CAMERA_OFF)
    for _ in range(250):
        match rng.randrange(11):
            case 0:
                model.open_utterance(0)
            case 1 | 2 | 3:
                say(model, rng.choice(["what is it ", "no ", "lalala", " "]))
            case 4:
                level = rng.randrange(256)
                if model.look([0], picture(level))[0]:
                    newest = seen(level)
            case 5:
                model.set_camera(0, False)
                newest = mark(CAMERA_OFF)
            case 6:
                model.begin([0], [rng.choice([None, "what is it", "word " * 80])])
            case 7:
                for _ in range(rng.randrange(70)):
                    model.next([0])
            case 8:
                model.commit(0)
            case 9:
                model.cancel(0, rng.choice(["", "red", "red circle."]))
            case _:
                rng.choice([model.retract, model.forget])(0)
    model.commit(0)
    rest(model)
    model.begin([0], [None])
    laid = np.stack(bench.networks.laid)
    ends = range(len(newest), len(laid) + 1)
    starts = [i for i in ends if np.allclose(laid[i - len(newest) : i], newest)]
    assert starts, "the newest picture is not in the cache"
    assert bench.networks.most <= CONFIG.max_positions


# Laid in pieces -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_any_size_leave_the_cache_that_one_pass_leaves(seed: int) -> None:
    """The slow twin lays everything when it is asked; the fast one a few positions now and then."""
    dice = random.Random(seed)
    fast, slow = stepper(networks()), stepper(networks())
    for level in (30, 90, 200):
        for model in (fast, slow):
            model.look([0], picture(level))
            model.open_utterance(0)
            say(model, "what ")
        for _ in range(dice.randrange(6)):
            dice.choice([fast.lay, fast.fill])([0])
        assert slow.owed(0) >= fast.owed(0)
        heads = [model.begin([0], ["what is it"])[0] for model in (fast, slow)]
        assert heads[0][0] is heads[1][0]
        assert heads[0][1] == pytest.approx(heads[1][1], abs=1e-3)
        assert fast.owed(0) == slow.owed(0) == 0
        assert fast.unfilled(0) == slow.unfilled(0) == 0
        np.testing.assert_allclose(fast.held(0), slow.held(0), atol=2e-4)
        for model in (fast, slow):
            model.commit(0)
        assert rest(fast) == rest(slow)
    assert fast.counts(0)["words"] == slow.counts(0)["words"]
    assert fast.counts(0)["cached_positions"] >= slow.counts(0)["cached_positions"]


def test_a_picture_is_laid_in_short_steps() -> None:
    bench = Bench()
    bench.model.look([0], picture(40))
    assert (bench.model.owed(0), bench.model.unfilled(0)) == (TOKENS, 0)
    assert bench.model.lay([0]) == [TOKENS], "the second half of the vision encoder"
    assert bench.model.lay([0]) == [TOKENS - LAID_AT_ONCE]
    unfilled: list[int] = []
    while bench.model.unfilled(0):
        unfilled += bench.model.fill([0])
    assert unfilled == list(range(TOKENS - FILLED_AT_ONCE, -1, -FILLED_AT_ONCE))
    assert (bench.model.lay([0]), bench.model.fill([0])) == ([0], [0]), "nothing is left to do"
    same(np.stack(bench.networks.laid), seen(40))


def test_the_counts_of_an_answer_say_what_was_there_and_what_it_took() -> None:
    bench = Bench()
    bench.model.look([0], picture(40))
    assert bench.model.counts(0) == {}
    bench.lay()
    bench.model.open_utterance(0)
    say(bench.model, "what is it")
    bench.lay()
    words = exchange(bench.model)
    counts = bench.model.counts(0)
    assert counts["cached_positions"] == TOKENS + 2
    assert counts["added_positions"] == 2  # the last word, still open, and the mark
    assert counts["words"] == len(words)
    assert counts["accepted_words"] <= counts["drafted_words"]
    assert counts["deep_passes"] <= len(words) + 1
    shallow, deep = (1 + counts["drafted_words"]) * 2, counts["deep_passes"] * 6
    assert (counts["layer_passes"], counts["full_layer_passes"]) == (
        shallow + deep,
        8 * len(words),
    )
    bench.model.begin([0], ["and now"])
    bench.model.retract(0)
    assert bench.model.counts(0)["words"] == 0


def test_a_context_is_told_by_where_it_comes_from() -> None:
    bench = Bench()
    assert bench.model.taken(0) == TokensTaken(text=1)  # the mark of no camera
    bench.model.look([0], picture(40))
    bench.lay()
    bench.model.open_utterance(0)
    say(bench.model, "what is it")
    bench.lay()
    bench.model.begin([0], [None])
    assert bench.model.taken(0) == TokensTaken(text=1, audio=3, image=TOKENS)
    bench.model.retract(0)
    bench.model.begin([0], ["and now"])
    taken = bench.model.taken(0)
    assert (taken.text, taken.image) == (3, TOKENS)


# Failures -------------------------------------------------------------------------------------


class Torn(Inner):
    """The vision encoder fails for black pictures; nothing else does."""

    def glance(self, pictures: Pictures) -> Floats:
        if not pictures.any():
            raise RuntimeError("torn")
        return super().glance(pictures)


def test_a_slot_that_fails_leaves_the_slots_before_it_served_and_those_behind_untouched() -> None:
    model, alone = stepper(Torn(networks()), 3), stepper(networks(), 3)
    black = np.zeros_like(picture(20))
    with pytest.raises(SlotFailed) as failed:
        model.look([2, 0, 1], np.concatenate([picture(20), black, picture(60)]))
    assert failed.value.done == (True,)
    assert isinstance(failed.value.__cause__, RuntimeError)
    assert (model.owed(2), model.owed(0), model.owed(1)) == (TOKENS, 1, 1)
    assert model.look([1], picture(60)) == [True]
    alone.look([2], picture(20))
    alone.look([1], picture(60))
    for slot in (1, 2):
        assert answer(model, "what is it", slot) == answer(alone, "what is it", slot)


# Slots ----------------------------------------------------------------------------------------


def converse(model: Embedded, slot: int, audio: Floats) -> list[object]:
    """A short conversation; everything it gave, to the bit."""
    found: list[object] = [model.look([slot], picture(70))]
    model.open_utterance(slot)
    for window in audio:
        found.append(model.hear([slot], window[None]))
    found += [model.transcript(slot), model.begin([slot], [None])]
    model.commit(slot)
    found += [rest(model, slot), exchange(model, "what is it", slot)]
    return found


def speech(windows: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 0.1, (windows, CONFIG.window)).astype(np.float32)


def test_a_used_slot_is_as_good_as_a_fresh_one() -> None:
    used, fresh = (stepper(networks(), 2) for _ in range(2))
    converse(used, 0, speech(9, 5))
    used.set_camera(0, False)
    used.begin([0], ["what"])
    used.next([0])
    used.reset(0)
    fresh.reset(0)
    assert converse(used, 0, speech(20, 6)) == converse(fresh, 0, speech(20, 6))


def test_slots_do_not_know_each_other() -> None:
    alone, crowded = (stepper(networks(), 3) for _ in range(2))
    crowded.look([0], picture(200))
    crowded.open_utterance(2)
    crowded.begin([0], ["hello"])
    crowded.next([0])
    crowded.hear([0, 2], speech(2, 1))
    assert converse(crowded, 1, speech(20, 6)) == converse(alone, 1, speech(20, 6))


def test_a_batch_hears_what_each_would_hear_alone() -> None:
    slots, count = [2, 0, 3], 40
    together, alone = (stepper(networks(), 4) for _ in range(2))
    audio = {slot: speech(count, slot) for slot in slots}
    for model in (together, alone):
        for slot in slots:
            model.look([slot], picture(60 * slot))
            model.open_utterance(slot)
    for at in range(count):
        changed = together.hear(slots, np.stack([audio[slot][at] for slot in slots]))
        assert changed == [alone.hear([slot], audio[slot][at : at + 1])[0] for slot in slots]
    assert [together.transcript(s) for s in slots] == [alone.transcript(s) for s in slots]
    begun = together.begin(slots, [None] * 3)
    for slot, (head, confidence) in zip(slots, begun, strict=True):
        ((other, sure),) = alone.begin([slot], [None])
        assert head is other and confidence == pytest.approx(sure, abs=1e-4)
        assert rest(together, slot) == rest(alone, slot)


def test_pictures_of_a_batch_go_to_their_slots() -> None:
    together, alone = (stepper(networks(), 2) for _ in range(2))
    both = np.concatenate([picture(20), picture(200)])
    assert together.look([1, 0], both) == [True, True]
    alone.look([1], both[:1])
    alone.look([0], both[1:])
    for slot in (0, 1):
        assert answer(together, "what is it", slot) == answer(alone, "what is it", slot)


def test_a_picture_of_another_size_is_refused_and_changes_nothing() -> None:
    bench = Bench()
    bench.model.look([0], picture(20))
    with pytest.raises(ValueError):
        bench.model.look([0], np.zeros((1, 33, 31, 3), np.uint8))
    assert bench.model.look([0], picture(20)) == [False]
    same(bench.cache(), seen(20))


def test_warming_up_leaves_a_fresh_conversation() -> None:
    bench = Bench()
    bench.model.warm_up()
    same(bench.cache(), mark(CAMERA_OFF))


def test_the_shipped_model_converses() -> None:
    model = open_embedded(weights(), 2)
    model.warm_up()
    assert model.slots == 2 and model.picture_size == (96, 96)
    model.look([1], picture(60))
    model.open_utterance(1)
    for window in np.random.default_rng(1).normal(0, 0.02, (30, 512)).astype(np.float32):
        model.hear([1], window[None])
    assert exchange(model, "what do you see?", 1)
    assert model.next([0]) == [("", True)]
