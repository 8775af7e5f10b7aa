// The page: carries a person's wishes to the devices and the connection, and draws what the
// reducer makes of what comes back. It decides nothing about the conversation itself.

import { CallError, Connection } from "./connection.js";
import { announcements, initial, reduce } from "./conversation.js";
import * as devices from "./devices.js";
import { Key } from "./key.js";
import { Notices } from "./notices.js";
import { cameraChanged, itemWanted, newId, stopAnswer, typedQuestion } from "./protocol.js";
import { draw, inWords, rows } from "./timeline.js";
import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const CALLS = new URL("/v1/realtime/calls", location.origin).href;

const PHASE_WORDS = {
  idle: ["Not listening", "Press “Start talking”"],
  listening: ["Listening", "Go ahead, speak"],
  hearing: ["Hearing you", "Take your time"],
  thinking: ["Thinking", "One moment"],
  speaking: ["Speaking", "To interrupt, simply speak"],
};

const LINE_WORDS = {
  ended: "Not connected",
  connecting: "Connecting…",
  live: "Connected",
  unsteady: "Connection unsteady…",
  reconnecting: "Reconnecting…",
  waiting: "Waiting for a place…",
  lost: "Connection lost",
};

/** Sound quieter than this is none at all: digital silence, not a quiet room. */
const NO_SOUND = 1e-5;
const NO_VOICE_AFTER_S = 3;
const NO_MICROPHONE_AFTER_S = 8;

const key = new Key({
  location,
  history,
  storage: sessionStorage,
  ask: () => prompt("This server asks for an API key or a client secret:"),
});
const keyedFetch = key.wrap((...args) => globalThis.fetch(...args));

let state = initial();
let status = { state: "ended" };
let settings = { ice_servers: [], hints: [], max_sessions: null, pipeline: "" };
let connection = null;
let microphone = null;
let camera = null;
let isMuted = false;
let wantsCamera = true;
let pickedLedger = null;
let startToken = 0;
let endedWhy = ""; // what the server said when it ended the call

let sound = null; // AudioContext, made on the first press as browsers require
let microphoneMeter = null;
let voiceMeter = null;

const notices = new Notices($("notices"));
const transcript = new Transcript($("messages"), $("scroll"), (ledger) => {
  pickedLedger = ledger;
  $("timing").open = true;
  drawTiming();
  $("timing").scrollIntoView({ block: "nearest" });
});

// ---- the conversation

/** Take one event, from the server or of this page, and show what follows from it. */
export function receive(event) {
  const before = state;
  state = reduce(before, event);
  for (const words of announcements(before, state)) announce(words);
  if (event.type === "conversation.item.truncated") connection?.send(itemWanted(event.item_id));
  if (event.type === "visavis.session.ended" && typeof event.why === "string") endedWhy = event.why;
  if (state.ledgers !== before.ledgers) pickedLedger = null;
  if (state.look !== before.look) flash(state.look);
  if (state.hint !== before.hint && state.hint !== null) {
    void connection?.limitCamera(state.hint).catch(() => {}); // a wish, not a need
  }
  if (state.problem !== before.problem && state.problem !== null) {
    notices.show("error", { title: "The server reports a problem", body: asSentence(state.problem.message) });
  }
  if (state !== before) drawConversation();
}

/** The conversation as it stands now. */
export function current() {
  return state;
}

/** Take one state of the line, as `Connection` tells it. */
export function showLine(next) {
  status = next;
  document.body.dataset.line = next.state;
  $("line").textContent = LINE_WORDS[next.state] ?? next.state;
  switch (next.state) {
    case "live":
      notices.clear("line");
      endedWhy = "";
      if (next.isNew) {
        receive({ type: "page.disconnected" }); // what the old call left unfinished stays so
        if (state.items.some((item) => item.role !== "note")) {
          receive({ type: "page.note", text: "A new conversation: it does not know what was said above." });
        }
        receive({ type: "page.connected" });
        connection?.send(cameraChanged(camera !== null));
      }
      break;
    case "reconnecting":
      notices.show("line", {
        title: endedWhy === "" ? "The connection dropped" : "The server ended the conversation",
        body: `${asSentence(endedWhy)} Bringing it back, attempt ${next.attempt}. What was said stays here.`.trim(),
        tone: "news",
        untilS: next.waitS > 0 ? next.waitS : null,
        actions: next.waitS > 0 ? [{ label: "Try now", act: () => connection?.retryNow() }] : [],
        canClose: false,
      });
      break;
    case "waiting":
      notices.show("line", {
        title: "Waiting for a place",
        body: next.message ? `The server says: ${asSentence(next.message)}` : placesTaken(),
        tone: "news",
        untilS: next.waitS,
        actions: [
          { label: "Try now", act: () => connection?.retryNow() },
          { label: "Stop waiting", act: hangUp },
        ],
        canClose: false,
      });
      break;
    case "lost":
      receive({ type: "page.disconnected" });
      notices.show("line", {
        title: "The connection did not come back",
        body: `${asSentence(next.error?.message ?? "")} Check your network, then start again. What was said stays here.`.trim(),
        canClose: false,
      });
      letGo();
      break;
    case "ended":
      receive({ type: "page.disconnected" });
      break;
    default:
  }
  drawControls();
}

function placesTaken() {
  const most = settings.max_sessions;
  const many = most ? `${most} conversation${most === 1 ? "" : "s"}` : "a few conversations";
  return `This server holds ${many} at once, so that each stays quick.`;
}

/** The server's words begin small and end without a stop. */
function asSentence(words) {
  const text = words.trim();
  if (text === "") return "";
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

// ---- starting and ending

async function start() {
  const token = ++startToken;
  notices.clearAll();
  setBusy("Waiting for your permission…");
  hearOut();
  const had = devices.canAsk();
  stopTrack(microphone);
  stopTrack(camera);
  const media = await devices.openBoth({
    microphoneId: remembered("microphone"),
    cameraId: remembered("camera"),
    wantsCamera,
  });
  if (token !== startToken) {
    stopTrack(media.microphone);
    stopTrack(media.camera);
    return;
  }
  takeMicrophone(media.microphone);
  takeCamera(media.camera);
  explainBoth(media, had);
  void fillDevices();
  await connect(token);
}

async function connect(token) {
  setBusy("Connecting…");
  showScreen("call");
  connection?.close();
  await refreshServers();
  if (token !== startToken) return;
  connection = new Connection({
    url: CALLS,
    iceServers: settings.ice_servers,
    onStatus: (next) => token === startToken && showLine(next),
    onEvent: (event) => token === startToken && receive(event),
    onVoice: hear,
    tools: { fetch: keyedFetch },
  });
  try {
    await connection.open({ microphone, camera });
    if (token === startToken) $("phase-words").focus({ preventScroll: true });
  } catch (error) {
    if (token !== startToken) return;
    connection.close();
    letGo();
    notices.show("line", {
      title: error instanceof CallError ? FAILED[error.kind] ?? FAILED.refused : FAILED.refused,
      body: asSentence(error.message),
      actions: [{ label: "Try again", act: start }],
    });
  } finally {
    if (token === startToken) setBusy(null);
  }
}

const FAILED = {
  unreachable: "The server cannot be reached",
  blocked: "The call does not get through",
  broken: "The server is in trouble",
  gone: "The server does not take calls here",
  refused: "The call could not be set up",
};

function hangUp() {
  startToken += 1;
  connection?.close();
  connection = null;
  showLine({ state: "ended" });
  notices.clearAll();
  letGo();
  setBusy(null);
  ($("ended").hidden ? $("start") : $("start-again")).focus({ preventScroll: true });
}

/** Give the devices back: the browser's recording sign goes out. */
function letGo() {
  stopTrack(microphone);
  stopTrack(camera);
  takeMicrophone(null);
  takeCamera(null);
  voiceMeter?.listenTo(null);
  $("remote-audio").srcObject = null;
  drawControls();
}

function stopTrack(track) {
  if (track === null || track === undefined) return;
  track.onended = null;
  track.onmute = null;
  track.onunmute = null;
  track.stop();
}

// ---- microphone and camera

function takeMicrophone(track) {
  microphone = track;
  quietSince = null;
  hasHeardMicrophone = false;
  microphoneMeter?.listenTo(track === null ? null : new MediaStream([track]));
  if (track === null) return;
  track.enabled = !isMuted;
  track.onended = () => {
    takeMicrophone(null);
    void connection?.setMicrophone(null);
    explain("microphone", devices.Problem.MISSING, tryMicrophone);
    drawControls();
  };
  track.onmute = () =>
    notices.show("silence", {
      title: "Your microphone is muted by the system",
      body: "A switch on the device, a key or the system's settings holds it. It is heard again as soon as that is undone.",
    });
  track.onunmute = () => notices.clear("silence");
}

function takeCamera(track) {
  camera = track;
  const view = $("camera-view");
  view.srcObject = track === null ? null : new MediaStream([track]);
  if (track !== null) {
    track.onended = () => {
      void switchCamera(null);
      explain("camera", devices.Problem.MISSING, tryCamera);
    };
  }
  drawControls();
}

async function switchCamera(track) {
  if (camera !== track) stopTrack(camera);
  takeCamera(track);
  await connection?.setCamera(track);
  connection?.send(cameraChanged(track !== null));
  if (state.hint !== null) await connection?.limitCamera(state.hint).catch(() => {});
}

async function tryCamera() {
  wantsCamera = true;
  try {
    const track = await devices.openCamera(remembered("camera"));
    notices.clear("camera");
    await switchCamera(track);
    void fillDevices();
  } catch (error) {
    explain("camera", error.problem ?? devices.classify(error), tryCamera);
  }
}

async function tryMicrophone() {
  try {
    const track = await devices.openMicrophone(remembered("microphone"));
    notices.clear("microphone");
    stopTrack(microphone);
    takeMicrophone(track);
    void fillDevices();
    // A call begun without a microphone has no place for one: a new call has.
    if (connection !== null && !(await connection.setMicrophone(track))) await connect(++startToken);
    drawControls();
  } catch (error) {
    explain("microphone", error.problem ?? devices.classify(error), tryMicrophone);
  }
}

/** One notice where one thing holds both back. */
function explainBoth({ microphoneProblem: ear, cameraProblem: eye }, had) {
  if (!had) explain("microphone", devices.Problem.INSECURE, null);
  else if (ear !== null && ear === eye) explain("both", ear, start);
  else {
    if (ear !== null) explain("microphone", ear, tryMicrophone);
    if (eye !== null) explain("camera", eye, tryCamera);
  }
}

function explain(what, problem, again) {
  const actions = again === null ? [] : [{ label: "Try again", act: again }];
  const subject = what === "both" ? "microphone" : what;
  notices.show(subject, { ...devices.explain(what, problem), actions });
}

async function fillDevices() {
  const { microphones, cameras } = await devices.list();
  fillSelect($("mic-select"), microphones, microphone?.getSettings().deviceId, "No microphone");
  fillSelect($("camera-select"), cameras, camera?.getSettings().deviceId, "No camera");
}

function fillSelect(select, options, chosen, none) {
  select.replaceChildren(...options.map(({ id, name }) => new Option(name, id, false, id === chosen)));
  if (options.length === 0) select.append(new Option(none, ""));
  select.disabled = options.length === 0;
}

function remembered(what) {
  try {
    return localStorage.getItem(`visavis.${what}`) ?? "";
  } catch {
    return ""; // storage is switched off: nothing is remembered
  }
}

function remember(what, id) {
  try {
    localStorage.setItem(`visavis.${what}`, id);
  } catch {
    // As above.
  }
}

// ---- sound

/** Sound may start only from a press, so the context is made there. */
function hearOut() {
  if (sound === null) {
    sound = new AudioContext();
    microphoneMeter = new devices.Meter(sound);
    voiceMeter = new devices.Meter(sound);
  }
  void sound.resume();
}

function hear(stream) {
  const speaker = $("remote-audio");
  speaker.srcObject = stream;
  voiceMeter?.listenTo(stream);
  void play(speaker);
}

async function play(speaker) {
  try {
    await speaker.play();
    notices.clear("sound");
  } catch (error) {
    if (error.name !== "NotAllowedError") return; // a newer stream took its place
    notices.show("sound", {
      title: "Your browser holds the sound back",
      body: "It plays after one press.",
      actions: [{ label: "Turn sound on", act: () => play(speaker) }],
    });
  }
}

let voiceMissingSince = null;
let quietSince = null;
let hasHeardMicrophone = false;
let bars = [0, 0, 0];
let lastMeterWords = 0;

function everyFrame(now) {
  requestAnimationFrame(everyFrame);
  if (sound === null || document.body.dataset.screen !== "call") return;
  const isOn = status.state === "live";
  const mine = !isOn || microphone === null || isMuted ? 0 : microphoneMeter.loudness;
  const theirs = voiceMeter.loudness;
  const level = devices.asLevel(isOn && state.phase === "speaking" ? theirs : mine);
  bars = [Math.max(level, bars[0] * 0.82), bars[0], bars[1]];
  const meter = $("meter");
  [bars[2], bars[1], bars[0], bars[1], bars[2]].forEach((height, i) => {
    meter.children[i].style.setProperty("--level", height.toFixed(3));
  });
  if (now - lastMeterWords > 500) {
    lastMeterWords = now;
    meter.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    watchForSilence(now / 1000, mine, theirs);
  }
}

/** Sound that should be there and is not: say so, once, with what to do. */
function watchForSilence(now, mine, theirs) {
  if (sound.state !== "running") return;
  const isVoiceDue = state.isPlaying && connection?.isLive;
  if (!isVoiceDue || theirs > NO_SOUND) {
    voiceMissingSince = null;
    if (theirs > NO_SOUND) notices.clear("voice");
  } else {
    voiceMissingSince ??= now;
    if (now - voiceMissingSince > NO_VOICE_AFTER_S) {
      notices.show("voice", {
        title: "The answer's voice does not arrive",
        body: "You can read it here meanwhile. Calling again usually helps.",
        actions: [{ label: "Call again", act: start }],
      });
    }
  }
  if (mine > NO_SOUND) hasHeardMicrophone = true;
  const isEarDue = connection?.isLive && microphone !== null && !isMuted && !hasHeardMicrophone;
  if (!isEarDue) {
    quietSince = null;
    if (hasHeardMicrophone) notices.clear("silence");
  } else {
    quietSince ??= now;
    if (now - quietSince > NO_MICROPHONE_AFTER_S) {
      notices.show("silence", {
        title: "Nothing is heard from your microphone",
        body: "It sends perfect silence. Look for a mute switch, or choose another microphone under “Devices”.",
      });
    }
  }
}

// ---- drawing

let isDrawing = false;

/** Once per screen refresh, however many words arrive. */
function drawConversation() {
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    transcript.draw(state);
    $("opening").hidden = state.items.length > 0;
    $("looked-count").textContent = String(state.looked);
    $("looked-noun").textContent = state.looked === 1 ? "picture" : "pictures";
    drawPhase();
    drawTiming();
  });
}

function drawPhase() {
  document.body.dataset.phase = status.state === "live" ? state.phase : "idle";
  let [name, hint] = PHASE_WORDS[state.phase];
  if (!isCalling()) [name, hint] = PHASE_WORDS.idle;
  else if (status.state !== "live") [name, hint] = [LINE_WORDS[status.state].replace("…", ""), "One moment"];
  else if (state.phase === "listening" && microphone === null) {
    [name, hint] = ["Ready", "Type a question"];
  } else if (state.phase === "listening" && isMuted) {
    [name, hint] = ["Muted", "Unmute to speak, or type"];
  }
  $("phase").textContent = name;
  $("phase-hint").textContent = hint;
  const isReady = status.state === "live";
  $("opening-title").textContent = isReady ? "Go ahead, ask." : isCalling() ? "One moment…" : "Until next time.";
  $("opening-words").hidden = !isReady;
  const canStop = isReady && (state.phase === "speaking" || state.phase === "thinking");
  const stop = $("stop-answer");
  if (!canStop && document.activeElement === stop) $("phase-words").focus({ preventScroll: true });
  stop.hidden = !canStop;
}

function drawTiming() {
  const ledger = pickedLedger ?? state.ledgers.at(-1) ?? null;
  $("timing-empty").hidden = ledger !== null;
  $("timing-table").hidden = ledger === null;
  if (ledger === null) return;
  draw($("timing-table"), ledger.latencies);
  const first = rows(ledger.latencies).find((row) => row.key === "first_audio");
  const time = first?.ms == null ? "" : inWords(first.ms);
  const name = pickedLedger !== null && ledger.turn !== null ? `turn ${ledger.turn}` : "first audio";
  $("timing-headline").textContent = time === "" ? "" : `${name} ${time}`;
}

const isCalling = () => !["ended", "lost"].includes(status.state);

function drawControls() {
  const calling = isCalling();
  toggle($("mute"), isMuted, isMuted ? "mic-off" : "mic", isMuted ? "Unmute" : "Mute");
  const isOff = camera === null;
  toggle($("camera-toggle"), isOff, isOff ? "camera-off" : "camera", isOff ? "Camera on" : "Camera off");
  $("mute").disabled = !calling || microphone === null;
  $("camera-toggle").disabled = !calling || !devices.canAsk();
  $("hang-up").disabled = !calling;
  $("stage").classList.toggle("has-camera", !isOff);
  $("no-camera").hidden = !isOff || !calling;
  $("no-camera-words").textContent =
    microphone === null ? "The camera is off." : "The camera is off. visavis only hears you.";
  $("ended").hidden = calling;
  $("question").placeholder = calling ? "Or type a question" : "Start talking to ask something";
  drawPhase();
}

/** A button that says what pressing it does: words and picture carry its state, not colour alone. */
function toggle(button, isOff, icon, label) {
  button.querySelector("use").setAttribute("href", `#i-${icon}`);
  button.querySelector("span").textContent = label;
  button.classList.toggle("is-off", isOff);
}

function setBusy(words) {
  const isBusy = words !== null;
  $("start").setAttribute("aria-disabled", String(isBusy));
  $("start-label").textContent = words ?? startLabel();
}

const startLabel = () => (devices.canAsk() ? "Start talking" : "Start, typing my questions");

function showScreen(name) {
  document.body.dataset.screen = name;
  $("welcome").hidden = name !== "welcome";
  $("call").hidden = name !== "call";
}

let lastFlash = -Infinity;

// The frame takes the camera's own shape, so that the mark's corners are the picture's corners.
$("camera-view").addEventListener("resize", ({ target }) => {
  if (target.videoHeight > 0) {
    $("stage").style.setProperty("--aspect", String(target.videoWidth / target.videoHeight));
  }
});

/** The mark on a picture that was looked at; brighter when it showed something new. */
function flash({ changed }) {
  const now = performance.now();
  if (now - lastFlash < 250) return; // more than four a second is flicker
  lastFlash = now;
  const corners = $("corners");
  corners.classList.remove("flash", "flash-soft");
  void corners.offsetWidth; // start the animation anew
  corners.classList.add(changed ? "flash" : "flash-soft");
}

function announce(words) {
  const line = document.createElement("span");
  line.textContent = `${words} `;
  $("announcer").append(line);
  while ($("announcer").children.length > 4) $("announcer").firstElementChild.remove();
}

// ---- wishes

function ask(text) {
  const itemId = newId("item");
  const isSent = connection?.send([...stopAnswer(), ...typedQuestion(text, itemId)]) ?? false;
  if (isSent) receive({ type: "page.typed", item_id: itemId, text });
  else announce("Not connected yet: the question was not sent.");
  return isSent;
}

$("start").addEventListener("click", () => {
  if ($("start").getAttribute("aria-disabled") !== "true") void start();
});
$("start-again").addEventListener("click", () => void start());
$("hang-up").addEventListener("click", hangUp);
$("stop-answer").addEventListener("click", () => connection?.send(stopAnswer()));
$("mute").addEventListener("click", () => {
  isMuted = !isMuted;
  if (microphone !== null) microphone.enabled = !isMuted;
  announce(isMuted ? "Microphone muted." : "Microphone on.");
  drawControls();
});
$("camera-toggle").addEventListener("click", () => {
  if (camera === null) {
    void tryCamera();
  } else {
    wantsCamera = false;
    void switchCamera(null);
    announce("Camera off.");
  }
});
$("devices-toggle").addEventListener("click", () => {
  const isOpen = $("devices").hidden;
  $("devices").hidden = !isOpen;
  $("devices-toggle").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) void fillDevices();
});
$("mic-select").addEventListener("change", ({ target }) => {
  remember("microphone", target.value);
  void tryMicrophone();
});
$("camera-select").addEventListener("change", ({ target }) => {
  remember("camera", target.value);
  void tryCamera();
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
globalThis.addEventListener("pagehide", () => connection?.leave());
navigator.mediaDevices?.addEventListener?.("devicechange", () => void fillDevices());

// ---- opening

/** A server that can't serve yet says so with 503 and the same JSON. */
async function getJson(path) {
  const response = await keyedFetch(path, { signal: AbortSignal.timeout(5000) });
  return await response.json();
}

/** A key, when one is needed; and relays with credentials that have not ended meanwhile. */
async function refreshServers() {
  if (settings.needs_key) key.want();
  if (!settings.needs_key && !settings.ice_servers.some((server) => server.credential)) return;
  try {
    const { ice_servers: servers } = await getJson("/config.json");
    if (servers) settings.ice_servers = servers;
  } catch {
    // The call itself will tell that the server does not answer.
  }
}

function showHints(hints) {
  const asked = (hint) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = hint;
    button.addEventListener("click", () => ask(hint));
    item.append(button);
    return item;
  };
  const read = (hint) => {
    const item = document.createElement("li");
    item.textContent = hint;
    return item;
  };
  $("hint-list").replaceChildren(...hints.map(read));
  $("opening-list").replaceChildren(...hints.map(asked));
  $("hints").hidden = hints.length === 0;
}

async function open() {
  $("host").textContent = location.host || "this server";
  if (matchMedia("(max-width: 899px)").matches) $("timing").open = false;
  setBusy(null);
  drawControls();
  requestAnimationFrame(everyFrame);
  if (!devices.canAsk()) {
    explain("microphone", devices.Problem.INSECURE, null);
    $("start-note").hidden = true; // it speaks of microphone and camera
  }
  const [config, health] = await Promise.allSettled([getJson("/config.json"), getJson("/health")]);
  if (config.status === "fulfilled") {
    settings = { ...settings, ...config.value };
    showHints((settings.hints ?? []).slice(0, 6));
  }
  if (health.status === "rejected") {
    notices.show("line", {
      title: "The server does not answer",
      body: "It may still be starting. You can try all the same.",
    });
    return;
  }
  const { pipeline, sessions, max_sessions, version, why } = health.value;
  settings.max_sessions ??= max_sessions ?? null;
  $("about").textContent = ["visavis", version, pipeline && `pipeline ${pipeline}`].filter(Boolean).join(" · ");
  if (why) {
    notices.show("line", {
      title: "The server is not ready yet",
      body: `${asSentence(why)} You can start all the same and wait.`,
      tone: "news",
    });
  } else if (max_sessions > 0 && sessions >= max_sessions) {
    notices.show("line", {
      title: "Every place is taken right now",
      body: `${placesTaken()} Start anyway to wait for the next free one.`,
      tone: "news",
    });
  }
}

void open();
