// What a person reads of the line and of the server's load.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as words from "../../web_demo/static/line_words.js";

const known = { endedWhy: "", maxSessions: 2 };

test("a good line needs no notice, another one says what is done about it", () => {
  for (const state of ["live", "connecting", "ended", "unsteady"]) {
    assert.equal(words.lineNotice({ state }, known), null);
  }
  const again = words.lineNotice({ state: "reconnecting", attempt: 2, waitS: 4 }, known);
  assert.deepEqual([again.title, again.untilS], ["The connection dropped", 4]);
  const ended = { ...known, endedWhy: "nobody spoke for 600 seconds" };
  const why = words.lineNotice({ state: "reconnecting", attempt: 1, waitS: 0 }, ended);
  assert.equal(why.title, "The server ended the conversation");
  assert.match(why.body, /^Nobody spoke for 600 seconds\. /);
  assert.equal(why.untilS, null);
  assert.match(words.lineNotice({ state: "waiting", waitS: 5, message: "" }, known).body, /2 conversations/);
  const lost = words.lineNotice({ state: "lost", error: new Error("No answer") }, known);
  assert.match(lost.body, /^No answer\. Check your network/);
});

test("every step of the load is told in words, and none while everything is served", () => {
  assert.equal(words.loadWords(0), null);
  const told = [1, 2, 3, 4].map((step) => words.loadWords(step));
  assert.equal(told[0].title, "Much is going on here");
  assert.match(told[0].body, /looked at less often/);
  assert.equal(new Set(told.map(({ body }) => body)).size, 4);
  assert.deepEqual(words.loadWords(9), told[3]);
});

test("a conversation that had to begin anew says so", () => {
  assert.equal(words.newConversationNote({ hasHistory: false, why: "" }), null);
  assert.match(words.newConversationNote({ hasHistory: true, why: "" }), /does not know/);
  assert.match(words.newConversationNote({ hasHistory: false, why: "it ended" }), /is over/);
});

test("the server's words become sentences", () => {
  assert.equal(words.asSentence(" the offer has no audio "), "The offer has no audio.");
  assert.equal(words.asSentence("Why?"), "Why?");
  assert.equal(words.asSentence(""), "");
  assert.equal(words.failureTitle("unheard of"), words.failureTitle("refused"));
});
