// A conversation's line: it connects, notices when the line drops, mends it, and says at each moment
// how it stands. It mends the same connection first (ICE restart), then puts the same conversation on
// a new one (resume token), and begins a new conversation only when that one is over.
// It knows no page; peer connection, fetch and waiting are given to it, so tests run it under node.

import { Call, RESUME } from "./call.js";
import { CallError } from "./call_error.js";

/** Seconds to wait before attempt 1, 2, …; the last one repeats. */
const BACK_OFF_S = [0, 0.5, 1, 2, 4, 8];
const ATTEMPTS = 8;
const RESTARTS = 2;
/** A short loss heals itself; acting on it at once would make it longer. */
const GRACE_S = 1.5;
/** A line that held this long is a good one: the next drop starts counting from one again. */
const STEADY_S = 10;

/** Seconds before attempt number `attempt` (1-based). @param {number} luck 0..1 spreads clients out */
export function backOff(attempt, luck = 0.5) {
  const base = BACK_OFF_S[Math.min(attempt, BACK_OFF_S.length) - 1];
  return base * (0.75 + luck / 2);
}

const browser = {
  fetch: (...args) => globalThis.fetch(...args),
  newPeer: (configuration) => new RTCPeerConnection(configuration),
  wait: (seconds) => new Promise((done) => setTimeout(done, seconds * 1000)),
  now: () => performance.now() / 1000,
  luck: () => Math.random(),
};

/**
 * One conversation's line.
 *
 * `onStatus({state, ...})`: "connecting", "live" {kind, why?}, "unsteady", "reconnecting" {attempt,
 * waitS}, "waiting" {waitS, message} (server full), "lost" {error}, "ended". The kind of a live line:
 * "new" conversation (`why` the one before it could not go on, if there was one), "resumed" on a new
 * connection (what was said meanwhile was missed), "mended" (nothing was missed).
 * `onEvent(event)`: a message of the data channel. `onVoice(stream)`: the remote audio.
 * `onToken(token)`: what brings this conversation back from another page, or null.
 */
export class Connection {
  #url;
  #iceServers;
  #tools;
  #on;
  #call = null;
  #tracks = { microphone: null, camera: null };
  #token;
  #isResumed = false;
  #overWhy = "";
  #state = "ended";
  #mending = false;
  #liveSince = 0;
  #failures = 0;
  #wake = null;
  #epoch = 0;

  /** `token`: of a conversation that another page left; it is tried first. */
  constructor({ url, iceServers = [], token = null, onStatus, onEvent, onVoice, onToken = () => {}, tools = {} }) {
    this.#url = url;
    this.#iceServers = iceServers;
    this.#token = token;
    this.#on = { status: onStatus, event: onEvent, voice: onVoice, token: onToken };
    this.#tools = { ...browser, ...tools };
  }

  get isLive() {
    return this.#state === "live" || this.#state === "unsteady";
  }

  /**
   * Connect; resolves when messages flow. A full server is waited for, visibly.
   * @param {{microphone: MediaStreamTrack|null, camera: MediaStreamTrack|null}} tracks
   * @throws {CallError} when it will not work by trying again
   */
  async open(tracks) {
    this.#tracks = { ...tracks };
    const epoch = ++this.#epoch;
    this.#hangUp();
    this.#failures = 0;
    this.#tell("connecting");
    await this.#persist(epoch, { restartsLeft: 0, isFirst: true });
  }

  /** Send events; false when the line is down. */
  send(events) {
    return this.#call?.send(events) ?? false;
  }

  /**
   * Put another microphone on the line (null: none). A call begun without one has no place
   * for it: false means open a new call.
   */
  async setMicrophone(track) {
    this.#tracks.microphone = track;
    return (await this.#call?.setMicrophone(track)) ?? track === null;
  }

  /** Put another camera on the line (null: off). */
  async setCamera(track) {
    this.#tracks.camera = track;
    await this.#call?.setCamera(track);
  }

  /**
   * Send no more picture than the server looks at.
   * @param {{maxFps: number|null, maxWidth: number|null, maxHeight: number|null}} hint
   */
  async limitCamera(hint) {
    await this.#call?.limitCamera(hint);
  }

  /** Stop waiting for the next attempt: try now. */
  retryNow() {
    this.#wake?.();
  }

  /** End the conversation. */
  close() {
    this.#epoch += 1;
    this.#hangUp();
    this.#keepToken(null);
    this.#wake?.();
    this.#tell("ended");
  }

  /** The page goes away. A conversation with a token waits for the page to come back. */
  leave() {
    this.#epoch += 1;
    if (this.#token === null) this.#call?.hangUpByBeacon();
    else this.#call?.drop();
    this.#call = null;
    this.#wake?.();
    this.#tell("ended");
  }

  // ---- setting up

  async #connect(epoch) {
    const call = new Call({
      url: this.#url,
      iceServers: this.#iceServers,
      tracks: { ...this.#tracks },
      tools: this.#tools,
      on: {
        event: (event) => this.#on.event(event),
        voice: (stream) => this.#on.voice(stream),
        changed: () => this.#watch(epoch, call),
        answered: (response) => {
          this.#isResumed = response.status === 200;
          this.#keepToken(response.headers.get(RESUME));
        },
      },
    });
    this.#call = call;
    await call.connect(this.#token);
  }

  #keepToken(token) {
    if (token === this.#token) return;
    this.#token = token;
    this.#on.token(token);
  }

  // ---- keeping it up

  #watch(epoch, call) {
    if (epoch !== this.#epoch || call !== this.#call || this.#mending) return;
    if (call.state === "disconnected") {
      this.#tell("unsteady");
      void this.#mend(epoch, GRACE_S);
    } else if (["failed", "closed"].includes(call.state) || !call.isOpen) {
      void this.#mend(epoch, 0);
    }
  }

  async #mend(epoch, graceS) {
    if (this.#mending || epoch !== this.#epoch) return;
    this.#mending = true;
    try {
      if (graceS > 0) {
        await this.#tools.wait(graceS);
        if (epoch !== this.#epoch) return;
        if (this.#call.state === "connected") {
          this.#tell("live", { kind: "mended" });
          return;
        }
      }
      if (this.#tools.now() - this.#liveSince > STEADY_S) this.#failures = 0;
      else if (!(await this.#isPausedAfterBriefCall(epoch))) return;
      const canRestart = this.#call.isKnown && this.#call.isOpen;
      await this.#persist(epoch, { restartsLeft: canRestart ? RESTARTS : 0, isFirst: false });
    } catch (error) {
      if (epoch === this.#epoch) this.#tell("lost", { error });
    } finally {
      this.#mending = false;
    }
  }

  /** A call that ends as soon as it began is begun again, but ever more slowly. */
  async #isPausedAfterBriefCall(epoch) {
    this.#failures += 1;
    if (this.#failures >= ATTEMPTS) {
      throw new CallError("brief", "Every call ends as soon as it begins.");
    }
    await this.#pause();
    return epoch === this.#epoch;
  }

  /** Try until it works; throws the last reason when trying again is no use. */
  async #persist(epoch, { restartsLeft, isFirst }) {
    while (epoch === this.#epoch) {
      const isRestart = restartsLeft > 0;
      try {
        if (isRestart) {
          restartsLeft -= 1;
          this.#tell("reconnecting", { attempt: this.#failures + 1, waitS: 0 });
          await this.#call.restart();
        } else {
          if (!isFirst || this.#failures > 0) this.#letGo();
          await this.#connect(epoch);
        }
        if (epoch !== this.#epoch) return;
        this.#liveSince = this.#tools.now();
        this.#tellLive(isRestart);
        return;
      } catch (error) {
        if (epoch !== this.#epoch) return;
        if (!isRestart) this.#letGo();
        if (!(error instanceof CallError)) throw error;
        if (isRestart && error.kind === "gone") restartsLeft = 0;
        if (await this.#isWorthWaiting(epoch, error, isRestart, isFirst)) continue;
        throw error;
      }
    }
  }

  #tellLive(isRestart) {
    if (isRestart) return this.#tell("live", { kind: "mended" });
    if (this.#isResumed) return this.#tell("live", { kind: "resumed" });
    const why = this.#overWhy;
    this.#overWhy = "";
    return this.#tell("live", why === "" ? { kind: "new" } : { kind: "new", why });
  }

  async #isWorthWaiting(epoch, error, isRestart, isFirst) {
    if (error.kind === "over" && this.#token !== null) {
      this.#overWhy = error.message;
      this.#keepToken(null);
      return true; // a new conversation, at once
    }
    if (error.kind === "full") {
      this.#tell("waiting", { waitS: error.retryAfterS, message: error.message });
      await this.#sleep(error.retryAfterS);
      if (epoch === this.#epoch && isFirst) this.#tell("connecting");
      return true;
    }
    if (isRestart && error.kind !== "unreachable") return true; // a new connection next, at once
    this.#failures += 1;
    // At the first call a person waits for a reason; later they wait for the line to return.
    const isFinal = ["refused", "locked"].includes(error.kind);
    if (isFirst || isFinal || this.#failures >= ATTEMPTS) return false;
    await this.#pause();
    return true;
  }

  async #pause() {
    const waitS = backOff(this.#failures + 1, this.#tools.luck());
    this.#tell("reconnecting", { attempt: this.#failures + 1, waitS });
    await this.#sleep(waitS);
  }

  async #sleep(seconds) {
    const woken = new Promise((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([woken, this.#tools.wait(seconds)]);
    this.#wake = null;
  }

  /** Away with the connection; the conversation is over, too, unless a token brings it back. */
  #letGo() {
    if (this.#token === null) this.#hangUp();
    else this.#call?.drop();
    this.#call = null;
  }

  #hangUp() {
    this.#call?.hangUp();
    this.#call = null;
  }

  #tell(state, more = {}) {
    this.#state = state;
    this.#on.status({ state, ...more });
  }
}
