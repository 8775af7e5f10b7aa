// The page: puts the parts together, and carries a person's wishes to them. It decides nothing about
// the conversation itself.

import { Calling } from "./calling.js";
import { ConversationView } from "./conversation_view.js";
import { canAsk } from "./devices.js";
import { Key } from "./key.js";
import { KeyDialog } from "./key_dialog.js";
import * as words from "./line_words.js";
import { Media } from "./media.js";
import { Notices } from "./notices.js";
import { itemWanted, newId, stopAnswer, typedQuestion } from "./protocol.js";
import { ResumeToken } from "./resume_token.js";
import * as screen from "./screen.js";
import { ServerFacts } from "./server_facts.js";
import { Sound } from "./sound.js";

const $ = (id) => document.getElementById(id);
/** How often the page says that it is still there, for the one that may come after it. */
const ALIVE_MS = 20_000;
const METER_WORDS_MS = 500;

const dialog = new KeyDialog($("key-dialog"));
const key = new Key({ location, history, storage: sessionStorage, ask: (why) => dialog.ask(why) });
const fetch = key.wrap((...args) => globalThis.fetch(...args));
const server = new ServerFacts(fetch);
const resumeToken = new ResumeToken({ storage: sessionStorage, locks: navigator.locks });
const notices = new Notices($("notices"));
const sound = new Sound($("remote-audio"), notices, () => void calling.start());
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
    switched: (what) => void (what === "camera" ? calling.putCameraOn() : calling.putMicrophoneOn()),
    again: () => void calling.start(),
  },
});
const view = new ConversationView(notices, {
  truncated: (itemId) => calling.send(itemWanted(itemId)),
  hint: () => calling.limitCamera(),
  drawn: () => screen.drawPhase(facts()),
});
const calling = new Calling({
  view,
  media,
  sound,
  notices,
  server,
  key,
  fetch,
  resumeToken,
  changed: drawControls,
});

// ---- drawing

function facts() {
  return {
    state: view.state,
    status: calling.status,
    isCalling: calling.isCalling,
    hasMicrophone: media.microphone !== null,
    hasCamera: media.camera !== null,
    isMuted: media.isMuted,
    canHaveCamera: canAsk(),
  };
}

function drawControls() {
  screen.drawControls(facts());
}

let lastMeterWords = 0;

function everyFrame(now) {
  requestAnimationFrame(everyFrame);
  if (!screen.isCallShown()) return;
  const isOn = calling.status.state === "live";
  const { mine, theirs } = sound.loudness();
  const isHeard = isOn && media.microphone !== null && !media.isMuted;
  const isTheirs = isOn && view.state.phase === "speaking";
  const level = screen.drawMeter(isTheirs ? theirs : isHeard ? mine : 0);
  if (now - lastMeterWords < METER_WORDS_MS) return;
  lastMeterWords = now;
  screen.tellMeter(level);
  sound.watch({ now: now / 1000, isVoiceDue: isOn && view.state.isPlaying, isEarDue: isHeard });
}

// ---- wishes

function ask(text) {
  const itemId = newId("item");
  const isSent = calling.send([...stopAnswer(), ...typedQuestion(text, itemId)]);
  if (isSent) view.receive({ type: "page.typed", item_id: itemId, text });
  else screen.announce("Not connected yet: the question was not sent.");
  return isSent;
}

$("start").addEventListener("click", () => {
  if (!screen.isBusy()) void calling.start();
});
$("start-again").addEventListener("click", () => void calling.start());
$("hang-up").addEventListener("click", () => calling.hangUp());
$("stop-answer").addEventListener("click", () => calling.send(stopAnswer()));
$("mute").addEventListener("click", () => {
  media.mute(!media.isMuted);
  calling.noteSwitches();
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
  if (event.key === "Escape" && !$("stop-answer").hidden) calling.send(stopAnswer());
});
globalThis.addEventListener("online", () => calling.retryNow());
globalThis.addEventListener("pagehide", () => calling.leave());
globalThis.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload(); // brought back from memory, with its line cut
});
setInterval(() => calling.isLive && calling.noteSwitches(), ALIVE_MS);

// ---- opening

async function open() {
  $("host").textContent = location.host || "this server";
  if (matchMedia("(max-width: 899px)").matches) $("timing").open = false;
  screen.drawBusy(null, canAsk());
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
  if (left !== null) await calling.start(left.token);
  else if (!calling.hasBegun) explainHealth(health);
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
