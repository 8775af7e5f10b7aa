// The key this page talks with, when its server asks for one: an API key or a client secret. It comes
// in the address after `#key=`, which browsers don't send, or is asked for; it is kept for this tab.

const KEPT = "visavis.key";

export class Key {
  #storage;
  #ask;
  #value;

  /**
   * @param {{location: Location, history: History, storage: Storage, ask: () => string|null}} tools
   */
  constructor({ location, history, storage, ask }) {
    this.#storage = storage;
    this.#ask = ask;
    const given = new URLSearchParams(location.hash.slice(1)).get("key");
    if (given) {
      storage.setItem(KEPT, given);
      history.replaceState(null, "", location.pathname + location.search); // not for the history
    }
    this.#value = given || storage.getItem(KEPT) || "";
  }

  get isThere() {
    return this.#value !== "";
  }

  /** Ask for it, unless it is there. */
  want() {
    if (this.isThere) return;
    this.#value = (this.#ask() ?? "").trim();
    if (this.#value) this.#storage.setItem(KEPT, this.#value);
  }

  /** It was refused: the next `want` asks again. */
  forget() {
    this.#value = "";
    this.#storage.removeItem(KEPT);
  }

  /** `fetch` that presents the key, and forgets one that is refused. */
  wrap(fetch) {
    return async (url, options = {}) => {
      if (!this.isThere) return await fetch(url, options);
      const headers = { ...options.headers, Authorization: `Bearer ${this.#value}` };
      const response = await fetch(url, { ...options, headers });
      if (response.status === 401) this.forget();
      return response;
    };
  }
}
