// A conversation as the server keeps it, on a page that knows nothing of it or missed its end.

import assert from "node:assert/strict";
import { test } from "node:test";

import { initial, reduce } from "../../web_demo/static/conversation.js";

const after = (...events) => events.reduce(reduce, initial());
const shown = (state) => state.items.map(({ role, text, status }) => [role, text, status]);
const said = (id, role, status, ...content) => ({ id, type: "message", role, status, content });
const words = (id, text) => said(id, "user", "completed", { type: "input_audio", transcript: text });
const typed = (id, text) => said(id, "user", "completed", { type: "input_text", text });
const answer = (id, transcript, status = "completed") =>
  said(id, "assistant", status, { type: "output_audio", transcript });
const told = (items, more = {}) => ({
  type: "visavis.conversation.items",
  items,
  state: "listening",
  is_last: true,
  ...more,
});
const word = (id, delta) => ({
  type: "response.output_audio_transcript.delta",
  response_id: "r",
  item_id: id,
  delta,
});

test("a page that was reloaded shows what was said, in its order", () => {
  const state = after(
    { type: "page.connected" },
    told([words("a", "What is it?"), answer("b", "A ball.")], { is_last: false }),
    told([typed("c", "And the colour?"), answer("d", "It is", "incomplete"), answer("e", "", "incomplete")]),
  );
  assert.deepEqual(shown(state), [
    ["user", "What is it?", "done"],
    ["assistant", "A ball.", "done"],
    ["user", "And the colour?", "done"],
    ["assistant", "It is", "interrupted"],
  ]);
  assert.deepEqual([state.items[0].via, state.items[2].via], ["voice", "text"]);
  assert.equal(state.phase, "listening");
});

test("an answer under way grows on, and its whole text is the last word", () => {
  const part = after(told([answer("b", "", "in_progress")]), word("b", "a ball"));
  assert.deepEqual(shown(part), [["assistant", "a ball", "live"]]);
  const whole = { type: "response.output_audio_transcript.done", response_id: "r", item_id: "b" };
  const state = reduce(part, { ...whole, transcript: "It is a ball" });
  assert.equal(state.items[0].text, "It is a ball");
});

test("a page that missed the end of an answer learns it", () => {
  const state = after(word("b", "A red"), { type: "page.disconnected" }, told([answer("b", "A red ball.")]));
  assert.deepEqual(shown(state), [["assistant", "A red ball.", "done"]]);
});

test("words that were never heard are shown as such", () => {
  const state = after(
    word("b", "It is a red ball"),
    { type: "page.disconnected" },
    told([answer("b", "It is a", "incomplete")]),
  );
  assert.deepEqual(shown(state), [["assistant", "It is a red ball", "interrupted"]]);
  assert.equal(state.items[0].heardText, "It is a");
});

test("what has no transcript yet keeps the words that were understood", () => {
  const state = after(
    { type: "visavis.transcript.partial", item_id: "a", text: "what is" },
    told([words("a", null), { id: "x", type: "function_call", call_id: "c" }, null]),
  );
  assert.deepEqual(shown(state), [["user", "what is", "done"]]);
});

test("nonsense changes nothing", () => {
  const state = after(told("nothing", { state: "unheard of" }));
  assert.deepEqual(state.items, []);
});
