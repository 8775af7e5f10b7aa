// The latency ledgers of a conversation, and which answer each belongs to.

import { num } from "./items.js";

const KEPT_LEDGERS = 100;

/** The state with the ledger of one turn; a second one for the same turn is laid over the first. */
export function withLedger(state, event) {
  const latencies = event.ms ?? event.latencies;
  if (latencies === undefined || latencies === null || typeof latencies !== "object") return state;
  const responseId = event.response_id ?? null;
  const owner =
    state.items.findLast((item) => item.role === "assistant" && item.responseId === responseId) ??
    state.items.findLast((item) => item.role === "assistant");
  const ledger = { turn: num(event.turn), responseId, itemId: owner?.id ?? null, latencies };
  const isSame = (old) =>
    old.turn === ledger.turn &&
    old.responseId === responseId &&
    (ledger.turn !== null || responseId !== null);
  const ledgers = state.ledgers.some(isSame)
    ? state.ledgers.map((old) =>
        isSame(old) ? { ...ledger, latencies: { ...old.latencies, ...latencies } } : old,
      )
    : [...state.ledgers, ledger].slice(-KEPT_LEDGERS);
  return { ...state, ledgers };
}

/** The latencies of the turn an answer belongs to, or undefined. */
export function ledgerOf(state, item) {
  return state.ledgers.find(
    (ledger) =>
      ledger.itemId === item.id ||
      (ledger.responseId !== null && ledger.responseId === item.responseId),
  );
}
