"""What stays of a long conversation, and the account of what left."""

from __future__ import annotations

import numpy as np

from visavis.models.window import (
    KEPT,
    KEPT_OF_SPEECH,
    LINES,
    Entry,
    Left,
    What,
    length,
    newest_words,
    shortened,
)


def entry(what: What, utterance: int, text: str = "", positions: int = 1) -> Entry:
    return Entry(what, np.zeros((positions, 4), np.float32), utterance, text)


def exchange(utterance: int, positions: int = 1) -> list[Entry]:
    return [
        entry(What.ASKED, utterance, "why", positions),
        entry(What.SAID, utterance),
        entry(What.SAID, utterance, " because"),
        entry(What.SAID, utterance, "."),
    ]


PICTURE = entry(What.PICTURE, 0, positions=9)


def test_the_newest_whole_exchanges_over_the_picture_stay() -> None:
    log = [PICTURE]
    for utterance in range(1, 30):
        log += exchange(utterance, 2)
    count = KEPT // 5
    kept = shortened(log, False)
    assert kept == log[-4 * count :]
    assert length(kept) <= KEPT


def test_no_exchange_is_put_behind_a_picture_it_was_not_over() -> None:
    old, new = exchange(1), exchange(2)
    assert shortened([PICTURE, *old, PICTURE, *new], False) == new
    assert shortened([PICTURE, *old], True) == []
    assert shortened([PICTURE, old[0], PICTURE, *old[1:]], False) == []
    assert shortened(new, False) == new


def test_an_exchange_too_long_to_keep_goes_whole_and_all_before_it() -> None:
    log = [PICTURE, *exchange(1), *exchange(2, KEPT), *exchange(3)]
    assert shortened(log, False) == log[-4:]


def test_of_endless_speech_the_newest_words_stay_without_pictures() -> None:
    words = [entry(What.ASKED, 1, str(number)) for number in range(200)]
    assert newest_words([*words, PICTURE, words[0]]) == [
        *words[-(KEPT_OF_SPEECH - 10) :],
        words[0],
    ]


def test_what_left_is_counted_and_its_newest_words_are_kept() -> None:
    left = Left()
    for utterance in range(1, 21):
        left = left.and_these([PICTURE, *exchange(utterance)])
    assert (left.exchanges, left.pictures, left.positions) == (20, 20, 20 * 13)
    assert left.lines == ("why → because .",) * LINES
    long = Left().and_these([entry(What.ASKED, 1, "x" * 10_000)])
    assert len(long.lines[0]) <= 200
