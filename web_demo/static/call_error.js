// Why a call did not come about, read from what the server or a proxy before it answered.

/**
 * kind: "full" (come back later), "gone" (the session is over), "refused" (the server says no),
 * "locked" (it wants another key), "unreachable" (no answer), "broken" (the server itself is in
 * trouble), "brief" (calls end as soon as they begin), "blocked" (signalling works, media does not
 * get through), "over" (the conversation to be resumed is not there any more)
 */
export class CallError extends Error {
  constructor(kind, message, { status = 0, code = "", retryAfterS = null } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** What a response that is not an answer means. @param {Response} response */
export async function problemOf(response) {
  let error = {};
  try {
    error = (await response.json())?.error ?? {};
  } catch {
    // Not JSON: a proxy speaks, not our server.
  }
  const retry = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  const facts = {
    status: response.status,
    code: typeof error.code === "string" ? error.code : "",
    retryAfterS: Number.isFinite(retry) && retry >= 0 ? retry : null,
  };
  const message =
    typeof error.message === "string" && error.message !== ""
      ? error.message
      : `The server answered ${response.status}.`;
  const isBusy = response.status === 503 || response.status === 429;
  if (isBusy && facts.code !== "engine_died") {
    return new CallError("full", message, { ...facts, retryAfterS: facts.retryAfterS ?? 5 });
  }
  if (facts.code.startsWith("resume_")) return new CallError("over", message, facts);
  if (response.status === 401) return new CallError("locked", message, facts);
  if ([404, 405, 409, 410, 501].includes(response.status)) {
    return new CallError("gone", message, facts);
  }
  if (response.status >= 500) return new CallError("broken", message, facts);
  return new CallError("refused", message, facts);
}
