// The page: carries a person's wishes to the devices and the line, and has drawn what the reducer
// makes of what comes back. It decides nothing about the conversation itself.

import { announcements } from "./announcements.js";
import { CallError } from "./call_error.js";
import { Connection } from "./connection.js";
import { initial, reduce } from "./conversation.js";
import { canAsk } from "./devices.js";
import { Key } from "./key.js";
import { KeyDialog } from "./key_dialog.js";
import * as words from "./line_words.js";
import { Media } from "./media.js";
import { Notices } from "./notices.js";
import {
  cameraChanged,
  conversationWanted,
  itemWanted,
  newId,
  stopAnswer,
  typedQuestion,
} from "./protocol.js";
import { ResumeToken } from "./resume_token.js";
import * as screen from "./screen.js";
import { ServerFacts } from "./server_facts.js";
import { Sound } from "./sound.js";
import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const CALLS = new URL("/v1/realtime/calls", location.origin).href;
/** How often the page says that it is still there, for the one that may come after it. */
const ALIVE_MS = 20_000;

const dialog = new KeyDialog($("key-dialog"));
const key = new Key({ location, history, storage: sessionStorage, ask: (why) => dialog.ask(why) });
const keyedFetch = key.wrap((...args) => globalThis.fetch(...args));
const server = new ServerFacts(keyedFetch);
const resumeToken = new ResumeToken({ storage: sessionStorage, locks: navigator.locks });

let state = initial();
let status = { state: "ended" };
let connection = null;
let pickedLedger = null;
let startToken = 0;
let endedWhy = ""; // what the server said when it ended the call

const notices = new Notices($("notices"));
const sound = new Sound($("remote-audio"), notices, () => void start());
const media = new Media({
  notices,
  selects: { microphone: $("mic-select"), camera: $("camera-select") },
  on: {
    microphone: (track) => {
      sound.setMicrophone(track);
      drawControls();
    },
    camera: (track) => {
      $("camera-view").srcObject = track === null ? null : new MediaStream([track]);
      drawControls();
    },
    switched: (what) => void (what === "camera" ? putCameraOn() : putMicrophoneOn()),
    again: () => void start(),
  },
});
const transcript = new Transcript($("messages"), $("scroll"), (ledger) => {
  pickedLedger = ledger;
  drawTiming();
  screen.openTiming();
});

// ---- the conversation

/** Take one event, from the server or of this page, and show what follows from it. */
export function receive(event) {
  const before = state;
  state = reduce(before, event);
  if (event.type !== "visavis.conversation.items") {
    for (const said of announcements(before, state)) screen.announce(said);
  }
  if (event.type === "conversation.item.truncated") connection?.send(itemWanted(event.item_id));
  if (event.type === "visavis.session.ended" && typeof event.why === "string") endedWhy = event.why;
  if (state.ledgers !== before.ledgers) pickedLedger = null;
  if (state.look !== before.look) screen.flash(state.look);
  if (state.load !== before.load) showLoad();
  if (state.hint !== before.hint && state.hint !== null) limitCamera();
  if (state.problem !== before.problem && state.problem !== null) {
    const body = words.asSentence(state.problem.message);
    notices.show("error", { title: "The server reports a problem", body });
  }
  if (state !== before) drawConversation();
}

/** The conversation as it stands now. */
export function current() {
  return state;
}

function showLoad() {
  const load = words.loadWords(state.load);
  if (load === null) notices.clear("load");
  else notices.show("load", { ...load, tone: "news" });
}

/** Take one state of the line, as `Connection` tells it. */
export function showLine(next) {
  status = next;
  screen.drawLine(next);
  if (next.state === "live") showLive(next);
  if (next.state === "lost" || next.state === "ended") receive({ type: "page.disconnected" });
  const notice = words.lineNotice(next, { endedWhy, maxSessions: server.maxSessions });
  if (notice !== null) notices.show("line", { ...notice, actions: lineActions(next) });
  if (next.state === "lost") letGo();
  drawControls();
}

function lineActions(next) {
  const now = { label: "Try now", act: () => connection?.retryNow() };
  if (next.state === "waiting") return [now, { label: "Stop waiting", act: hangUp }];
  return next.state === "reconnecting" && next.waitS > 0 ? [now] : [];
}

function showLive({ kind, why = "" }) {
  notices.clear("line");
  endedWhy = "";
  if (kind === "mended") return;
  receive({ type: "page.disconnected" }); // what the old line left unfinished stays so
  if (kind === "new") {
    const hasHistory = state.items.some((item) => item.role !== "note");
    const text = words.newConversationNote({ hasHistory, why });
    if (text !== null) receive({ type: "page.note", text });
    if (why !== "") {
      const title = "The earlier conversation could not go on";
      notices.show("line", { title, body: words.asSentence(why), tone: "news" });
    }
  }
  receive({ type: "page.connected" });
  connection?.send(cameraChanged(media.camera !== null));
  if (kind === "resumed") {
    connection?.send(conversationWanted());
    screen.announce("The conversation goes on.");
  }
}

// ---- starting and ending

/** @param {string|null} token of the conversation that this tab was in before */
async function start(token = null) {
  const turn = ++startToken;
  notices.clearAll();
  setBusy("Waiting for your permission…");
  sound.begin();
  await media.open(() => turn === startToken);
  if (turn === startToken) await connect(turn, token);
}

async function connect(turn, token = null) {
  connection?.close();
  setBusy("Connecting…");
  try {
    while (turn === startToken) {
      if (server.needsKey && !(await key.want())) return leaveAtDoor(turn);
      if (turn !== startToken) return;
      screen.showScreen("call");
      await server.refreshServers();
      if (turn !== startToken || (await isOpened(turn, token))) return;
    }
  } finally {
    if (turn === startToken) setBusy(null);
  }
}

/** False: it must be tried again, with another key. */
async function isOpened(turn, token) {
  const mine = (act) => (value) => turn === startToken && act(value);
  connection = new Connection({
    url: CALLS,
    iceServers: server.iceServers,
    token,
    onStatus: mine(showLine),
    onEvent: mine(receive),
    onVoice: mine((stream) => sound.play(stream)),
    onToken: mine((next) => {
      resumeToken.keep(next);
      noteSwitches();
    }),
    tools: { fetch: keyedFetch },
  });
  try {
    await connection.open({ microphone: media.microphone, camera: media.camera });
    if (turn === startToken) screen.focusPhase();
  } catch (error) {
    if (turn !== startToken) return true;
    const isLocked = error instanceof CallError && error.kind === "locked";
    if (isLocked) {
      key.forget(words.asSentence(error.message));
      server.needsKey = true;
      return false;
    }
    connection.close();
    letGo();
    notices.show("line", {
      title: words.failureTitle(error.kind),
      body: words.asSentence(error.message),
      actions: [{ label: "Try again", act: () => void start() }],
    });
  }
  return true;
}

/** The person would not give a key. */
function leaveAtDoor(turn) {
  if (turn !== startToken) return;
  connection?.close();
  connection = null;
  letGo();
  notices.show("line", {
    title: "This server asks for a key",
    body: "Whoever runs it can give you one. Without it no conversation can begin.",
    tone: "news",
    actions: [{ label: "Enter a key", act: () => void start() }],
  });
}

function hangUp() {
  startToken += 1;
  connection?.close();
  connection = null;
  resumeToken.keep(null);
  showLine({ state: "ended" });
  notices.clearAll();
  letGo();
  setBusy(null);
  screen.focusStart();
}

function letGo() {
  media.letGo();
  sound.play(null);
}

// ---- microphone and camera in the middle of a call

async function putCameraOn() {
  noteSwitches();
  await connection?.setCamera(media.camera);
  connection?.send(cameraChanged(media.camera !== null));
  if (state.hint !== null) limitCamera();
}

async function putMicrophoneOn() {
  // A call begun without a microphone has no place for one: a new call has.
  if (connection !== null && !(await connection.setMicrophone(media.microphone))) {
    await connect(++startToken);
  }
}

function limitCamera() {
  void connection?.limitCamera(state.hint).catch(() => {}); // a wish, not a need
}

function noteSwitches() {
  resumeToken.note({ isMuted: media.isMuted, wantsCamera: media.wantsCamera });
}

// ---- drawing

const isCalling = () => !["ended", "lost"].includes(status.state);
const setBusy = (what) => screen.drawBusy(what, canAsk());

function facts() {
  return {
    state,
    status,
    isCalling: isCalling(),
    hasMicrophone: media.microphone !== null,
    hasCamera: media.camera !== null,
    isMuted: media.isMuted,
    canHaveCamera: canAsk(),
  };
}

const drawControls = () => screen.drawControls(facts());

let isDrawing = false;

/** Once for all that arrives together. */
function drawConversation() {
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    transcript.draw(state);
    $("opening").hidden = state.items.length > 0;
    screen.drawLooked(state.looked);
    screen.drawPhase(facts());
    drawTiming();
  });
}

function drawTiming() {
  screen.drawTiming(pickedLedger ?? state.ledgers.at(-1) ?? null, pickedLedger !== null);
}

let lastLook = 0;

function everyFrame(now) {
  requestAnimationFrame(everyFrame);
  if (!screen.isCallShown()) return;
  const isOn = status.state === "live";
  const { mine, theirs } = sound.loudness();
  const isHeard = isOn && media.microphone !== null && !media.isMuted;
  const isTheirs = isOn && state.phase === "speaking";
  const level = screen.drawMeter(isTheirs ? theirs : isHeard ? mine : 0);
  if (now - lastLook < 500) return;
  lastLook = now;
  screen.tellMeter(level);
  sound.watch({ now: now / 1000, isVoiceDue: isOn && state.isPlaying, isEarDue: isHeard });
}

// ---- wishes

function ask(text) {
  const itemId = newId("item");
  const isSent = connection?.send([...stopAnswer(), ...typedQuestion(text, itemId)]) ?? false;
  if (isSent) receive({ type: "page.typed", item_id: itemId, text });
  else screen.announce("Not connected yet: the question was not sent.");
  return isSent;
}

$("start").addEventListener("click", () => {
  if (!screen.isBusy()) void start();
});
$("start-again").addEventListener("click", () => void start());
$("hang-up").addEventListener("click", hangUp);
$("stop-answer").addEventListener("click", () => connection?.send(stopAnswer()));
$("mute").addEventListener("click", () => {
  media.mute(!media.isMuted);
  noteSwitches();
  screen.announce(media.isMuted ? "Microphone muted." : "Microphone on.");
  drawControls();
});
$("camera-toggle").addEventListener("click", () => {
  if (media.camera === null) {
    void media.tryCamera();
  } else {
    media.dropCamera();
    screen.announce("Camera off.");
  }
});
$("devices-toggle").addEventListener("click", () => {
  const isOpen = $("devices").hidden;
  $("devices").hidden = !isOpen;
  $("devices-toggle").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) void media.fillSelects();
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("question").value.trim();
  if (text !== "" && ask(text)) $("question").value = "";
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("stop-answer").hidden) connection?.send(stopAnswer());
});
globalThis.addEventListener("online", () => connection?.retryNow());
globalThis.addEventListener("pagehide", () => {
  noteSwitches();
  connection?.leave();
});
globalThis.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload(); // brought back from memory, with its line cut
});
setInterval(() => connection?.isLive && noteSwitches(), ALIVE_MS);

// ---- opening

async function open() {
  $("host").textContent = location.host || "this server";
  if (matchMedia("(max-width: 899px)").matches) $("timing").open = false;
  setBusy(null);
  drawControls();
  requestAnimationFrame(everyFrame);
  const left = await resumeToken.claim();
  if (left !== null) {
    media.mute(left.switches.isMuted === true);
    media.wantsCamera = left.switches.wantsCamera !== false;
    screen.showScreen("call");
  } else if (!canAsk()) {
    media.explainAddress();
    $("start-note").hidden = true; // it speaks of microphone and camera
  }
  const health = await server.read();
  screen.showHints(server.hints, ask);
  if (health !== null) drawAbout(health);
  if (left !== null) await start(left.token);
  else if (startToken === 0) explainHealth(health);
}

function drawAbout({ version, pipeline }) {
  $("about").textContent = ["visavis", version, pipeline && `pipeline ${pipeline}`].filter(Boolean).join(" · ");
}

function explainHealth(health) {
  if (health === null) {
    notices.show("line", {
      title: "The server does not answer",
      body: "It may still be starting. You can try all the same.",
    });
  } else if (health.why) {
    notices.show("line", {
      title: "The server is not ready yet",
      body: `${words.asSentence(health.why)} You can start all the same and wait.`,
      tone: "news",
    });
  } else if (health.max_sessions > 0 && health.sessions >= health.max_sessions) {
    notices.show("line", {
      title: "Every place is taken right now",
      body: `${words.placesTaken(server.maxSessions)} Start anyway to wait for the next free one.`,
      tone: "news",
    });
  }
}

void open();
