"""Whatever happens, in whatever order: what must always hold of a session's effects."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from runtime_fakes import Talk, turn_detection

from visavis.runtime.effects import (
    CancelTurn,
    CommitTurn,
    Effect,
    Emit,
    EndSession,
    EndTurn,
    FlushPlayout,
    HoldPlayout,
    Play,
    RetractShadow,
    Speak,
    StartShadow,
)
from visavis.runtime.events import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CancelRequested,
    Head,
    ItemCreated,
    PeerGone,
    StageFailed,
    TextTyped,
)
from visavis.runtime.replay import replay
from visavis.runtime.session import Session

_TEXTS = st.sampled_from(
    [" It", " is red.", " Yes, I", " see it", "", " one two three four five six"]
)


class Conversation(RuleBasedStateMachine):
    """Follows the effects as the runner, the engine and the client would."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk()
        self.newest = 0
        self.shadow: int | None = None
        self.live: int | None = None
        self.over: set[int] = set()
        self.committed: set[int] = set()
        self.words: dict[int, str] = {}
        self.queued: dict[int, int] = {}
        self.played: dict[int, int] = {}
        self.responses: dict[str, int] = {}
        self.is_ended = False
        self.effects: list[list[Effect]] = []

    def check(self, effects: list[Effect]) -> None:
        if self.is_ended:
            assert effects == []
        for effect in effects:
            assert not self.is_ended, "an effect after the end"
            match effect:
                case StartShadow(turn=turn):
                    assert turn > self.newest
                    assert self.shadow is None and self.live is None
                    self.newest = self.shadow = turn
                case CommitTurn(turn=turn):
                    assert self.shadow == turn and self.live is None
                    self.shadow, self.live = None, turn
                    self.committed.add(turn)
                case RetractShadow(turn=turn):
                    assert self.shadow == turn
                    self.shadow = None
                    self.over.add(turn)
                case CancelTurn(turn=turn, heard=heard) | EndTurn(turn=turn, heard=heard):
                    assert self.live == turn and turn not in self.over
                    assert self.words.get(turn, "").startswith(heard)
                    self.live = None
                    self.over.add(turn)
                case FlushPlayout(turn=turn):
                    assert turn in self.over
                case HoldPlayout(turn=turn):
                    assert turn == self.live
                    self.queued[turn] = self.played.get(turn, 0)
                case Play(turn=turn, pcm=pcm):
                    assert turn == self.live
                    self.queued[turn] = self.queued.get(turn, 0) + len(pcm)
                case Speak(turn=turn, phrase=phrase):
                    assert turn in (self.live, self.shadow)
                    assert phrase.strip()
                case Emit(message={"type": "response.created", "response": {"id": str(name)}}):
                    assert self.live is not None
                    self.responses[name] = 0
                case Emit(message={"type": "response.done", "response": {"id": str(name)}}):
                    self.responses[name] += 1
                    assert self.responses[name] == 1
                case EndSession():
                    assert self.shadow is None and self.live is None
                    self.is_ended = True
                case _:
                    pass

    def some_turn(self, newest: bool, other: int) -> int:
        return self.newest if newest else other

    @rule(probability=st.sampled_from([0.02, 0.4, 0.6, 0.95]), windows=st.integers(1, 12))
    def hear(self, probability: float, windows: int) -> None:
        for _ in range(windows):
            self.check(self.talk.hear(probability))

    @rule(windows=st.sampled_from([3, 6, 30]))
    def pause(self, windows: int) -> None:
        for _ in range(windows):
            self.check(self.talk.pause(1))

    @rule(text=st.sampled_from(["", "mhm", "what", "what colour", "what colour is this"]))
    def understand(self, text: str) -> None:
        self.check(self.talk.text(text))

    @rule(head=st.sampled_from(Head), newest=st.booleans(), other=st.integers(0, 5))
    def judge(self, head: Head, newest: bool, other: int) -> None:
        self.check(self.talk.head(self.some_turn(newest, other), head))

    @rule(text=_TEXTS, is_last=st.booleans(), newest=st.booleans(), other=st.integers(0, 5))
    def decode(self, text: str, is_last: bool, newest: bool, other: int) -> None:
        turn = self.some_turn(newest, other)
        if turn in (self.live, self.shadow):
            self.words[turn] = self.words.get(turn, "") + text
        self.check(self.talk.words(turn, text, is_last=is_last))

    @rule(
        text=_TEXTS,
        samples=st.sampled_from([0, 960, 48_000]),
        is_last=st.booleans(),
        newest=st.booleans(),
        other=st.integers(0, 5),
    )
    def voice(self, text: str, samples: int, is_last: bool, newest: bool, other: int) -> None:
        turn = self.some_turn(newest, other)
        self.check(self.talk.voice(turn, text, samples=samples, is_last=is_last))

    @precondition(lambda self: self.live is not None)
    @rule(share=st.floats(0, 1), is_done=st.booleans())
    def play(self, share: float, is_done: bool) -> None:
        turn = self.live or 0
        self.played[turn] = max(self.played.get(turn, 0), int(share * self.queued.get(turn, 0)))
        self.check(self.talk.played(turn, self.played[turn], is_done=is_done))

    @rule(turn=st.integers(0, 5), samples=st.integers(0, 100_000))
    def play_late(self, turn: int, samples: int) -> None:
        if turn != self.live:
            assert self.talk.played(turn, samples, is_done=True) == []

    @rule(
        event=st.sampled_from(
            [
                TextTyped("how many?", "item_a"),
                ItemCreated("what is it"),
                AnswerRequested(),
                CancelRequested(),
                AudioCommitted(),
                AudioCleared(),
                turn_detection({"type": "semantic_vad"}),
                turn_detection({"type": "server_vad", "interrupt_response": False}),
                turn_detection({"type": "server_vad", "create_response": False}),
                turn_detection(None),
                StageFailed("voice", "broke", is_fatal=False),
            ]
        )
    )
    def request(self, event: object) -> None:
        self.check(self.talk.give(event))  # type: ignore[arg-type]

    @rule(seconds=st.sampled_from([0.1, 2.0, 9.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.check(self.talk.wait(seconds))

    @precondition(lambda self: self.newest > 3)
    @rule()
    def hang_up(self) -> None:
        self.check(self.talk.give(PeerGone("bye")))
        assert self.is_ended

    @invariant()
    def a_response_is_open_only_while_a_turn_is_live(self) -> None:
        unfinished = [name for name, count in self.responses.items() if count == 0]
        assert len(unfinished) <= (self.live is not None)

    @invariant()
    def a_deadline_lies_ahead_or_is_due_now(self) -> None:
        assert (self.talk.session.deadline() is None) == self.is_ended

    def teardown(self) -> None:
        self.check(self.talk.give(PeerGone("the end")))
        assert self.over == set(range(1, self.newest + 1)), "a started turn did not end"
        again = [effect for call in replay(Session("sess_test"), self.talk.log) for effect in call]
        assert repr(again) == repr(self.talk.effects)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
