// The data channel's words: reading what arrives, and what the page says.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cameraChanged, newId, read, stopAnswer, typedQuestion } from "../../web_demo/static/protocol.js";

test("only JSON objects with a type are events", () => {
  assert.deepEqual(read('{"type":"session.created"}'), { type: "session.created" });
  for (const data of ["", "ping: 12", "null", "[]", "{}", '{"type":3}', new ArrayBuffer(2), undefined]) {
    assert.equal(read(data), null);
  }
});

test("a typed question is an item and the wish for an answer", () => {
  const [item, wish] = typedQuestion("How many?", "item_7");
  assert.deepEqual(item.item, {
    id: "item_7",
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: "How many?" }],
  });
  assert.deepEqual([item.type, wish.type], ["conversation.item.create", "response.create"]);
});

test("stopping ends the answer and its sound", () => {
  assert.deepEqual(stopAnswer().map(({ type }) => type), ["response.cancel", "output_audio_buffer.clear"]);
});

test("the camera's state is a claim", () => {
  const [{ event_id: id, ...event }] = cameraChanged(false);
  assert.match(id, /^event_/);
  assert.deepEqual(event, { type: "visavis.camera", is_on: false });
});

test("ids differ", () => {
  assert.equal(new Set(Array.from({ length: 500 }, () => newId("item"))).size, 500);
});
