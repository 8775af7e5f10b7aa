"""The performance model as a stepper: shadows, cuts and contexts leave the cache exact."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from models_fakes import LevelVad, windows
from performance_fakes import noise, pictures, tiny_batches

from visavis.models.engine import ThreadedEngine
from visavis.models.performance.babble import answer_words, typed_tokens, word
from visavis.models.performance.stepper import (
    PerformanceStepper,
    choose_device,
    open_performance,
)
from visavis.runtime.errors import ConfigError
from visavis.runtime.events import Head, HeadReady, TokensReady
from visavis.runtime.protocols import Delivery


def stepper(slots: int = 2, *, early_exit: bool = False) -> PerformanceStepper:
    made = PerformanceStepper(tiny_batches(slots, kinds=()), early_exit=early_exit)
    made.warm_up()
    for slot in range(slots):
        made.reset(slot)
        made.open_utterance(slot)
    return made


def listen(to: PerformanceStepper, slot: int, count: int, seed: int = 1) -> None:
    for row in noise(count, seed):
        to.hear([slot], row[None])


def say(to: PerformanceStepper, slot: int, words: int = 99) -> list[str]:
    said: list[str] = []
    while len(said) < words:
        text, is_last = to.next([slot])[0]
        if is_last:
            break
        said.append(text.strip())
    return said


def ask(to: PerformanceStepper, slot: int, text: str | None = None) -> list[str]:
    assert to.begin([slot], [text])[0][0] is Head.ANSWER
    return say(to, slot)


def test_an_answer_has_words_and_an_end() -> None:
    model = stepper()
    listen(model, 0, 11)
    assert len(model.transcript(0).split()) == 1
    answer = ask(model, 0)
    assert 6 <= len(answer) <= 13
    assert model.next([0]) == [("", True)]
    assert all(each.isalpha() for each in answer)


def test_early_exit_says_the_same() -> None:
    plain, early = stepper(), stepper(early_exit=True)
    for model in (plain, early):
        listen(model, 0, 11)
    for seed in (2, 3):
        assert ask(plain, 0) == ask(early, 0)
        for model in (plain, early):
            model.commit(0)
            model.open_utterance(0)
            listen(model, 0, 9, seed)


def test_what_is_heard_and_seen_changes_the_answer() -> None:
    model = stepper(4)
    for slot in (0, 1):
        listen(model, slot, 9, seed=slot)
    listen(model, 2, 9, seed=0)
    listen(model, 3, 9, seed=0)
    model.look([3], pictures(1, 3))
    answers = [ask(model, slot) for slot in range(4)]
    assert answers[0] == answers[2]
    assert answers[0] != answers[1] and answers[0] != answers[3]


def test_a_retracted_shadow_leaves_no_trace() -> None:
    model, twin = stepper(), stepper()
    listen(model, 0, 10)
    ask(model, 0)
    model.retract(0)
    listen(model, 0, 7, 2)
    listen(twin, 0, 10)
    listen(twin, 0, 7, 2)
    assert ask(model, 0) == ask(twin, 0)


def test_what_is_heard_beside_a_shadow_waits_for_it() -> None:
    model, twin = stepper(), stepper()
    listen(model, 0, 5)
    model.begin([0], [None])
    listen(model, 0, 14, 2)
    model.retract(0)
    listen(twin, 0, 5)
    listen(twin, 0, 14, 2)
    assert ask(model, 0) == ask(twin, 0)


@pytest.mark.parametrize("is_decoded", [True, False])
def test_a_cut_answer_leaves_only_what_was_heard(is_decoded: bool) -> None:
    """Whatever came behind it meanwhile enters again."""
    model, twin = stepper(), stepper()
    for each in (model, twin):
        listen(each, 0, 6)
        each.begin([0], [None])
        each.commit(0)
    said = say(model, 0, 99 if is_decoded else 4)
    model.open_utterance(0)
    model.look([0], pictures(1, 9))
    listen(model, 0, 10, 2)
    model.cancel(0, " ".join(said[:2]))
    assert say(twin, 0, 3)[:2] == said[:2]
    twin.cancel(0, " ".join(said[:2]))
    twin.open_utterance(0)
    twin.look([0], pictures(1, 9))
    listen(twin, 0, 10, 2)
    assert ask(model, 0) == ask(twin, 0)


def test_noise_is_forgotten_and_pictures_stay() -> None:
    model, twin = stepper(), stepper()
    listen(model, 0, 9, 5)
    model.look([0], pictures(1, 4))
    model.forget(0)
    twin.look([0], pictures(1, 4))
    for each in (model, twin):
        each.open_utterance(0)
        listen(each, 0, 6)
    assert ask(model, 0) == ask(twin, 0)


def test_a_reused_slot_is_a_fresh_one_and_neighbours_do_not_notice() -> None:
    model, twin = stepper(), stepper()
    listen(model, 0, 20, 8)
    ask(model, 0)
    listen(model, 1, 5)
    listen(twin, 1, 5)
    model.reset(0)
    model.open_utterance(0)
    listen(model, 0, 6)
    listen(twin, 0, 6)
    assert ask(model, 0) == ask(twin, 0)
    assert ask(model, 1) == ask(twin, 1)


def test_an_unchanged_picture_is_not_taken_in_again() -> None:
    model = stepper()
    assert model.look([0, 1], pictures(2, 1)) == [True, True]
    assert model.look([0, 1], pictures(2, 1)) == [False, False]
    both = pictures(2, 1)
    both[1] = pictures(1, 2)[0]
    assert model.look([0, 1], both) == [False, True]
    model.set_camera(0, False)
    assert model.look([0], both[:1]) == [True]


def test_typed_questions_are_answered() -> None:
    model = stepper()
    one, other = ask(model, 0, "what is this"), ask(model, 1, "what is this")
    assert one == other
    model.retract(1)
    assert ask(model, 1, "and what is that over there") != one


def test_an_endless_conversation_stays_in_its_cache() -> None:
    model = stepper(1)
    for turn in range(12):
        model.look([0], pictures(1, turn))
        listen(model, 0, 50, turn)
        assert 6 <= len(ask(model, 0)) <= 13
        model.commit(0)
        model.open_utterance(0)
    assert model.new_contexts > 1


def test_speech_over_a_long_answer_is_bounded() -> None:
    model = stepper(1)
    model.begin([0], [None])
    model.commit(0)
    model.open_utterance(0)
    listen(model, 0, 70)
    assert model.lost_latents == 70 - 64
    say(model, 0)
    assert len(ask(model, 0)) >= 6


def test_the_device_and_the_model_are_named() -> None:
    with pytest.raises(ConfigError, match="'gpu': choose auto, cpu or cuda"):
        choose_device("gpu")
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ConfigError, match="'2b': choose one of tiny, small, 1b"):
        open_performance("2b", 1, device="cpu")


def test_words_can_be_spoken() -> None:
    assert word(0) == "baba"
    assert len({word(token) for token in range(10_000)}) == 10_000
    assert {answer_words(token) for token in range(100)} == set(range(6, 14))
    assert typed_tokens("Hello there", 97, 2, 32) == typed_tokens("hello THERE", 97, 2, 1) + (
        typed_tokens("there", 97, 2, 32)
    )


def _answer(deliveries: list[Delivery]) -> list[str]:
    return [d.event.text for d in deliveries if isinstance(d.event, TokensReady)]


def test_the_engine_drives_it() -> None:
    async def talk() -> list[Delivery]:
        got: list[Delivery] = []
        done = asyncio.Event()

        def deliver(some: list[Delivery]) -> None:
            got.extend(some)
            if any(isinstance(d.event, TokensReady) and d.event.is_last for d in some):
                done.set()

        engine = ThreadedEngine(
            lambda: PerformanceStepper(tiny_batches(2, kinds=())),
            LevelVad,
            2,
            asyncio.get_running_loop(),
        )
        await engine.ready()
        slot = engine.open(deliver)
        engine.hear(slot, windows(0, [0.9] * 20 + [0.0] * 3))
        engine.start(slot, 1, None, None)
        engine.commit(slot, 1)
        await asyncio.wait_for(done.wait(), 60)
        await engine.stop()
        return got

    deliveries = asyncio.run(talk())
    heads = [d.event for d in deliveries if isinstance(d.event, HeadReady)]
    assert [head.head for head in heads] == [Head.ANSWER]
    assert 7 <= len(_answer(deliveries)) <= 14  # the last one is empty
    assert np.isfinite(heads[0].confidence)
