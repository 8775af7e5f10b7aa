// The key this page talks with, when its server asks for one: an API key or a client secret. It comes
// in the address after `#key=`, which browsers don't send, or is asked for; it is kept for this tab.

const KEPT = "visavis.key";

export class Key {
  #storage;
  #ask;
  #value;
  #why = "";

  /**
   * @param {{location: Location, history: History, storage: Storage,
   *   ask: (why: string) => Promise<string>}} tools
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

  /** Ask for it, unless it is there. False when the person would not give one. */
  async want() {
    if (this.isThere) return true;
    this.#value = (await this.#ask(this.#why)).trim();
    if (this.#value) this.#storage.setItem(KEPT, this.#value);
    return this.isThere;
  }

  /** It was refused, and `why`: the next `want` asks again. */
  forget(why) {
    this.#why = why;
    this.#value = "";
    this.#storage.removeItem(KEPT);
  }

  /** `fetch` that presents the key. */
  wrap(fetch) {
    return async (url, options = {}) => {
      if (!this.isThere) return await fetch(url, options);
      const headers = { ...options.headers, Authorization: `Bearer ${this.#value}` };
      return await fetch(url, { ...options, headers });
    };
  }
}
