// How the line and the server stand, in a person's words. Pure: facts in, words out.

const LINE = {
  ended: "Not connected",
  connecting: "Connecting…",
  live: "Connected",
  unsteady: "Connection unsteady…",
  reconnecting: "Reconnecting…",
  waiting: "Waiting for a place…",
  lost: "Connection lost",
};

const FAILED = {
  unreachable: "The server cannot be reached",
  blocked: "The call does not get through",
  broken: "The server is in trouble",
  gone: "The server does not take calls here",
  refused: "The call could not be set up",
};

/** What the server does less of, by the step of its overload ladder. */
const LOAD = [
  null,
  ["Much is going on here", "So pictures are looked at less often for a while."],
  ["Much is going on here", "So one picture is looked at for each question, for a while."],
  ["Very much is going on here", "So few pictures are looked at, and answers begin a little later."],
  ["The server has all it can do", "Your conversation goes on with few pictures; nobody new is let in."],
];

/** A word or two for the state of the line. */
export function lineWords(state) {
  return LINE[state] ?? state;
}

/** The title for a call that did not come about. @param {string} kind of a CallError */
export function failureTitle(kind) {
  return FAILED[kind] ?? FAILED.refused;
}

/** The server's words begin small and end without a stop. */
export function asSentence(words) {
  const text = words.trim();
  if (text === "") return "";
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** Why there may be no place. @param {number|null} most conversations the server holds */
export function placesTaken(most) {
  const many = most ? `${most} conversation${most === 1 ? "" : "s"}` : "a few conversations";
  return `This server holds ${many} at once, so that each stays quick.`;
}

/** @returns {{title: string, body: string}|null} null while everything is served */
export function loadWords(step) {
  const words = LOAD[Math.min(step, LOAD.length - 1)] ?? null;
  return words === null ? null : { title: words[0], body: words[1] };
}

/**
 * What to tell of a line that is not as it should be.
 * @param {{state: string}} status as `Connection` tells it
 * @param {{endedWhy: string, maxSessions: number|null}} known
 * @returns {object|null} a notice without its actions
 */
export function lineNotice(status, { endedWhy, maxSessions }) {
  switch (status.state) {
    case "reconnecting":
      return {
        title: endedWhy === "" ? "The connection dropped" : "The server ended the conversation",
        body: `${asSentence(endedWhy)} Bringing it back, attempt ${status.attempt}. What was said stays here.`.trim(),
        tone: "news",
        untilS: status.waitS > 0 ? status.waitS : null,
        canClose: false,
      };
    case "waiting":
      return {
        title: "Waiting for a place",
        body: status.message ? `The server says: ${asSentence(status.message)}` : placesTaken(maxSessions),
        tone: "news",
        untilS: status.waitS,
        canClose: false,
      };
    case "lost":
      return {
        title: "The connection did not come back",
        body: `${asSentence(status.error?.message ?? "")} Check your network, then start again. What was said stays here.`.trim(),
        canClose: false,
      };
    default:
      return null;
  }
}

/** What the conversation notes about itself when a new one had to begin. */
export function newConversationNote({ hasHistory, why }) {
  if (why) return "The earlier conversation is over. This is a new one.";
  return hasHistory ? "A new conversation: it does not know what was said above." : null;
}
