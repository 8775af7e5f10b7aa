import assert from "node:assert/strict";
import { test } from "node:test";

import { Key } from "../../web_demo/static/key.js";

function tools({ hash = "", kept = null, answer = "" } = {}) {
  const found = { kept, asked: 0, address: null };
  return {
    found,
    location: { hash, pathname: "/", search: "?a=1" },
    history: { replaceState: (_state, _title, url) => (found.address = url) },
    storage: {
      getItem: () => found.kept,
      setItem: (_name, value) => (found.kept = value),
      removeItem: () => (found.kept = null),
    },
    ask: async (why) => {
      found.asked += 1;
      found.why = why;
      return answer;
    },
  };
}

async function sent(key, status = 200) {
  let seen;
  const response = await key.wrap(async (url, options) => {
    seen = { url, options };
    return { status };
  })("/x", { method: "POST", headers: { "Content-Type": "application/sdp" } });
  assert.equal(response.status, status);
  return seen.options.headers;
}

test("a key in the address is presented, kept and taken out of the address", async () => {
  const around = tools({ hash: "#key=ek_a.b" });
  const key = new Key(around);
  assert.equal(around.found.kept, "ek_a.b");
  assert.equal(around.found.address, "/?a=1");
  assert.equal(await key.want(), true);
  assert.equal(around.found.asked, 0);
  assert.deepEqual(await sent(key), {
    "Content-Type": "application/sdp",
    Authorization: "Bearer ek_a.b",
  });
});

test("without one nothing is presented, and it is asked for once", async () => {
  const around = tools({ answer: " abc " });
  const key = new Key(around);
  assert.deepEqual(await sent(key), { "Content-Type": "application/sdp" });
  assert.equal(await key.want(), true);
  assert.equal(await key.want(), true);
  assert.equal(around.found.asked, 1);
  assert.equal((await sent(key)).Authorization, "Bearer abc");
});

test("one that is refused is forgotten, and the next is asked for with the reason", async () => {
  const around = tools({ kept: "old", answer: "new" });
  const key = new Key(around);
  assert.equal((await sent(key, 401)).Authorization, "Bearer old");
  key.forget("It is not known here.");
  assert.equal(key.isThere, false);
  assert.equal(around.found.kept, null);
  assert.equal(await key.want(), true);
  assert.equal(around.found.why, "It is not known here.");
  assert.equal(around.found.kept, "new");
});

test("who gives none is told apart", async () => {
  const around = tools({ answer: "  " });
  const key = new Key(around);
  assert.equal(await key.want(), false);
  assert.equal(around.found.kept, null);
});
