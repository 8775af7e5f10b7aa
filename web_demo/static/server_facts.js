// What the server says of itself before a call: whether it is ready, and what a call needs.

const LIMIT_MS = 5000;

/** A server that can't serve yet says so with 503 and the same JSON. */
async function getJson(fetch, path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(LIMIT_MS) });
  return await response.json();
}

export class ServerFacts {
  hints = [];
  iceServers = [];
  maxSessions = null;
  needsKey = false;
  #fetch;

  /** @param {typeof fetch} fetch presents the key, where there is one */
  constructor(fetch) {
    this.#fetch = fetch;
  }

  /** Ask everything. @returns {Promise<object|null>} its health; null: it does not answer */
  async read() {
    const [config, health] = await Promise.allSettled([
      getJson(this.#fetch, "/config.json"),
      getJson(this.#fetch, "/health"),
    ]);
    if (config.status === "fulfilled") this.#take(config.value);
    if (health.status === "rejected") return null;
    this.maxSessions ??= health.value.max_sessions ?? null;
    return health.value;
  }

  /** Relays come with credentials that end; and only to who shows the key. */
  async refreshServers() {
    if (!this.needsKey && !this.iceServers.some((server) => server.credential)) return;
    try {
      this.#take(await getJson(this.#fetch, "/config.json"));
    } catch {
      // The call itself will tell that the server does not answer.
    }
  }

  #take({ hints, ice_servers: iceServers, max_sessions: maxSessions, needs_key: needsKey }) {
    this.hints = (hints ?? this.hints).slice(0, 6);
    this.iceServers = iceServers ?? this.iceServers;
    this.maxSessions = maxSessions ?? this.maxSessions;
    this.needsKey = needsKey ?? this.needsKey;
  }
}
