// The conversation as the server keeps it, laid over what this page knows: nothing after a reload,
// and not the end of it after the line was down.

import { find, heardPart, textOf, upsert } from "./items.js";

/** @param {unknown} items of the server, in their order */
export function restoredItems(state, items) {
  return Array.isArray(items) ? items.reduce(restoredItem, state) : state;
}

function restoredItem(state, item) {
  if (item?.type !== "message" || typeof item.id !== "string") return state;
  const [known, text] = [find(state, item.id), textOf(item)];
  if (item.role === "user") {
    const isTyped = (item.content ?? []).some?.((part) => part?.type === "input_text") ?? false;
    const via = isTyped ? "text" : "voice";
    const change = { role: "user", text: text || (known?.text ?? ""), via };
    return upsert(state, item.id, { ...change, status: "done", isCommitted: true });
  }
  return item.role === "assistant" ? restoredAnswer(state, item, known, text) : state;
}

function restoredAnswer(state, item, known, text) {
  const status = { incomplete: "interrupted", in_progress: "live" }[item.status] ?? "done";
  if (known === undefined) {
    if (text === "" && status !== "live") return state; // nothing of it was heard
    return upsert(state, item.id, { role: "assistant", text, status });
  }
  const heardText = heardPart(known.text, text);
  if (heardText !== null && status !== "live") {
    const isMarked = ["interrupted", "stopped", "failed"].includes(known.status);
    return upsert(state, item.id, { status: isMarked ? known.status : "interrupted", heardText });
  }
  return upsert(state, item.id, { status, text: text || known.text });
}
