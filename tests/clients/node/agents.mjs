// The agents package's RealtimeSession over its WebSocket transport: one typed or spoken turn.
// node agents.mjs ADDRESS [PCM] → one JSON object. PCM: a file of 16-bit samples at 24 kHz to say.
import { readFileSync } from "node:fs";
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";
import { report } from "./report.mjs";

const PIECE = 4800; // bytes: 100 ms, as a microphone delivers it
const [address, pcm] = process.argv.slice(2);
const told = { kinds: [], refused: [], errors: [], bytes: 0, answer: null, history: [] };
const finish = report(told);

const transport = new OpenAIRealtimeWebSocket({ url: `${address.replace(/^http/, "ws")}/v1/realtime` });
const session = new RealtimeSession(new RealtimeAgent({ name: "Guide", instructions: "Be brief." }), {
  transport,
  model: "gpt-realtime",
});

// The package tells every event as "*", then again under its type if its schema accepts it; one
// that its schema refuses is dropped without a word.
let understood = true;
const known = new Set();
let last = null;
function count() {
  if (!understood) told.refused.push(last);
}
transport.on("*", (event) => {
  count();
  [understood, last] = [false, event.type];
  told.kinds.push(event.type);
  if (known.has(event.type)) return;
  known.add(event.type);
  transport.on(event.type, () => (understood = true));
});

session.on("error", (problem) => told.errors.push(problem));
session.on("audio", ({ data }) => (told.bytes += data.byteLength));
session.on("agent_end", (_context, _agent, words) => {
  told.answer = words;
  end();
});
session.on("history_updated", (history) => {
  told.history = history.map(({ role, content }) => ({ role, ...content[0] }));
  end();
});

/** Done when the answer is whole and both sides are in the session's history, in words. */
function end() {
  const said = (role) => told.history.some((item) => item.role === role && (item.transcript ?? item.text));
  if (told.answer === null || !said("user") || !said("assistant")) return;
  session.close();
  // Whatever told this is still being told: the listener of its type comes after this.
  setImmediate(() => {
    count();
    finish(0);
  });
}

await session.connect({ apiKey: "sk-anything-at-all" });
if (pcm === undefined) {
  session.sendMessage("What can you do?");
} else {
  const sound = readFileSync(pcm);
  for (let at = 0; at < sound.length; at += PIECE) {
    session.sendAudio(new Uint8Array(sound.subarray(at, at + PIECE)).buffer);
  }
}
