// What the page shows beside the transcript: which screen, how the conversation stands, the controls,
// the meter and the mark of a look. It draws facts it is given and decides nothing.

import { draw, inWords, rows } from "./timeline.js";
import { lineWords } from "./line_words.js";
import { asLevel } from "./meter.js";

const $ = (id) => document.getElementById(id);

const PHASE_WORDS = {
  idle: ["Not listening", "Press “Start talking”"],
  listening: ["Listening", "Go ahead, speak"],
  hearing: ["Hearing you", "Take your time"],
  thinking: ["Thinking", "One moment"],
  speaking: ["Speaking", "To interrupt, simply speak"],
};

let bars = [0, 0, 0];
let lastFlash = -Infinity;

// The frame takes the camera's own shape, so that the mark's corners are the picture's corners.
$("camera-view").addEventListener("resize", ({ target }) => {
  if (target.videoHeight > 0) {
    $("stage").style.setProperty("--aspect", String(target.videoWidth / target.videoHeight));
  }
});

/** @param {"welcome"|"call"} name */
export function showScreen(name) {
  document.body.dataset.screen = name;
  $("welcome").hidden = name !== "welcome";
  $("call").hidden = name !== "call";
}

export const isCallShown = () => document.body.dataset.screen === "call";

/** What is being waited for; null: nothing. @param {boolean} canTalk devices can be had here */
export function drawBusy(words, canTalk) {
  $("start").setAttribute("aria-disabled", String(words !== null));
  $("start-label").textContent = words ?? (canTalk ? "Start talking" : "Start, typing my questions");
}

export const isBusy = () => $("start").getAttribute("aria-disabled") === "true";

/** @param {{state: string}} status of the line */
export function drawLine(status) {
  document.body.dataset.line = status.state;
  $("line").textContent = lineWords(status.state);
}

/** @param {object} facts {state, status, isCalling, hasMicrophone, hasCamera, isMuted} */
export function drawPhase({ state, status, isCalling, hasMicrophone, isMuted }) {
  const isReady = status.state === "live";
  document.body.dataset.phase = isReady ? state.phase : "idle";
  let [name, hint] = PHASE_WORDS[state.phase];
  if (!isCalling) [name, hint] = PHASE_WORDS.idle;
  else if (!isReady) [name, hint] = [lineWords(status.state).replace("…", ""), "One moment"];
  else if (state.phase === "listening" && !hasMicrophone) [name, hint] = ["Ready", "Type a question"];
  else if (state.phase === "listening" && isMuted) {
    [name, hint] = ["Muted", "Unmute to speak, or type"];
  }
  $("phase").textContent = name;
  $("phase-hint").textContent = hint;
  $("opening-title").textContent = isReady ? "Go ahead, ask." : isCalling ? "One moment…" : "Until next time.";
  $("opening-words").hidden = !isReady;
  const canStop = isReady && (state.phase === "speaking" || state.phase === "thinking");
  const stop = $("stop-answer");
  if (!canStop && document.activeElement === stop) focusPhase();
  stop.hidden = !canStop;
}

/** @param {object} facts as for `drawPhase`, and {canHaveCamera} */
export function drawControls(facts) {
  const { isCalling, hasMicrophone, hasCamera, isMuted, canHaveCamera } = facts;
  toggle($("mute"), isMuted, isMuted ? "mic-off" : "mic", isMuted ? "Unmute" : "Mute");
  toggle($("camera-toggle"), !hasCamera, hasCamera ? "camera" : "camera-off", hasCamera ? "Camera off" : "Camera on");
  $("mute").disabled = !isCalling || !hasMicrophone;
  $("camera-toggle").disabled = !isCalling || !canHaveCamera;
  $("hang-up").disabled = !isCalling;
  $("stage").classList.toggle("has-camera", hasCamera);
  $("no-camera").hidden = hasCamera || !isCalling;
  $("no-camera-words").textContent = hasMicrophone
    ? "The camera is off. visavis only hears you."
    : "The camera is off.";
  $("ended").hidden = isCalling;
  $("question").placeholder = isCalling ? "Or type a question" : "Start talking to ask something";
  drawPhase(facts);
}

/** A button that says what pressing it does: words and picture carry its state, not colour alone. */
function toggle(button, isOff, icon, label) {
  button.querySelector("use").setAttribute("href", `#i-${icon}`);
  button.querySelector("span").textContent = label;
  button.classList.toggle("is-off", isOff);
}

export function drawLooked(count) {
  $("looked-count").textContent = String(count);
  $("looked-noun").textContent = count === 1 ? "picture" : "pictures";
}

/** The mark on a picture that was looked at; brighter when it showed something new. */
export function flash({ changed }) {
  const now = performance.now();
  if (now - lastFlash < 250) return; // more than four a second is flicker
  lastFlash = now;
  const corners = $("corners");
  corners.classList.remove("flash", "flash-soft");
  void corners.offsetWidth; // start the animation anew
  corners.classList.add(changed ? "flash" : "flash-soft");
}

/** One turn's ledger, or none yet. @param {boolean} isPicked the person chose this turn */
export function drawTiming(ledger, isPicked) {
  $("timing-empty").hidden = ledger !== null;
  $("timing-table").hidden = ledger === null;
  if (ledger === null) return;
  draw($("timing-table"), ledger.latencies);
  const first = rows(ledger.latencies).find((row) => row.key === "first_audio");
  const time = first?.ms == null ? "" : inWords(first.ms);
  const name = isPicked && ledger.turn !== null ? `turn ${ledger.turn}` : "first audio";
  $("timing-headline").textContent = time === "" ? "" : `${name} ${time}`;
}

export function openTiming() {
  $("timing").open = true;
  $("timing").scrollIntoView({ block: "nearest" });
}

/** The bars of the meter follow a loudness, 0..1; returns the level shown. */
export function drawMeter(loudness) {
  const level = asLevel(loudness);
  bars = [Math.max(level, bars[0] * 0.82), bars[0], bars[1]];
  [bars[2], bars[1], bars[0], bars[1], bars[2]].forEach((height, i) => {
    $("meter").children[i].style.setProperty("--level", height.toFixed(3));
  });
  return level;
}

export function tellMeter(level) {
  $("meter").setAttribute("aria-valuenow", String(Math.round(level * 100)));
}

/** For a screen reader. */
export function announce(words) {
  const line = document.createElement("span");
  line.textContent = `${words} `;
  $("announcer").append(line);
  while ($("announcer").children.length > 4) $("announcer").firstElementChild.remove();
}

/** Things to ask: to read before the call, to press in it. @param {(hint: string) => void} ask */
export function showHints(hints, ask) {
  const pressed = (hint) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = hint;
    button.addEventListener("click", () => ask(hint));
    return button;
  };
  const listed = (content) => {
    const item = document.createElement("li");
    item.append(content);
    return item;
  };
  $("hint-list").replaceChildren(...hints.map(listed));
  $("opening-list").replaceChildren(...hints.map(pressed).map(listed));
  $("hints").hidden = hints.length === 0;
}

export function focusPhase() {
  $("phase-words").focus({ preventScroll: true });
}

export function focusStart() {
  ($("ended").hidden ? $("start") : $("start-again")).focus({ preventScroll: true });
}
