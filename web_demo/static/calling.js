// From the press of "Start talking" to the end: key, devices, line, and what a person is told of it.

import { CallError } from "./call_error.js";
import { Connection } from "./connection.js";
import { canAsk } from "./devices.js";
import * as words from "./line_words.js";
import { cameraChanged, conversationWanted } from "./protocol.js";
import * as screen from "./screen.js";

const CALLS = new URL("/v1/realtime/calls", location.origin).href;

export class Calling {
  status = { state: "ended" };
  #parts;
  #connection = null;
  #turn = 0; // rises with every start and end: what is late for its turn is dropped
  #endedWhy = ""; // what the server said when it ended the call

  /**
   * @param {object} parts  {view, media, sound, notices, server, key, fetch, resumeToken, changed}
   *   `changed()`: the line or the devices stand differently
   */
  constructor(parts) {
    this.#parts = parts;
  }

  get isCalling() {
    return !["ended", "lost"].includes(this.status.state);
  }

  get isLive() {
    return this.#connection?.isLive ?? false;
  }

  get hasBegun() {
    return this.#turn > 0;
  }

  /** @param {string|null} token of the conversation that this tab was in before */
  async start(token = null) {
    const { media, notices, sound } = this.#parts;
    const turn = ++this.#turn;
    notices.clearAll();
    this.#busy("Waiting for your permission…");
    sound.begin();
    await media.open(() => turn === this.#turn);
    if (turn === this.#turn) await this.#connect(turn, token);
  }

  hangUp() {
    this.#turn += 1;
    this.#connection?.close();
    this.#connection = null;
    this.#parts.resumeToken.keep(null);
    this.#showLine({ state: "ended" });
    this.#parts.notices.clearAll();
    this.#letGo();
    this.#busy(null);
    screen.focusStart();
  }

  /** The page goes away, and may come back. */
  leave() {
    this.noteSwitches();
    this.#connection?.leave();
  }

  /** Send events; false when the line is down. */
  send(events) {
    return this.#connection?.send(events) ?? false;
  }

  retryNow() {
    this.#connection?.retryNow();
  }

  // ---- microphone and camera in the middle of a call

  async putCameraOn() {
    const { camera } = this.#parts.media;
    this.noteSwitches();
    await this.#connection?.setCamera(camera);
    this.send(cameraChanged(camera !== null));
    this.limitCamera();
  }

  async putMicrophoneOn() {
    const connection = this.#connection;
    // A call begun without a microphone has no place for one: a new call has.
    if (connection !== null && !(await connection.setMicrophone(this.#parts.media.microphone))) {
      await this.#connect(++this.#turn);
    }
  }

  limitCamera() {
    const { hint } = this.#parts.view.state;
    if (hint !== null) void this.#connection?.limitCamera(hint).catch(() => {}); // a wish, not a need
  }

  /** For the page that may come after this one. */
  noteSwitches() {
    const { isMuted, wantsCamera } = this.#parts.media;
    this.#parts.resumeToken.note({ isMuted, wantsCamera });
  }

  // ---- connecting

  async #connect(turn, token = null) {
    const { key, server } = this.#parts;
    this.#connection?.close();
    this.#busy("Connecting…");
    try {
      while (turn === this.#turn) {
        const isLetIn = !server.needsKey || (await key.want());
        if (turn !== this.#turn) return;
        if (!isLetIn) return this.#leaveAtDoor();
        screen.showScreen("call");
        await server.refreshServers();
        if (turn !== this.#turn || (await this.#isOpened(turn, token))) return;
      }
    } finally {
      if (turn === this.#turn) this.#busy(null);
    }
  }

  /** False: it must be tried again, with another key. */
  async #isOpened(turn, token) {
    const { fetch, key, media, notices, server, sound } = this.#parts;
    const mine = (act) => (value) => turn === this.#turn && act(value);
    const connection = new Connection({
      url: CALLS,
      iceServers: server.iceServers,
      token,
      onStatus: mine((status) => this.#showLine(status)),
      onEvent: mine((event) => this.#receive(event)),
      onVoice: mine((stream) => sound.play(stream)),
      onToken: mine((next) => this.#keepToken(next)),
      tools: { fetch },
    });
    this.#connection = connection;
    try {
      await connection.open({ microphone: media.microphone, camera: media.camera });
      if (turn === this.#turn) screen.focusPhase();
    } catch (error) {
      if (turn !== this.#turn) return true;
      if (error instanceof CallError && error.kind === "locked") {
        key.forget(words.asSentence(error.message));
        server.needsKey = true;
        return false;
      }
      connection.close();
      this.#letGo();
      notices.show("line", {
        title: words.failureTitle(error.kind),
        body: words.asSentence(error.message),
        actions: [{ label: "Try again", act: () => void this.start() }],
      });
    }
    return true;
  }

  /** The person would not give a key. */
  #leaveAtDoor() {
    this.#connection?.close();
    this.#connection = null;
    this.#showLine({ state: "ended" });
    this.#letGo();
    this.#parts.notices.show("line", {
      title: "This server asks for a key",
      body: "Whoever runs it can give you one. Without it no conversation can begin.",
      tone: "news",
      actions: [{ label: "Enter a key", act: () => void this.start() }],
    });
  }

  #receive(event) {
    if (event.type === "visavis.session.ended" && typeof event.why === "string") {
      this.#endedWhy = event.why;
    }
    this.#parts.view.receive(event);
  }

  #keepToken(token) {
    this.#parts.resumeToken.keep(token);
    this.noteSwitches();
  }

  // ---- how the line stands

  #showLine(next) {
    const { notices, server, view } = this.#parts;
    this.status = next;
    screen.drawLine(next);
    if (next.state === "live") this.#showLive(next);
    if (next.state === "lost" || next.state === "ended") view.receive({ type: "page.disconnected" });
    const notice = words.lineNotice(next, { endedWhy: this.#endedWhy, maxSessions: server.maxSessions });
    if (notice !== null) notices.show("line", { ...notice, actions: this.#lineActions(next) });
    if (next.state === "lost") this.#letGo();
    this.#parts.changed();
  }

  #lineActions(next) {
    const now = { label: "Try now", act: () => this.retryNow() };
    if (next.state === "waiting") return [now, { label: "Stop waiting", act: () => this.hangUp() }];
    return next.state === "reconnecting" && next.waitS > 0 ? [now] : [];
  }

  #showLive({ kind, why = "" }) {
    const { media, notices, view } = this.#parts;
    notices.clear("line");
    this.#endedWhy = "";
    if (kind === "mended") return;
    view.receive({ type: "page.disconnected" }); // what the old line left unfinished stays so
    if (kind === "new") this.#tellOfNew(why);
    view.receive({ type: "page.connected" });
    this.send(cameraChanged(media.camera !== null));
    if (kind === "resumed") {
      this.send(conversationWanted());
      screen.announce("The conversation goes on.");
    }
  }

  #tellOfNew(why) {
    const { notices, view } = this.#parts;
    const hasHistory = view.state.items.some((item) => item.role !== "note");
    const text = words.newConversationNote({ hasHistory, why });
    if (text !== null) view.receive({ type: "page.note", text });
    if (why === "") return;
    const title = "The earlier conversation could not go on";
    notices.show("line", { title, body: words.asSentence(why), tone: "news" });
  }

  #letGo() {
    this.#parts.media.letGo();
    this.#parts.sound.play(null);
  }

  #busy(what) {
    screen.drawBusy(what, canAsk());
  }
}
