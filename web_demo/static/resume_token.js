// What brings a reloaded page back into its conversation: the server's token and the person's
// switches, kept for this tab. A copy of the tab has the same storage, so a lock tells whether the
// conversation lives on in another one.

const KEPT = "visavis.resume";
/** Later than this nobody expects to be in a conversation when the page opens. */
const FRESH_S = 300;
const CLAIM_LIMIT_MS = 2000;

export class ResumeToken {
  #storage;
  #locks;
  #now;
  #release = null;

  /**
   * @param {{storage: Storage, locks?: LockManager, now?: () => number}} tools  now: ms since 1970
   */
  constructor({ storage, locks = undefined, now = () => Date.now() }) {
    this.#storage = storage;
    this.#locks = locks;
    this.#now = now;
  }

  /** The server gave a token, or the conversation is over (null). */
  keep(token) {
    if (token === null) {
      this.#write(null);
      this.#release?.();
      this.#release = null;
      return;
    }
    const name = this.#read()?.name ?? `visavis-${this.#now()}-${Math.random()}`;
    this.#write({ ...this.#read(), token, name, at: this.#now() });
    if (this.#release === null) void this.#hold(name);
  }

  /** The person's switches, for the page that comes back; also says that the page is alive. */
  note(switches) {
    const kept = this.#read();
    if (kept !== null) this.#write({ ...kept, switches, at: this.#now() });
  }

  /**
   * What this tab left, when it is fresh and no other page goes on with it.
   * @returns {Promise<{token: string, switches: object}|null>}
   */
  async claim() {
    const kept = this.#read();
    if (kept === null) return null;
    const isFresh = this.#now() - kept.at < FRESH_S * 1000;
    if (!isFresh || !(await this.#hold(kept.name))) {
      this.#write(null);
      return null;
    }
    return { token: kept.token, switches: kept.switches ?? {} };
  }

  /** Held until the page goes away; a page that just went may need a moment to let go. */
  async #hold(name) {
    if (this.#locks === undefined) return true;
    return await new Promise((resolve) => {
      const signal = AbortSignal.timeout(CLAIM_LIMIT_MS);
      const held = new Promise((release) => {
        this.#release = release;
      });
      this.#locks
        .request(name, { signal }, () => {
          resolve(true);
          return held;
        })
        .catch(() => resolve(false));
    });
  }

  #read() {
    try {
      const kept = JSON.parse(this.#storage.getItem(KEPT));
      return typeof kept?.token === "string" && typeof kept.name === "string" ? kept : null;
    } catch {
      return null; // nothing, something else, or no storage: nothing is resumed
    }
  }

  #write(kept) {
    try {
      if (kept === null) this.#storage.removeItem(KEPT);
      else this.#storage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      // As above.
    }
  }
}
