import re

import pytest

from visavis.models.training.intents import phrasings
from visavis.models.training.phrasings import CHATTER, PLACE_FORMS, TOPICS
from visavis.models.typed_text import normalize


def texts(family: str, split: str) -> set[str]:
    return {
        text
        for topic, (owner, _) in TOPICS.items()
        if owner == family
        for group in phrasings(topic, "train" if split == "train" else "test")
        for text in group
    }


FAMILIES = sorted({family for family, _ in TOPICS.values()})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_asked_in_many_ways_and_some_are_held_out(family: str) -> None:
    assert len(texts(family, "train")) >= 25
    assert len(texts(family, "test")) >= 4
    assert not texts(family, "train") & texts(family, "test")


def test_no_phrasing_belongs_to_two_topics() -> None:
    seen: dict[str, str] = {}
    for topic in TOPICS:
        for group in (*phrasings(topic, "train"), *phrasings(topic, "test")):
            for text in group:
                assert seen.setdefault(text, topic) == topic


def test_held_out_chatter_shares_no_sentence_with_training() -> None:
    for train, test in zip(CHATTER["train"], CHATTER["test"], strict=True):
        assert not (set(train) & set(test)) - {""}


def test_all_words_are_in_spoken_form_with_one_spelling_each() -> None:
    words = [form for forms in PLACE_FORMS.values() for form in forms]
    words += [part for parts in CHATTER.values() for some in parts for part in some]
    for family in FAMILIES:
        for text in texts(family, "train") | texts(family, "test"):
            bare = " ".join(re.sub(r"<\w+>", "", text).split())
            assert normalize(bare) == bare
    assert [normalize(word) for word in words] == words
