// The `openai` package's Realtime client: a typed question answered aloud, then a bad message.
// node openai.mjs ADDRESS → one JSON object: what came, in order, and what it said.
import net from "node:net";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { report } from "./report.mjs";

const address = new URL(process.argv[2]);
const question = "What can you do?";
const told = { kinds: [], words: "", transcript: "", bytes: 0, status: null, errors: [], after: null };
const finish = report(told);

const client = new OpenAI({ apiKey: "sk-anything-at-all", baseURL: `${address.origin}/v1` });
// The package always asks for TLS; the socket it is given decides what is really spoken.
const createConnection = () => net.connect(Number(address.port), address.hostname);
const realtime = new OpenAIRealtimeWS({ model: "gpt-realtime", options: { createConnection } }, client);

function ask(modalities) {
  const content = [{ type: "input_text", text: question }];
  realtime.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  realtime.send({ type: "response.create", response: { output_modalities: modalities } });
}

realtime.on("event", (event) => told.kinds.push(event.type));
realtime.on("session.created", () => ask(["audio"]));
realtime.on("response.output_audio.delta", ({ delta }) => (told.bytes += Buffer.from(delta, "base64").length));
realtime.on("response.output_audio_transcript.delta", ({ delta }) => (told.words += delta));
realtime.on("response.done", ({ response }) => {
  if (told.status === null) {
    told.status = response.status;
    told.transcript = response.output[0].content[0].transcript;
    realtime.send({ type: "session.dance", event_id: "bad" });
  } else {
    told.after = response.output[0].content[0].text;
    realtime.close();
  }
});
// API errors and those of the connection both come here, as the package's own error class.
realtime.on("error", (problem) => {
  told.errors.push({ message: problem.message, ...problem.error });
  if (problem.error) ask(["text"]); // the same connection still answers
  else finish(1);
});
realtime.socket.on("close", () => finish(0));
