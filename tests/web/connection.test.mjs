// The line: how it is set up, how it is mended, and what it says meanwhile. The browser's parts are
// stand-ins; waiting is virtual: a test lets time pass by resolving the waits it wants to be over.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CallError, problemOf } from "../../web_demo/static/call_error.js";
import { backOff, Connection } from "../../web_demo/static/connection.js";

const URL_ = "http://host.example/v1/realtime/calls";
const turn = () => new Promise((resolve) => setImmediate(resolve));
const settle = async () => {
  for (let i = 0; i < 30; i += 1) await turn();
};

class Peer {
  connectionState = "new";
  signalingState = "stable";
  localDescription = { sdp: "offer" };
  transceivers = [];
  restarts = 0;

  addTransceiver(kind, { direction }) {
    const name = typeof kind === "string" ? kind : kind.kind;
    const transceiver = { name, direction, sender: { replaceTrack: async () => {} } };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  createDataChannel(label) {
    this.channel = {
      label,
      readyState: "connecting",
      sent: [],
      send(data) {
        this.sent.push(JSON.parse(data));
      },
    };
    return this.channel;
  }
  async setLocalDescription() {}
  async setRemoteDescription({ sdp }) {
    this.answer = sdp;
    if (this.heals !== false) this.come();
  }
  restartIce() {
    this.restarts += 1;
  }
  close() {
    this.connectionState = "closed";
    this.signalingState = "closed";
  }
  come() {
    this.connectionState = "connected";
    this.channel.readyState = "open";
    this.channel.onopen?.();
    this.onconnectionstatechange?.();
  }
  go(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

const answer = (id) =>
  new Response(`answer ${id}`, { status: 201, headers: { Location: `/v1/realtime/calls/${id}` } });
/** The same conversation goes on (`status` 200) or a new one begins (201), with a token to come back. */
const resumable = (id, token, status = 201) =>
  new Response(`answer ${id}`, {
    status,
    headers: { Location: `/v1/realtime/calls/${id}`, "Visavis-Resume": token },
  });
const over = () => refusal(410, { message: "It is over.", code: "resume_session_ended" });
const refusal = (status, error, headers = {}) =>
  new Response(JSON.stringify({ error }), { status, headers });

/** A connection, its peers, what it asked of the server, and what it said. */
function line(replies, token = null) {
  const world = { peers: [], asked: [], said: [], events: [], waits: [], clock: 0, shown: [], tokens: [] };
  const tools = {
    newPeer: () => {
      const peer = new Peer();
      world.peers.push(peer);
      return peer;
    },
    fetch: async (url, { body, headers = {} }) => {
      world.asked.push([new URL(url).pathname, body ?? null]);
      world.shown.push(headers["Visavis-Resume"] ?? null);
      if (url.endsWith("/hangup")) return new Response("");
      const reply = replies.shift();
      if (reply === undefined) throw new TypeError("network");
      return reply;
    },
    wait: (seconds) =>
      new Promise((resolve) => {
        world.waits.push({ seconds, resolve });
      }),
    now: () => world.clock,
    luck: () => 0.5,
  };
  world.line = new Connection({
    url: URL_,
    onStatus: (status) => world.said.push(status),
    onEvent: (event) => world.events.push(event),
    onVoice: () => {},
    onToken: (next) => world.tokens.push(next),
    token,
    tools,
  });
  /** Let every wait of at most `limitS` be over. */
  world.pass = async (limitS) => {
    const over = world.waits.filter(({ seconds }) => seconds <= limitS);
    world.waits = world.waits.filter(({ seconds }) => seconds > limitS);
    for (const { resolve } of over) resolve();
    await settle();
  };
  world.states = () => world.said.map(({ state }) => state);
  return world;
}

const both = { microphone: { kind: "audio" }, camera: { kind: "video" } };
const none = { microphone: null, camera: null };

test("a call is one offer, and events flow both ways", async () => {
  const world = line([answer("c1")]);
  await world.line.open(both);
  const [peer] = world.peers;
  assert.deepEqual(world.asked, [["/v1/realtime/calls", "offer"]]);
  assert.deepEqual(
    peer.transceivers.map(({ name, direction }) => [name, direction]),
    [["audio", "sendrecv"], ["video", "sendonly"]],
  );
  assert.equal(peer.channel.label, "oai-events");
  assert.equal(peer.answer, "answer c1");
  assert.deepEqual(world.said, [{ state: "connecting" }, { state: "live", kind: "new" }]);
  peer.channel.onmessage({ data: '{"type":"session.created"}' });
  peer.channel.onmessage({ data: "ping" });
  assert.deepEqual(world.events, [{ type: "session.created" }]);
  assert.equal(world.line.send([{ type: "response.cancel" }]), true);
  assert.deepEqual(peer.channel.sent, [{ type: "response.cancel" }]);
});

test("without a microphone the voice is still received", async () => {
  const world = line([answer("c1")]);
  await world.line.open(none);
  assert.deepEqual(world.peers[0].transceivers[0].direction, "recvonly");
  assert.equal(await world.line.setMicrophone({ kind: "audio" }), false);
});

test("hanging up tells the server and closes", async () => {
  const world = line([answer("c1")]);
  await world.line.open(both);
  world.line.close();
  assert.deepEqual(world.asked.at(-1), ["/v1/realtime/calls/c1/hangup", null]);
  assert.equal(world.states().at(-1), "ended");
  await settle();
  assert.equal(world.peers[0].connectionState, "closed");
  assert.equal(world.line.send([{ type: "response.cancel" }]), false);
});

test("a call given up before its answer comes is ended on the server", async () => {
  let reply;
  const world = line([new Promise((resolve) => (reply = resolve))]);
  const opening = world.line.open(both);
  await settle();
  world.line.close();
  reply(answer("late"));
  await opening;
  await settle();
  assert.deepEqual(world.asked.at(-1), ["/v1/realtime/calls/late/hangup", null]);
  assert.ok(!world.states().includes("live"));
});

test("a full server is waited for as long as it says, and the call then made", async () => {
  const world = line([refusal(503, { message: "All taken." }, { "Retry-After": "7" }), answer("c1")]);
  const opening = world.line.open(both);
  await settle();
  assert.deepEqual(world.said.at(-1), { state: "waiting", waitS: 7, message: "All taken." });
  await world.pass(7);
  await opening;
  assert.equal(world.states().at(-1), "live");
});

test("a person need not wait: try now", async () => {
  const world = line([refusal(503, {}, {}), answer("c1")]);
  const opening = world.line.open(both);
  await settle();
  world.line.retryNow();
  await opening;
  assert.equal(world.states().at(-1), "live");
});

test("a first call that cannot work says why at once", async () => {
  await assert.rejects(line([]).line.open(both), { kind: "unreachable" });
  await assert.rejects(line([refusal(400, { message: "Bad SDP." })]).line.open(both), {
    kind: "refused",
    message: "Bad SDP.",
  });
});

test("media that does not get through is told apart from a silent server", async () => {
  const world = line([answer("c1")]);
  const opening = assert.rejects(world.line.open(both), { kind: "blocked" });
  world.peers[0].heals = false;
  await settle();
  await world.pass(12);
  await opening;
});

test("a short loss heals by itself", async () => {
  const world = line([answer("c1")]);
  await world.line.open(both);
  world.peers[0].go("disconnected");
  world.peers[0].go("connected");
  await world.pass(2);
  assert.deepEqual(world.states(), ["connecting", "live", "unsteady", "live"]);
  assert.equal(world.asked.length, 1);
});

test("a longer loss is mended within the same session", async () => {
  const world = line([answer("c1"), answer("c1")]);
  await world.line.open(both);
  world.clock = 100;
  world.peers[0].go("disconnected");
  await world.pass(2);
  assert.deepEqual(world.asked.at(-1), ["/v1/realtime/calls/c1/restart", "offer"]);
  assert.equal(world.peers[0].restarts, 1);
  assert.equal(world.peers.length, 1);
  assert.deepEqual(world.said.at(-1), { state: "live", kind: "mended" });
});

test("a session that is gone is replaced by a new call at once", async () => {
  const world = line([answer("c1"), refusal(404, { message: "unknown call" }), answer("c2")]);
  await world.line.open(both);
  world.clock = 100;
  world.peers[0].go("failed");
  await settle();
  assert.equal(world.peers.length, 2);
  assert.deepEqual(world.said.at(-1), { state: "live", kind: "new" });
  assert.equal(world.peers[0].connectionState, "closed");
});

test("a closed channel is a new call, not a restart", async () => {
  const world = line([answer("c1"), answer("c2")]);
  await world.line.open(both);
  world.clock = 100;
  world.peers[0].channel.readyState = "closed";
  world.peers[0].channel.onclose();
  await settle();
  assert.deepEqual(world.asked.map(([path]) => path).filter((path) => !path.endsWith("hangup")), [
    "/v1/realtime/calls",
    "/v1/realtime/calls",
  ]);
});

test("while the server is away it tries again, ever more slowly, and in the end says so", async () => {
  const world = line([answer("c1")]);
  await world.line.open(both);
  world.clock = 100;
  world.peers[0].go("failed");
  await settle();
  for (let i = 0; i < 10; i += 1) await world.pass(10);
  const waits = world.said.filter(({ state }) => state === "reconnecting").map(({ waitS }) => waitS);
  const slower = waits.filter((seconds) => seconds > 0);
  assert.deepEqual(slower, [...slower].sort((a, b) => a - b));
  assert.equal(world.said.at(-1).state, "lost");
  assert.ok(world.said.at(-1).error instanceof CallError);
});

test("and comes back when the server does", async () => {
  const replies = [answer("c1")];
  const world = line(replies);
  await world.line.open(both);
  world.clock = 100;
  world.peers[0].go("failed");
  await settle();
  await world.pass(10);
  replies.push(answer("c2"));
  await world.pass(10);
  await world.pass(10);
  assert.deepEqual(world.said.at(-1), { state: "live", kind: "new" });
});

test("a call that ends as soon as it began is begun again ever more slowly", async () => {
  const world = line([..."123456789"].map((n) => answer(`c${n}`)));
  await world.line.open(both);
  for (let i = 0; i < 20 && world.said.at(-1).state !== "lost"; i += 1) {
    const peer = world.peers.at(-1);
    peer.channel.readyState = "closed";
    peer.channel.onclose?.();
    await settle();
    await world.pass(10);
  }
  assert.equal(world.said.at(-1).error.kind, "brief");
  assert.ok(world.peers.length < 10);
});

test("no more picture is sent than is looked at", async () => {
  const world = line([answer("c1")]);
  const encoding = {};
  const camera = { kind: "video", getSettings: () => ({ width: 640, height: 480 }) };
  await world.line.open({ microphone: null, camera });
  Object.assign(world.peers[0].transceivers[1].sender, {
    getParameters: () => ({ encodings: [encoding] }),
    setParameters: async () => {},
  });
  await world.line.limitCamera({ maxFps: 4, maxWidth: 320, maxHeight: null });
  assert.deepEqual(encoding, { maxFramerate: 4, scaleResolutionDownBy: 2 });
});

test("refusals are read whatever their form", async () => {
  const full = await problemOf(refusal(503, { message: "m", code: "server_full" }, { "Retry-After": "3" }));
  assert.deepEqual([full.kind, full.message, full.code, full.retryAfterS], ["full", "m", "server_full", 3]);
  const proxy = await problemOf(new Response("<html>", { status: 502 }));
  assert.deepEqual([proxy.kind, proxy.message], ["broken", "The server answered 502."]);
  assert.equal((await problemOf(refusal(503, { code: "engine_died" }))).kind, "broken");
  const unsaid = await problemOf(new Response("", { status: 503 }));
  assert.equal(unsaid.retryAfterS, 5);
});

test("back-off grows, is bounded, and is spread", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 60].map((n) => backOff(n)), [0, 0.5, 1, 2, 4, 8, 8]);
  assert.ok(backOff(6, 0) < backOff(6, 1));
});

test("a reloaded page goes on with the conversation of the page before", async () => {
  const world = line([resumable("c1", "two", 200)], "one");
  await world.line.open(both);
  assert.deepEqual(world.shown, ["one"]);
  assert.deepEqual(world.tokens, ["two"]);
  assert.deepEqual(world.said.at(-1), { state: "live", kind: "resumed" });
});

test("when that one is over a new one begins by itself, and says why", async () => {
  const world = line([over(), resumable("c2", "two")], "one");
  await world.line.open(both);
  assert.deepEqual(world.shown, ["one", null]);
  assert.deepEqual(world.tokens, [null, "two"]);
  assert.deepEqual(world.said.at(-1), { state: "live", kind: "new", why: "It is over." });
  assert.equal(world.peers[0].connectionState, "closed");
});

test("a page that goes away does not end a conversation that can be taken up again", async () => {
  const world = line([resumable("c1", "one")]);
  await world.line.open(both);
  world.line.leave();
  await settle();
  assert.equal(world.peers[0].connectionState, "closed");
  assert.deepEqual(world.tokens, ["one"]);
  assert.ok(!world.asked.some(([path]) => path.endsWith("/hangup")));
});

test("hanging up ends it for good", async () => {
  const world = line([resumable("c1", "one")]);
  await world.line.open(both);
  world.line.close();
  assert.deepEqual(world.asked.at(-1), ["/v1/realtime/calls/c1/hangup", null]);
  assert.deepEqual(world.tokens, ["one", null]);
});

test("a line that can't be mended is replaced under the same conversation", async () => {
  const world = line([resumable("c1", "one"), resumable("c1", "two", 200)]);
  await world.line.open(both);
  world.clock = 100;
  world.peers[0].channel.readyState = "closed";
  world.peers[0].channel.onclose();
  await settle();
  assert.deepEqual(world.shown, [null, "one"]);
  assert.deepEqual(world.said.at(-1), { state: "live", kind: "resumed" });
  assert.ok(!world.asked.some(([path]) => path.endsWith("/hangup")));
});

test("a key that is refused is told apart", async () => {
  await assert.rejects(line([refusal(401, { message: "Unknown key." })]).line.open(both), {
    kind: "locked",
    message: "Unknown key.",
  });
});
