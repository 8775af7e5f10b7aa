// The conversation's reducer: events in, what is shown out.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { announcements } from "../../web_demo/static/announcements.js";
import { initial, reduce } from "../../web_demo/static/conversation.js";
import { ledgerOf } from "../../web_demo/static/ledgers.js";

const after = (...events) => events.reduce(reduce, initial());
const shown = (state) => state.items.map(({ role, text, status }) => [role, text, status]);

const started = (id) => ({ type: "input_audio_buffer.speech_started", item_id: id });
const stopped = (id) => ({ type: "input_audio_buffer.speech_stopped", item_id: id });
const committed = (id) => ({ type: "input_audio_buffer.committed", item_id: id });
const partial = (text) => ({ type: "visavis.transcript.partial", text });
const completed = (id, transcript) => ({
  type: "conversation.item.input_audio_transcription.completed",
  item_id: id,
  transcript,
});
const userItem = (id) => ({
  type: "conversation.item.added",
  item: { id, type: "message", role: "user", content: [{ type: "input_audio", transcript: null }] },
});
const created = (id) => ({ type: "response.created", response: { id, status: "in_progress" } });
const outputItem = (response, id) => ({
  type: "response.output_item.added",
  response_id: response,
  item: { id, type: "message", role: "assistant", status: "in_progress", content: [] },
});
const word = (response, id, delta) => ({
  type: "response.output_audio_transcript.delta",
  response_id: response,
  item_id: id,
  delta,
});
const done = (id, more = {}) => ({
  type: "response.done",
  response: { id, status: "completed", output: [], ...more },
});
const cut = (id, item, transcript, reason = "turn_detected") =>
  done(id, {
    status: "cancelled",
    status_details: { type: "cancelled", reason },
    output: [
      { id: item, type: "message", role: "assistant", content: [{ type: "output_audio", transcript }] },
    ],
  });
const playing = { type: "output_audio_buffer.started", response_id: "r" };
const played = { type: "output_audio_buffer.stopped", response_id: "r" };
const cleared = { type: "output_audio_buffer.cleared", response_id: "r" };
const connected = { type: "page.connected" };

describe("a spoken question and its answer", () => {
  const heard = [connected, started("u"), partial("what is"), partial("what is on the left")];
  const asked = [...heard, stopped("u"), committed("u"), userItem("u"), completed("u", "What is on the left?")];
  const answered = [
    ...asked,
    created("r"),
    outputItem("r", "a"),
    playing,
    word("r", "a", "A red"),
    word("r", "a", " ball."),
  ];

  test("live words are shown while the person speaks", () => {
    const state = after(...heard);
    assert.equal(state.phase, "hearing");
    assert.deepEqual(shown(state), [["user", "what is on the left", "live"]]);
  });

  test("the transcript takes the live words' place", () => {
    const state = after(...asked);
    assert.equal(state.phase, "thinking");
    assert.deepEqual(shown(state), [["user", "What is on the left?", "done"]]);
  });

  test("the answer grows word by word and is spoken", () => {
    const state = after(...answered);
    assert.equal(state.phase, "speaking");
    assert.deepEqual(shown(state).at(-1), ["assistant", "A red ball.", "live"]);
  });

  test("it goes on speaking after the last word is made, and listens when it is played", () => {
    const made = after(...answered, done("r"));
    assert.equal(made.phase, "speaking");
    assert.deepEqual(shown(made).at(-1), ["assistant", "A red ball.", "done"]);
    assert.equal(reduce(made, played).phase, "listening");
  });

  test("an answer without voice ends listening", () => {
    assert.equal(after(...asked, created("r"), outputItem("r", "a"), done("r")).phase, "listening");
  });

  test("a question that gets no transcript is done when it is answered", () => {
    const silent = [connected, started("u"), committed("u"), userItem("u"), created("r"), done("r")];
    assert.deepEqual(shown(after(...silent)), [["user", "", "done"]]);
    assert.deepEqual(shown(after(...silent, completed("u", "Late."))), [["user", "Late.", "done"]]);
  });

  test("the whole transcript corrects the deltas", () => {
    const whole = {
      type: "response.output_audio_transcript.done",
      response_id: "r",
      item_id: "a",
      transcript: "A red ball!",
    };
    assert.deepEqual(shown(after(...answered, whole)).at(-1), ["assistant", "A red ball!", "live"]);
  });
});

describe("interruption", () => {
  const speaking = [
    connected,
    created("r"),
    outputItem("r", "a"),
    playing,
    word("r", "a", "I see a red circle"),
  ];

  test("what was not heard is told apart", () => {
    const state = after(...speaking, started("u"), cut("r", "a", "I see"), cleared);
    assert.equal(state.phase, "hearing");
    const answer = state.items.find((item) => item.id === "a");
    assert.deepEqual(
      [answer.status, answer.heardText, answer.text],
      ["interrupted", "I see", "I see a red circle"],
    );
  });

  test("words that come after the cut are dropped", () => {
    const state = after(...speaking, cut("r", "a", "I see"), word("r", "a", " and more"));
    assert.equal(state.items[0].text, "I see a red circle");
  });

  test("truncation after the last word was made marks the answer too", () => {
    const truncated = { type: "conversation.item.truncated", item_id: "a", audio_end_ms: 400 };
    assert.equal(after(...speaking, done("r"), truncated).items[0].status, "interrupted");
  });

  test("the words that were heard may be told afterwards", () => {
    const truncated = { type: "conversation.item.truncated", item_id: "a", audio_end_ms: 400 };
    const retrieved = (transcript) => ({
      type: "conversation.item.retrieved",
      item: { id: "a", type: "message", role: "assistant", content: [{ type: "output_audio", transcript }] },
    });
    const heardOf = (transcript) => after(...speaking, truncated, retrieved(transcript)).items[0].heardText;
    assert.deepEqual(["I see", "", "I see a red circle", "something else"].map(heardOf), ["I see", "", null, null]);
  });

  test("a stop by the person is not an interruption by voice", () => {
    const state = after(...speaking, cut("r", "a", "I see", "client_cancelled"), cleared);
    assert.equal(state.items[0].status, "stopped");
    assert.equal(state.phase, "listening");
  });

  test("an answer cut before its first word leaves nothing", () => {
    const state = after(connected, created("r"), outputItem("r", "a"), cut("r", "a", ""));
    assert.deepEqual(state.items, []);
  });

  test("the error of a stop that came too late is not shown", () => {
    const error = { type: "error", error: { code: "response_cancel_not_active", message: "no" } };
    assert.equal(after(connected, error).problem, null);
  });
});

describe("an utterance in progress", () => {
  test("words before the sign of speech join it", () => {
    const state = after(connected, partial("hello"), started("u"), partial("hello there"));
    assert.deepEqual(state.items.map(({ id, text }) => [id, text]), [["u", "hello there"]]);
  });

  test("a pause does not make two of it", () => {
    const state = after(started("u1"), partial("is there"), stopped("u1"), started("u2"), partial("is there a cube"));
    assert.deepEqual(state.items.map(({ id, text }) => [id, text]), [["u2", "is there a cube"]]);
  });

  test("late live words do not undo the transcript", () => {
    const state = after(started("u"), partial("two"), completed("u", "Two?"), partial("Two?"));
    assert.deepEqual(shown(state), [["user", "Two?", "done"]]);
  });

  test("transcript deltas never show less than the live words", () => {
    const delta = (text) => ({
      type: "conversation.item.input_audio_transcription.delta",
      item_id: "u",
      delta: text,
    });
    const base = [started("u"), partial("what colour")];
    assert.equal(after(...base, delta("What")).items[0].text, "what colour");
    assert.equal(after(...base, delta("What"), delta(" colour is")).items[0].text, "What colour is");
  });

  test("noise leaves no trace, ignored words a faint one", () => {
    const ignored = { type: "visavis.utterance.ignored", item_id: "u" };
    const noise = after(connected, started("u"), ignored);
    assert.deepEqual([noise.items, noise.phase], [[], "listening"]);
    const words = after(connected, started("u"), partial("mhm"), ignored);
    assert.deepEqual(shown(words), [["user", "mhm", "ignored"]]);
  });

  test("sounds besides speech are noted as they come", () => {
    const beep = { type: "visavis.sound", kind: "beep", level: "loud", pitch: "high" };
    const clap = { type: "visavis.sound", kind: "clap", level: "soft", pitch: null };
    assert.deepEqual(shown(after(connected, beep, clap, clap)), [
      ["note", "Heard: loud high beep", "done"],
      ["note", "Heard: soft clap", "done"],
      ["note", "Heard: soft clap", "done"],
    ]);
  });
});

describe("typed questions", () => {
  test("are shown at once and not twice", () => {
    const typed = { type: "page.typed", item_id: "item_1", text: "How many?" };
    const echoed = {
      type: "conversation.item.added",
      item: { id: "item_1", type: "message", role: "user", content: [{ type: "input_text", text: "How many?" }] },
    };
    const state = after(connected, typed, echoed);
    assert.deepEqual(shown(state), [["user", "How many?", "done"]]);
    assert.equal(state.items[0].via, "text");
    assert.equal(state.phase, "thinking");
  });
});

describe("what the server says of itself", () => {
  test("its state is followed, unknown ones are not", () => {
    const said = (state) => ({ type: "visavis.state", state });
    assert.equal(after(connected, said("speaking")).phase, "speaking");
    assert.equal(after(connected, said("dreaming")).phase, "listening");
    assert.equal(after(connected, said("constructor")).phase, "listening");
  });

  test("pictures that were looked at are counted", () => {
    const seen = (changed) => ({ type: "visavis.picture.seen", pts: 1, changed });
    const state = after(seen(true), seen(false));
    assert.deepEqual([state.looked, state.look], [2, { count: 2, changed: false }]);
  });

  test("a ledger belongs to its answer, and its parts are put together", () => {
    const ledger = (latencies) => ({ type: "visavis.ledger", turn: 1, response_id: "r", ms: latencies });
    const state = after(
      created("r"),
      outputItem("r", "a"),
      ledger({ fusion: 2 }),
      ledger({ commit: 30 }),
    );
    assert.equal(state.ledgers.length, 1);
    assert.deepEqual(ledgerOf(state, state.items[0]).latencies, { fusion: 2, commit: 30 });
  });

  test("a ledger that comes before its answer finds it later", () => {
    const state = after(
      created("r"),
      { type: "visavis.ledger", turn: 1, response_id: "r", latencies: {} },
      outputItem("r", "a"),
    );
    assert.notEqual(ledgerOf(state, state.items[0]), undefined);
  });

  test("an error is told with its number, so that the same one twice is seen twice", () => {
    const error = { type: "error", error: { type: "server_error", code: null, message: "No." } };
    assert.deepEqual(after(error, error).problem, { count: 2, code: "server_error", message: "No." });
  });

  test("a failed answer is a problem told", () => {
    const failed = done("r", { status: "failed", status_details: { error: { code: "e", message: "m" } } });
    const state = after(connected, created("r"), outputItem("r", "a"), word("r", "a", "I"), failed);
    assert.equal(state.items[0].status, "failed");
    assert.equal(state.problem.message, "m");
    assert.equal(state.phase, "listening");
  });

  test("the camera's wish is kept, missing numbers as null", () => {
    const hint = { type: "visavis.sampler.hint", max_fps: 2, max_width: 320 };
    assert.deepEqual(after(hint).hint, { maxFps: 2, maxWidth: 320, maxHeight: null });
  });
});

describe("a dropped line", () => {
  test("keeps what was said and closes what was open", () => {
    const state = after(
      connected,
      started("u"),
      created("r"),
      outputItem("r", "a"),
      word("r", "a", "I see"),
      { type: "page.disconnected" },
    );
    assert.deepEqual(shown(state), [["assistant", "I see", "interrupted"]]);
    assert.equal(state.phase, "idle");
  });
});

describe("reading out", () => {
  test("says each thing once, when it is whole", () => {
    const live = after(created("r"), outputItem("r", "a"), word("r", "a", "Two."));
    assert.deepEqual(announcements(initial(), live), []);
    const whole = reduce(live, done("r"));
    assert.deepEqual(announcements(live, whole), ["visavis: Two."]);
    assert.deepEqual(announcements(whole, reduce(whole, played)), []);
  });
});

test("unknown and malformed events change nothing and throw nothing", () => {
  const names = [
    "rate_limits.updated",
    "toString",
    "conversation.item.added",
    "conversation.item.truncated",
    "input_audio_buffer.committed",
    "response.created",
    "response.done",
    "response.output_audio_transcript.delta",
    "visavis.ledger",
    "visavis.transcript.partial",
    "error",
  ];
  for (const type of names) assert.equal(typeof reduce(initial(), { type }), "object", type);
  assert.deepEqual(reduce(initial(), { type: "rate_limits.updated" }), initial());
});

test("a state is never changed in place", () => {
  const deepFreeze = (value) => {
    if (value !== null && typeof value === "object") {
      Object.freeze(value);
      Object.values(value).forEach(deepFreeze);
    }
    return value;
  };
  const events = [connected, started("u"), partial("a"), completed("u", "A"), created("r"), outputItem("r", "a"),
    word("r", "a", "B"), playing, cut("r", "a", ""), cleared, { type: "visavis.ledger", latencies: { x_ms: 1 } }];
  events.reduce((state, event) => deepFreeze(reduce(state, event)), deepFreeze(initial()));
});

test("the server's load is kept as its step, and what is nonsense is none", () => {
  const step = (value) => ({ type: "visavis.load", step: value, name: "video_rate", reason: "busy" });
  assert.equal(after(step(2)).load, 2);
  assert.equal(after(step(2), step(0)).load, 0);
  assert.equal(after(step("much")).load, 0);
});
