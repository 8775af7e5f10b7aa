// The things said, as values: found, changed and read without changing a state in place.

/**
 * @typedef {object} Item  one thing said
 * @property {string} id
 * @property {"user"|"assistant"|"note"} role
 * @property {string} text      what is shown
 * @property {string} heard     live understanding of speech, whole, until the transcript is there
 * @property {"live"|"done"|"interrupted"|"stopped"|"failed"|"ignored"} status
 * @property {"voice"|"text"} via
 * @property {boolean} isCommitted
 * @property {string|null} responseId
 * @property {string} written   transcript so far, from its deltas
 * @property {string|null} heardText  of a cut answer: the words the person heard, when told
 */

const KEPT_ITEMS = 200;

export function find(state, id) {
  return state.items.find((item) => item.id === id);
}

export function upsert(state, id, change, position = "end") {
  const old = find(state, id);
  if (old !== undefined) {
    const items = state.items.map((item) => (item === old ? { ...old, ...change } : item));
    return { ...state, items };
  }
  const item = {
    id,
    role: "user",
    text: "",
    heard: "",
    status: "live",
    via: "voice",
    isCommitted: false,
    responseId: null,
    written: "",
    heardText: null,
    ...change,
  };
  const items = position === "end" ? [...state.items, item] : [item, ...state.items];
  return { ...state, items: items.slice(-KEPT_ITEMS) };
}

export function remove(state, id) {
  return { ...state, items: state.items.filter((item) => item.id !== id) };
}

export function textOf(item) {
  const parts = Array.isArray(item?.content) ? item.content : [];
  return parts
    .map((part) => part?.transcript ?? part?.text ?? "")
    .filter((text) => typeof text === "string" && text !== "")
    .join(" ")
    .trim();
}

export const str = (value) => (typeof value === "string" ? value : "");
export const num = (value) => (Number.isFinite(value) ? value : null);

export function openUtterance(state, id) {
  const open = state.utterance === null ? undefined : find(state, state.utterance);
  if (open !== undefined && open.status === "live" && !open.isCommitted && open.id !== id) {
    // The same person goes on speaking, or the words came before the sign that speech began.
    const items = state.items
      .filter((item) => item.id !== id)
      .map((item) => (item === open ? { ...open, id } : item));
    return { ...state, items, utterance: id };
  }
  const known = find(state, id);
  const next = known === undefined ? upsert(state, id, { role: "user" }) : state;
  return { ...next, utterance: id };
}

export function closeUtterance(state, id) {
  return state.utterance === id ? { ...state, utterance: null } : state;
}

const words = (text) => text.trim().split(/\s+/).join(" ");

/** What was heard of a cut answer when that is its beginning and not all of it, else null. */
export function heardPart(text, heard) {
  const [all, part] = [words(text), words(heard)];
  return part.length < all.length && all.startsWith(part) ? part : null;
}
