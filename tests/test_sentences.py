"""An answer that comes in pieces, cut into sentences."""

from __future__ import annotations

from visavis.transports.rtvi.sentences import MAX_SENTENCE, Sentences


def cut(*pieces: str) -> list[str]:
    sentences = Sentences()
    whole = [sentence for piece in pieces for sentence in sentences.take(piece)]
    return [*whole, *sentences.end()]


def test_sentences_come_when_the_next_begins() -> None:
    sentences = Sentences()
    assert sentences.take(" It is") == []
    assert sentences.take(" red. And") == ["It is red."]
    assert sentences.take(" round!") == []
    assert sentences.end() == ["And round!"]
    assert sentences.end() == []


def test_the_pieces_make_no_difference() -> None:
    text = 'It costs 3.50 dollars. "Really?" Yes…  Good.'
    whole = ["It costs 3.50 dollars.", '"Really?"', "Yes…", "Good."]
    assert cut(text) == cut(*text) == whole
    assert cut("", "  ") == []


def test_a_sentence_without_an_end_is_cut() -> None:
    sentences = Sentences()
    assert sentences.take("a" * MAX_SENTENCE) == []
    assert sentences.take("b") == ["a" * MAX_SENTENCE + "b"]
    assert sentences.end() == []
