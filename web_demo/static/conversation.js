// What the conversation looks like after each event. Pure: no clock, no page, no network, so the
// same events always give the same conversation. States are never changed in place.

import {
  closeUtterance,
  find,
  heardPart,
  num,
  openUtterance,
  remove,
  str,
  textOf,
  upsert,
} from "./items.js";
import { withLedger } from "./ledgers.js";
import { restoredItems } from "./restoration.js";

/** @typedef {"idle"|"listening"|"hearing"|"thinking"|"speaking"} Phase */

const KEPT_RESPONSES = 50;

/** Errors that are the ordinary result of two sides acting at once. */
const HARMLESS = new Set(["response_cancel_not_active"]);

const PHASES = {
  idle: "idle",
  listening: "listening",
  hearing: "hearing",
  user_speaking: "hearing",
  thinking: "thinking",
  answering: "thinking",
  speaking: "speaking",
};

export function initial() {
  return {
    /** @type {Phase} */ phase: "idle",
    /** @type {import("./items.js").Item[]} */ items: [],
    /** id of the utterance in progress, which live transcripts belong to */ utterance: null,
    /** the answer being made or spoken */ response: null,
    /** answers that are over: late words for them are dropped */ closed: [],
    isPlaying: false,
    looked: 0,
    /** the last picture that was looked at: {count, changed} */ look: null,
    /** [{turn, responseId, itemId, latencies}] */ ledgers: [],
    /** the last error told by the server: {count, code, message} */ problem: null,
    /** how much less the server does for everybody: 0 is everything */ load: 0,
    /** what the server wants of the camera: {maxFps, maxWidth, maxHeight} */ hint: null,
  };
}

export function reduce(state, event) {
  const handle = Object.hasOwn(HANDLERS, event.type) ? HANDLERS[event.type] : null;
  return handle === null ? state : handle(state, event);
}

// ---- small helpers

/** The phase once nobody speaks. */
function resting(state) {
  if (state.isPlaying) return "speaking";
  return state.response === null ? "listening" : "thinking";
}

function isClosed(state, event) {
  return event.response_id !== undefined && state.closed.includes(event.response_id);
}

/** Words of an answer: `write` makes the new text from the old. */
function say(state, event, write) {
  if (isClosed(state, event)) return state;
  const id = str(event.item_id);
  if (id === "") return state;
  const old = find(state, id)?.text ?? "";
  return upsert(state, id, {
    role: "assistant",
    text: write(old),
    responseId: event.response_id ?? find(state, id)?.responseId ?? null,
  });
}

const appendWords = (state, event) => say(state, event, (old) => old + str(event.delta));

function appendNote(state, event) {
  return upsert(state, `note-${state.items.length}-${event.type}`, {
    role: "note",
    text: str(event.text),
    status: "done",
  });
}

// ---- one handler per event

function itemAdded(state, event) {
  const item = event.item;
  if (item === null || typeof item !== "object" || typeof item.id !== "string") return state;
  if (item.type !== undefined && item.type !== "message") return state;
  if (item.role !== "user" && item.role !== "assistant") return state;
  const known = find(state, item.id);
  const text = textOf(item);
  if (item.role === "assistant") {
    const change = { role: "assistant" };
    if (known === undefined) change.responseId = event.response_id ?? state.response;
    else if (event.response_id !== undefined) change.responseId = event.response_id;
    if (text !== "" && (known === undefined || known.text === "")) change.text = text;
    return upsert(state, item.id, change);
  }
  const isTyped = (item.content ?? []).some?.((part) => part?.type === "input_text") ?? false;
  const change = { role: "user", isCommitted: true };
  if (isTyped) Object.assign(change, { via: "text", status: "done" });
  if (text !== "") change.text = text;
  return upsert(state, item.id, change);
}

function transcriptDone(state, event) {
  const id = str(event.item_id);
  if (id === "") return state;
  const text = str(event.transcript).trim();
  const next = upsert(state, id, { role: "user", text, status: "done", isCommitted: true });
  return closeUtterance(next, id);
}

function responseDone(state, event) {
  const response = event.response ?? {};
  const status = { completed: "done", cancelled: "interrupted", failed: "failed" };
  const details = response.status_details ?? {};
  let mark = status[response.status] ?? "done";
  if (mark === "interrupted" && details.reason === "client_cancelled") mark = "stopped";
  const outputs = Array.isArray(response.output) ? response.output : [];
  const items = state.items
    .map((item) => {
      // A question that was answered and has no transcript by now will get none.
      if (item.role === "user" && item.isCommitted && item.status === "live") {
        return { ...item, status: "done" };
      }
      if (item.role !== "assistant" || item.responseId !== response.id) return item;
      const said = textOf(outputs.find((output) => output?.id === item.id));
      const text = item.text === "" ? said : item.text;
      const isCut = mark === "interrupted" || mark === "stopped";
      const heardText = (isCut && said !== "" ? heardPart(text, said) : null) ?? item.heardText;
      return { ...item, status: mark, heardText, text };
    })
    // An answer cut before its first word has nothing to show.
    .filter((item) => item.role !== "assistant" || item.text !== "" || item.responseId !== response.id);
  const closed = [...state.closed, response.id].slice(-KEPT_RESPONSES);
  const isCurrent = state.response === response.id;
  const next = { ...state, items, closed, response: isCurrent ? null : state.response };
  if (mark === "failed") {
    const error = details.error ?? {};
    return withProblem(next, error.code ?? error.type, error.message ?? "The answer failed.");
  }
  return next.phase === "hearing" ? next : { ...next, phase: resting(next) };
}

function withProblem(state, code, message) {
  const count = (state.problem?.count ?? 0) + 1;
  return {
    ...state,
    phase: state.phase === "hearing" || state.phase === "idle" ? state.phase : resting(state),
    problem: { count, code: str(code), message: str(message) },
  };
}

function playbackEnded(state) {
  const next = { ...state, isPlaying: false };
  return next.phase === "speaking" ? { ...next, phase: resting(next) } : next;
}

function restored(state, event) {
  const next = restoredItems(state, event.items);
  const phase = Object.hasOwn(PHASES, event.state) ? PHASES[event.state] : next.phase;
  return event.is_last === true ? { ...next, phase } : next;
}

const HANDLERS = {
  "page.connected": (state) => ({ ...state, phase: "listening" }),

  // What was in progress will never end now: close it, keep what was said.
  "page.disconnected": (state) => ({
    ...state,
    phase: "idle",
    isPlaying: false,
    response: null,
    utterance: null,
    hint: null,
    items: state.items
      .filter((item) => item.status !== "live" || item.text !== "")
      .map((item) => {
        if (item.status !== "live") return item;
        return { ...item, status: item.role === "assistant" ? "interrupted" : "done" };
      }),
  }),

  "page.note": appendNote,

  "page.typed": (state, event) => ({
    ...upsert(state, event.item_id, {
      role: "user",
      text: str(event.text),
      status: "done",
      via: "text",
      isCommitted: true,
    }),
    phase: "thinking",
  }),

  "page.problem_seen": (state) => ({ ...state, problem: null }),

  "session.created": (state) => (state.phase === "idle" ? { ...state, phase: "listening" } : state),

  "input_audio_buffer.speech_started": (state, event) => ({
    ...openUtterance(state, str(event.item_id) || "utterance"),
    phase: "hearing",
  }),

  "input_audio_buffer.speech_stopped": (state) =>
    state.phase === "hearing" ? { ...state, phase: "thinking" } : state,

  "input_audio_buffer.committed": (state, event) => {
    const id = str(event.item_id);
    if (id === "") return state;
    const next = openUtterance(state, id);
    const phase = next.isPlaying ? next.phase : "thinking";
    return { ...upsert(next, id, { isCommitted: true }), phase };
  },

  "visavis.transcript.partial": (state, event) => {
    const text = str(event.text).trim();
    if (text === "") return state;
    const id = str(event.item_id) || state.utterance;
    if (id === null) {
      const last = state.items.findLast((item) => item.role === "user");
      if (last?.text === text) return state; // the last words of an utterance already written down
      const next = openUtterance(state, `utterance-${state.items.length}`);
      return upsert(next, next.utterance, { heard: text, text });
    }
    if (find(state, id)?.status === "done") return state;
    return upsert(openUtterance(state, id), id, { heard: text, text });
  },

  "conversation.item.added": itemAdded,
  "conversation.item.done": itemAdded,
  "conversation.item.deleted": (state, event) => remove(state, event.item_id),

  "conversation.item.input_audio_transcription.delta": (state, event) => {
    const id = str(event.item_id);
    if (id === "" || find(state, id)?.status === "done") return state;
    const old = find(state, id);
    // The first delta replaces the live words only once it says as much as they do.
    const written = (old?.written ?? "") + str(event.delta);
    const heard = old?.heard ?? "";
    const text = written.length >= heard.length ? written.trimStart() : heard;
    return upsert(state, id, { written, text });
  },
  "conversation.item.input_audio_transcription.completed": transcriptDone,
  "conversation.item.input_audio_transcription.failed": (state, event) => {
    const id = str(event.item_id);
    if (id === "" || find(state, id) === undefined) return state;
    return closeUtterance(upsert(state, id, { status: "done" }), id);
  },

  "visavis.utterance.ignored": (state, event) => {
    const id = str(event.item_id) || state.utterance;
    const item = id === null ? undefined : find(state, id);
    const phase = resting(state);
    if (item === undefined) return { ...state, utterance: null, phase };
    const next = item.text === "" ? remove(state, id) : upsert(state, id, { status: "ignored" });
    return { ...closeUtterance(next, id), phase };
  },

  "response.created": (state, event) => ({
    ...state,
    response: event.response?.id ?? null,
    phase: state.phase === "hearing" || state.isPlaying ? state.phase : "thinking",
  }),
  "response.output_item.added": itemAdded,
  "response.output_audio_transcript.delta": appendWords,
  "response.output_text.delta": appendWords,
  "response.output_audio_transcript.done": (state, event) =>
    say(state, event, (old) => str(event.transcript) || old),
  "response.output_text.done": (state, event) => say(state, event, (old) => str(event.text) || old),
  "response.done": responseDone,

  "output_audio_buffer.started": (state) => ({ ...state, isPlaying: true, phase: "speaking" }),
  "output_audio_buffer.stopped": playbackEnded,
  "output_audio_buffer.cleared": playbackEnded,

  "conversation.item.truncated": (state, event) => {
    const item = find(state, event.item_id);
    if (item === undefined) return state;
    const status = item.status === "stopped" ? "stopped" : "interrupted";
    return upsert(state, item.id, { status });
  },

  // The page asks for a cut answer as it is kept: with the words that were heard.
  "conversation.item.retrieved": (state, event) => {
    const item = find(state, event.item?.id);
    if (item === undefined || !["interrupted", "stopped", "failed"].includes(item.status)) {
      return state;
    }
    return upsert(state, item.id, { heardText: heardPart(item.text, textOf(event.item)) });
  },

  "visavis.state": (state, event) => {
    const phase = Object.hasOwn(PHASES, event.state) ? PHASES[event.state] : null;
    return phase === null ? state : { ...state, phase };
  },

  "visavis.conversation.items": restored,

  "visavis.load": (state, event) => ({ ...state, load: num(event.step) ?? 0 }),

  "visavis.picture.seen": (state, event) => ({
    ...state,
    looked: state.looked + 1,
    look: { count: state.looked + 1, changed: event.changed !== false },
  }),

  "visavis.sound": (state, event) => {
    const words = [event.level, event.pitch, event.kind].map(str).filter((word) => word !== "");
    return appendNote(state, { type: event.type, text: `Heard: ${words.join(" ")}` });
  },

  "visavis.ledger": withLedger,

  "visavis.sampler.hint": (state, event) => ({
    ...state,
    hint: {
      maxFps: num(event.max_fps),
      maxWidth: num(event.max_width),
      maxHeight: num(event.max_height),
    },
  }),

  error: (state, event) => {
    const error = event.error ?? {};
    if (HARMLESS.has(error.code)) return state;
    return withProblem(state, error.code ?? error.type, error.message ?? "The server reports an error.");
  },
};
