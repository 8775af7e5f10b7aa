"""Functions in a conversation: who runs them, when, what is told, and how an output is said that the
model can't read."""

from __future__ import annotations

from typing import cast

from realtime_fakes import ABLE, Client, error_of, kinds, response_of
from runtime_fakes import Talk, acts, told

from visavis.runtime.abilities import Abilities
from visavis.runtime.audio_path import AudioPath
from visavis.runtime.effects import (
    CommitTurn,
    InsertItem,
    NameItems,
    Prepare,
    RetractShadow,
    RunTool,
    Speak,
    StartAside,
    StartShadow,
)
from visavis.runtime.events import ToolCalled, ToolFinished
from visavis.runtime.tools import BUILTIN, NOT_HERE, Recital

RECITES = Abilities(calls=frozenset(BUILTIN))
GET_TIME = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
CALL = ToolCalled(1, "call_1", "get_time", "{}")


def asked(
    own: frozenset[str] = frozenset(BUILTIN), able: Abilities = RECITES, **update: object
) -> Client:
    client = Client(AudioPath.MESSAGES, able, own, **update)
    client.text("what time is it")
    client.send("response.create")
    return client


def test_an_output_that_the_model_cant_read_is_said_as_it_stands() -> None:
    client = asked()
    called = client.talk.give(CALL)
    assert acts(called) == [RunTool("call_1", "get_time", "{}")]
    assert kinds(called) == ["conversation.item.added", "conversation.item.done"]
    assert response_of(client.talk.words(1, ""))["output"] == []
    said = client.talk.give(ToolFinished("call_1", "It is twenty to three."))
    (begun,) = [effect for effect in said if isinstance(effect, StartShadow)]
    assert begun.text == "It is twenty to three." and isinstance(begun.text, Recital)
    assert kinds(said)[:3] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert CommitTurn(2) in said


def test_a_shadow_runs_nothing() -> None:
    talk = Talk(abilities=RECITES, own_tools=frozenset(BUILTIN))
    talk.speech()
    talk.pause(3)
    talk.head(1)
    assert talk.give(CALL) == []
    assert acts(talk.speech(1)) == [RetractShadow(1)]
    talk.pause(3)
    talk.head(2)
    talk.give(ToolCalled(2, "call_2", "get_time", "{}"))
    assert RunTool("call_2", "get_time", "{}") in talk.pause(3)


def test_an_answer_whose_words_are_known_is_an_item_before_it_is_heard() -> None:
    talk = Talk(abilities=RECITES, own_tools=frozenset(BUILTIN))
    talk.answering()
    told_kinds = [str(message["type"]) for message in told(talk.effects)]
    begun = told_kinds.index("response.created")
    assert told_kinds[begun + 1] == "response.output_item.added"
    assert told_kinds.index("output_audio_buffer.started") > begun + 1


def test_a_clients_function_of_the_same_name_gets_the_call_and_its_output_is_said() -> None:
    client = asked(tools=[GET_TIME])
    called = client.talk.give(CALL)
    assert acts(called) == []
    assert kinds(called) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
    ]
    client.talk.words(1, "")
    given = {"type": "function_call_output", "call_id": "call_1", "output": '{"time": "noon"}'}
    assert acts(client.send("conversation.item.create", item=given)) == []
    said = acts(client.send("response.create"))
    assert said == [StartShadow(2, text=Recital("noon")), CommitTurn(2)]
    client.talk.words(2, "noon")
    assert error_of(client.send("response.create"))["code"]  # it is said once


def test_an_output_with_no_words_is_nothing_to_answer() -> None:
    client = asked(tools=[GET_TIME])
    client.talk.give(CALL)
    client.talk.words(1, "")
    given = {"type": "function_call_output", "call_id": "call_1", "output": " "}
    client.send("conversation.item.create", item=given)
    assert error_of(client.send("response.create"))["code"] == "nothing_to_answer"


def test_an_output_that_nobody_asked_for_is_refused() -> None:
    client = Client(abilities=RECITES)
    given = {"type": "function_call_output", "call_id": "call_9", "output": "x"}
    refused = error_of(client.send("conversation.item.create", item=given))
    assert refused["code"] == "invalid_function_call_output"
    refused = error_of(Client().send("conversation.item.create", item=given))
    assert refused["code"] == "unsupported_item"


def test_a_model_that_may_not_call_says_so() -> None:
    for client in (asked(tool_choice="none"), asked(own=frozenset())):
        said = client.talk.give(CALL)
        assert not [effect for effect in said if isinstance(effect, RunTool)]
        client.talk.words(1, "")
        spoken = [effect for effect in client.talk.effects if isinstance(effect, Speak)]
        assert " ".join(effect.phrase for effect in spoken) == NOT_HERE


def test_a_shadow_that_may_not_call_says_so_when_it_is_heard() -> None:
    talk = Talk(abilities=RECITES)
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.give(CALL)
    talk.words(1, "")
    talk.pause(3)
    spoken = [effect for effect in talk.effects if isinstance(effect, Speak)]
    assert " ".join(effect.phrase for effect in spoken) == NOT_HERE


def test_outside_of_the_conversation_nothing_is_called() -> None:
    client = Client(AudioPath.MESSAGES, RECITES, frozenset(BUILTIN))
    item = {"type": "message", "role": "user"}
    wish = client.respond(
        conversation="none",
        output_modalities=["text"],
        input=[{**item, "content": [{"type": "input_text", "text": "what time is it"}]}],
    )
    (aside,) = [effect for effect in wish if isinstance(effect, StartAside)]
    said = client.talk.give(ToolCalled(aside.turn, "call_1", "get_time", "{}"))
    assert [message.get("delta") for message in told(said)] == [NOT_HERE]


def test_a_result_goes_on_as_the_answer_that_called_was_wanted() -> None:
    client = Client(AudioPath.MESSAGES, ABLE, frozenset({"time"}))
    client.text("what time is it")
    client.respond(output_modalities=["text"], metadata={"topic": "x"}, instructions="Be brief.")
    client.talk.give(ToolCalled(1, "call_1", "time", "{}"))
    client.talk.words(1, "")
    went_on = client.talk.give(ToolFinished("call_1", "noon"))
    (prepared,) = [effect for effect in went_on if isinstance(effect, Prepare)]
    options = prepared.options
    assert not options.has_voice and options.instructions == "Be brief."
    assert options.metadata is None


def test_of_a_call_that_was_cancelled_nothing_is_said() -> None:
    for able in (RECITES, ABLE):
        client = asked(able=able)
        client.talk.give(CALL)
        client.talk.words(1, "")
        assert client.send("response.cancel") == []
        late = client.talk.give(ToolFinished("call_1", "It is noon."))
        assert not [effect for effect in late if isinstance(effect, StartShadow)]
        assert kinds(late) == ["conversation.item.added", "conversation.item.done"]
        assert any(isinstance(effect, InsertItem) for effect in late) == able.history
        assert error_of(client.send("response.cancel"))["code"] == "response_cancel_not_active"


def test_the_person_who_speaks_meanwhile_is_not_talked_over() -> None:
    client = asked()
    client.talk.give(CALL)
    client.talk.words(1, "")
    client.talk.speech(10)
    late = client.talk.give(ToolFinished("call_1", "It is noon."))
    assert acts(late) == []


def test_the_items_of_an_answer_that_may_call_have_their_names() -> None:
    client = Client(AudioPath.MESSAGES, ABLE, frozenset({"time"}))
    client.text("what time is it", id="mine")
    asked_for = client.send("response.create")
    (named,) = [effect for effect in asked_for if isinstance(effect, NameItems)]
    said = client.talk.words(1, "noon", is_last=False)
    (added,) = [m for m in told(said) if m["type"] == "conversation.item.added"]
    assert named == NameItems(1, "mine", str(cast(dict[str, object], added["item"])["id"]))
