"""Whatever a client sends and whatever happens: the order of the Realtime API's events holds."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from protocol_order import Follower
from runtime_fakes import Talk, config_with

from visavis.runtime.abilities import Abilities
from visavis.runtime.audio_path import AudioPath
from visavis.runtime.client_messages import ClientMessages
from visavis.runtime.effects import Effect, Emit, RunTool, StartAside, StartShadow
from visavis.runtime.errors import BadInput
from visavis.runtime.events import (
    AsideFailed,
    Event,
    Head,
    PeerGone,
    StageFailed,
    ToolCalled,
    ToolFinished,
)
from visavis.runtime.realtime_config import as_message

_ITEM = {"type": "message", "role": "user"}
_TEXT = {**_ITEM, "content": [{"type": "input_text", "text": "what is it"}]}
_ASIDE = {"conversation": "none", "output_modalities": ["text"], "input": [_TEXT]}

_MESSAGES: list[dict[str, object]] = [
    {"type": "response.create"},
    {"type": "response.create", "response": {"output_modalities": ["text"]}},
    {"type": "response.create", "response": {"max_output_tokens": 1}},
    {"type": "response.create", "response": _ASIDE},
    {"type": "response.cancel"},
    {"type": "response.cancel", "response_id": "resp_test_2"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": _TEXT},
    {"type": "conversation.item.create", "item": {**_TEXT, "id": "mine"}},
    {"type": "conversation.item.create", "item": _TEXT, "previous_item_id": "root"},
    {"type": "conversation.item.delete", "item_id": "mine"},
]
_DETECTIONS: list[object] = [
    None,
    {"type": "semantic_vad", "eagerness": "high"},
    {"type": "server_vad", "silence_duration_ms": 200},
    {"type": "server_vad", "create_response": False},
    {"type": "server_vad", "interrupt_response": False},
    {"type": "server_vad", "idle_timeout_ms": 5000},
]


_ABLE = [
    Abilities(),
    Abilities(tools=True, history=True, revises=True),
    Abilities(calls=frozenset({"time"})),
]


class Realtime(RuleBasedStateMachine):
    """A session with a client that follows every event."""

    @initialize(path=st.sampled_from(AudioPath), able=st.sampled_from(_ABLE))
    def begin(self, path: AudioPath, able: Abilities) -> None:
        config = config_with()
        own = frozenset({"time"}) if able.tools or able.calls else frozenset[str]()
        self.talk = Talk(path=path, abilities=able, config=config, own_tools=own)
        self.client = ClientMessages(as_message(config), able, path)
        self.follower = Follower(path)
        self.newest = 0
        self.calls = 0
        self.running: list[str] = []
        self.asides: list[int] = []

    def give(self, event: Event) -> list[Effect]:
        return self.take(self.talk.give(event))

    def take(self, effects: list[Effect]) -> list[Effect]:
        self.follower.follow(effects)
        for effect in effects:
            if isinstance(effect, StartShadow | StartAside):
                self.newest = effect.turn
            if isinstance(effect, StartAside):
                self.asides.append(effect.turn)
            if isinstance(effect, RunTool):
                self.running.append(effect.call_id)
        return effects

    @rule(message=st.sampled_from(_MESSAGES))
    def send(self, message: dict[str, object]) -> None:
        try:
            translated = self.client.translate({"event_id": "evt", **message})
        except BadInput:
            return
        for event in translated.events:
            for effect in self.give(event):
                if isinstance(effect, Emit) and effect.message["type"] == "error":
                    error = effect.message["error"]
                    assert isinstance(error, dict)
                    assert error["event_id"] == "evt"
                    assert error["code"]

    @rule(detection=st.sampled_from(_DETECTIONS))
    def change(self, detection: object) -> None:
        wish = {"audio": {"input": {"turn_detection": detection}}}
        for event in self.client.translate({"type": "session.update", "session": wish}).events:
            self.give(event)

    @rule(probability=st.sampled_from([0.02, 0.6, 0.95]), windows=st.integers(1, 12))
    def hear(self, probability: float, windows: int) -> None:
        for _ in range(windows):
            self.take(self.talk.hear(probability))

    @rule(windows=st.sampled_from([3, 6, 30]))
    def pause(self, windows: int) -> None:
        for _ in range(windows):
            self.take(self.talk.pause(1))

    @rule(text=st.sampled_from(["what", "what colour", "what colour is this"]))
    def understand(self, text: str) -> None:
        self.take(self.talk.text(text))

    @rule(head=st.sampled_from(Head))
    def judge(self, head: Head) -> None:
        self.take(self.talk.head(self.newest, head))

    @rule(text=st.sampled_from([" It", " is red.", ""]), is_last=st.booleans())
    def decode(self, text: str, is_last: bool) -> None:
        self.take(self.talk.words(self.newest, text, is_last=is_last))

    @rule(name=st.sampled_from(["time", "look_up"]))
    def call(self, name: str) -> None:
        self.calls += 1
        self.give(ToolCalled(self.newest, f"call_{self.calls}", name, "{}"))

    @rule()
    def finish_call(self) -> None:
        if self.running:
            self.give(ToolFinished(self.running.pop(0), "done"))

    @rule()
    def lose_aside(self) -> None:
        if self.asides:
            self.give(AsideFailed(self.asides.pop(0), "no place"))

    @rule(samples=st.sampled_from([960, 48_000]), is_last=st.booleans())
    def voice(self, samples: int, is_last: bool) -> None:
        self.take(self.talk.voice(self.newest, "It", samples=samples, is_last=is_last))

    @rule(turn=st.integers(1, 6), samples=st.integers(0, 96_000), is_done=st.booleans())
    def play(self, turn: int, samples: int, is_done: bool) -> None:
        self.take(self.talk.played(turn, samples, is_done=is_done))

    @rule(item=st.integers(1, 12), ms=st.sampled_from([0, 10, 5_000]))
    def truncate(self, item: int, ms: int) -> None:
        message = {"item_id": f"item_test_{item}", "content_index": 0, "audio_end_ms": ms}
        self.send_one({"type": "conversation.item.truncate", **message})

    @rule(item=st.integers(1, 12))
    def delete(self, item: int) -> None:
        self.send_one({"type": "conversation.item.delete", "item_id": f"item_test_{item}"})

    def send_one(self, message: dict[str, object]) -> None:
        for event in self.client.translate(message).events:
            self.give(event)

    @rule()
    def lose_voice(self) -> None:
        self.give(StageFailed("voice", "broke", is_fatal=False))

    @rule(seconds=st.sampled_from([0.1, 2.0, 9.0]))
    def wait(self, seconds: float) -> None:
        self.take(self.talk.wait(seconds))

    @invariant()
    def a_session_says_what_it_does(self) -> None:
        if hasattr(self, "talk"):
            is_responding = bool(self.follower.active)
            assert not is_responding or self.talk.session.state == "answering"

    def teardown(self) -> None:
        if hasattr(self, "talk"):
            self.give(PeerGone("the end"))
            assert not self.follower.active, "a response was never done"


TestRealtime = Realtime.TestCase
TestRealtime.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
