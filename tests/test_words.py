"""The common words can be written with the letters the encoder knows."""

from visavis.models.training.words import COMMON_WORDS


def test_words_are_many_distinct_and_spelled_in_known_letters() -> None:
    assert len(COMMON_WORDS) > 800
    assert len(set(COMMON_WORDS)) == len(COMMON_WORDS)
    assert set("".join(COMMON_WORDS)) <= set("abcdefghijklmnopqrstuvwxyz'")
