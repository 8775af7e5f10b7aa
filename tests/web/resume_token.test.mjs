// What brings a reloaded page back, and what keeps two pages out of one conversation.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ResumeToken } from "../../web_demo/static/resume_token.js";

const settle = async () => {
  for (let i = 0; i < 10; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

function tab(kept = new Map()) {
  return {
    kept,
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: (name) => kept.delete(name),
  };
}

/** Web Locks as far as needed: one holder of a name, the others wait or give up. */
class Locks {
  #held = new Set();
  #waiting = [];

  async request(name, { signal }, work) {
    while (this.#held.has(name)) {
      await new Promise((resolve, reject) => {
        this.#waiting.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    this.#held.add(name);
    await work();
    this.release(name);
  }
  /** The page that held it is gone. */
  release(name) {
    this.#held.delete(name);
    for (const wake of this.#waiting.splice(0)) wake();
  }
  get names() {
    return [...this.#held];
  }
}

test("what a page left is there for the page after it", async () => {
  const [storage, locks] = [tab(), new Locks()];
  const left = new ResumeToken({ storage, locks, now: () => 1000 });
  left.keep("one");
  left.note({ isMuted: true });
  left.keep("two"); // the server made another
  await settle();
  locks.release(locks.names[0]);
  const next = new ResumeToken({ storage, locks, now: () => 31_000 });
  assert.deepEqual(await next.claim(), { token: "two", switches: { isMuted: true } });
  await settle();
  assert.equal(locks.names.length, 1);
});

test("a page that is just going is waited for", async () => {
  const [storage, locks] = [tab(), new Locks()];
  new ResumeToken({ storage, locks, now: () => 0 }).keep("one");
  await settle();
  const claiming = new ResumeToken({ storage, locks, now: () => 1 }).claim();
  await settle();
  locks.release(locks.names[0]);
  assert.equal((await claiming).token, "one");
});

test("a copy of the tab leaves the conversation where it is", async (t) => {
  t.mock.method(AbortSignal, "timeout", () => AbortSignal.abort(new Error("in time")));
  const locks = new Locks();
  const storage = tab();
  new ResumeToken({ storage, locks, now: () => 0 }).keep("one");
  t.mock.restoreAll();
  t.mock.method(AbortSignal, "timeout", () => {
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    return controller.signal;
  });
  await settle();
  const copy = tab(new Map(storage.kept));
  assert.equal(await new ResumeToken({ storage: copy, locks, now: () => 1 }).claim(), null);
  assert.equal(copy.kept.size, 0);
  assert.equal(storage.kept.size, 1);
});

test("after minutes nobody expects to be in a conversation", async () => {
  const storage = tab();
  new ResumeToken({ storage, now: () => 0 }).keep("one");
  assert.equal(await new ResumeToken({ storage, now: () => 301_000 }).claim(), null);
  assert.equal(storage.kept.size, 0);
});

test("a conversation that is over leaves nothing, and lets go", async () => {
  const [storage, locks] = [tab(), new Locks()];
  const token = new ResumeToken({ storage, locks, now: () => 0 });
  token.keep("one");
  await settle();
  token.keep(null);
  token.note({ isMuted: true });
  await settle();
  assert.deepEqual([storage.kept.size, locks.names], [0, []]);
});

test("nothing, nonsense and no storage are no conversation", async () => {
  assert.equal(await new ResumeToken({ storage: tab() }).claim(), null);
  assert.equal(await new ResumeToken({ storage: tab(new Map([["visavis.resume", "{"]])) }).claim(), null);
  const refusing = {
    getItem: () => {
      throw new Error("denied");
    },
    setItem: () => {
      throw new Error("denied");
    },
    removeItem: () => {},
  };
  const token = new ResumeToken({ storage: refusing });
  token.keep("one");
  assert.equal(await token.claim(), null);
});
