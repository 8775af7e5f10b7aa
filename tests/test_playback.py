"""What was heard of an answer, from what was sent of its audio."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from visavis.runtime.playback import KEPT_TURNS, PlaybackLedger


def test_heard_text_ends_with_a_whole_word() -> None:
    ledger = PlaybackLedger()
    ledger.say(1, " It is red, I think.")
    ledger.queue(1, 600, "It is red,")
    ledger.queue(1, 500, "")
    ledger.queue(1, 1000, "I think.")
    assert ledger.heard(1) == ""
    heard: list[str] = []
    for sent in (300, 330, 700, 1099, 1100, 1330, 2100):
        ledger.played(1, sent)
        heard.append(ledger.heard(1))
    assert heard == [
        " It",
        " It",
        " It is",
        " It is",
        " It is red,",
        " It is red, I",
        " It is red, I think.",
    ]


def test_after_the_clients_delay_all_that_was_sent_has_been_heard() -> None:
    ledger = PlaybackLedger(client_delay_ms=100)
    ledger.say(1, " Yes.")
    ledger.queue(1, 48_000, "Yes.")
    ledger.played(1, 24_000)
    ledger.arrived(1)
    assert ledger.heard_samples(1) == 24_000
    ledger.played(1, 25_000)
    assert ledger.heard_samples(1) == 24_000
    ledger.played(1, 48_000)
    assert ledger.heard_samples(1) == 48_000 - 4_800


def test_what_is_on_its_way_was_not_heard() -> None:
    ledger = PlaybackLedger(client_delay_ms=100)
    ledger.say(1, " Yes.")
    ledger.queue(1, 48_000, "Yes.")
    ledger.played(1, 4_800)
    assert (ledger.played_samples(1), ledger.heard_samples(1), ledger.heard_ms(1)) == (4_800, 0, 0)
    ledger.played(1, 48_000)
    assert ledger.heard_ms(1) == 900


def test_counts_never_go_back_nor_past_what_was_queued() -> None:
    ledger = PlaybackLedger()
    ledger.queue(1, 100, "a")
    ledger.played(1, 1000)
    assert ledger.played_samples(1) == 100
    ledger.played(1, 10)
    assert ledger.played_samples(1) == 100


def test_old_turns_are_forgotten() -> None:
    ledger = PlaybackLedger()
    for turn in range(1, 100):
        ledger.say(turn, "x")
    assert ledger.answer(100 - KEPT_TURNS) == "x"
    assert ledger.answer(99 - KEPT_TURNS) == ""
    assert ledger.heard(1) == ""


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b c", "", "d."]), st.integers(0, 500))),
    st.integers(0, 3000),
)
def test_heard_is_a_prefix_of_the_answer(pieces: list[tuple[str, int]], sent: int) -> None:
    ledger = PlaybackLedger(client_delay_ms=1)
    answer = "".join(f" {text}" for text, _ in pieces if text)
    ledger.say(1, answer)
    for text, samples in pieces:
        ledger.queue(1, samples, text)
    ledger.played(1, sent)
    heard = ledger.heard(1)
    assert answer.startswith(heard)
    ledger.played(1, 10_000)
    assert ledger.heard(1).startswith(heard)
