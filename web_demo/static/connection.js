// The call: WebRTC and its signalling. It connects, notices when the line drops, mends it (the same
// session by an ICE restart first, a new one after that), and says at each moment how it stands.
// It knows no page; peer connection, fetch and waiting are given to it, so tests run it under node.

import { CHANNEL, read } from "./protocol.js";

/** Seconds to wait before attempt 1, 2, …; the last one repeats. */
const BACK_OFF_S = [0, 0.5, 1, 2, 4, 8];
const ATTEMPTS = 8;
const RESTARTS = 2;
/** A short loss heals itself; acting on it at once would make it longer. */
const GRACE_S = 1.5;
const CONNECT_LIMIT_S = 12;
const RESTART_LIMIT_S = 5;
const ANSWER_LIMIT_S = 10;
const FAREWELL_S = 2;
/** A line that held this long is a good one: the next drop starts counting from one again. */
const STEADY_S = 10;

/**
 * Why a call did not come about.
 * kind: "full" (come back later), "gone" (the session is over), "refused" (the server says no),
 * "unreachable" (no answer), "broken" (the server itself is in trouble), "brief" (calls end as soon
 * as they begin), "blocked" (signalling works, media does not get through)
 */
export class CallError extends Error {
  constructor(kind, message, { status = 0, code = "", retryAfterS = null } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** What a response that is not an answer means. @param {Response} response */
export async function problemOf(response) {
  let error = {};
  try {
    error = (await response.json())?.error ?? {};
  } catch {
    // Not JSON: a proxy speaks, not our server.
  }
  const retry = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  const facts = {
    status: response.status,
    code: typeof error.code === "string" ? error.code : "",
    retryAfterS: Number.isFinite(retry) && retry >= 0 ? retry : null,
  };
  const message =
    typeof error.message === "string" && error.message !== ""
      ? error.message
      : `The server answered ${response.status}.`;
  const isBusy = response.status === 503 || response.status === 429;
  if (isBusy && facts.code !== "engine_died") {
    return new CallError("full", message, { ...facts, retryAfterS: facts.retryAfterS ?? 5 });
  }
  if ([404, 405, 409, 410, 501].includes(response.status)) {
    return new CallError("gone", message, facts);
  }
  if (response.status >= 500) return new CallError("broken", message, facts);
  return new CallError("refused", message, facts);
}

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
 * `onStatus({state, ...})`: "connecting", "live" {isNew}, "unsteady", "reconnecting" {attempt, waitS},
 * "waiting" {waitS, message} (server full), "lost" {error}, "ended".
 * `onEvent(event)`: a message of the data channel. `onVoice(stream)`: the remote audio.
 */
export class Connection {
  #url;
  #config;
  #tools;
  #on;
  #peer = null;
  #channel = null;
  #callUrl = null;
  #tracks = { microphone: null, camera: null };
  #senders = { microphone: null, camera: null };
  #state = "ended";
  #mending = false;
  #liveSince = 0;
  #failures = 0;
  #wake = null;
  #epoch = 0;

  constructor({ url, iceServers = [], onStatus, onEvent, onVoice, tools = {} }) {
    this.#url = url;
    this.#config = { iceServers, bundlePolicy: "max-bundle" };
    this.#on = { status: onStatus, event: onEvent, voice: onVoice };
    this.#tools = { ...browser, ...tools };
  }

  get isLive() {
    return this.#state === "live" || this.#state === "unsteady";
  }

  get hasMicrophone() {
    return this.#senders.microphone !== null;
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
    if (this.#channel?.readyState !== "open") return false;
    for (const event of events) this.#channel.send(JSON.stringify(event));
    return true;
  }

  /**
   * Put another microphone on the line (null: none). A call begun without one has no place
   * for it: false means open a new call.
   */
  async setMicrophone(track) {
    this.#tracks.microphone = track;
    if (this.#senders.microphone === null) return track === null;
    await this.#senders.microphone.replaceTrack(track);
    return true;
  }

  /** Put another camera on the line (null: off). */
  async setCamera(track) {
    this.#tracks.camera = track;
    await this.#senders.camera?.replaceTrack(track);
  }

  /**
   * Send no more picture than the server looks at. It limits the encoder, not the camera, so the
   * person's own view stays smooth.
   * @param {{maxFps: number|null, maxWidth: number|null, maxHeight: number|null}} hint
   */
  async limitCamera(hint) {
    const sender = this.#senders.camera;
    const track = this.#tracks.camera;
    if (sender === null || track === null) return;
    const { width = 0, height = 0 } = track.getSettings();
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings ?? [];
    if (encoding === undefined) return;
    if (hint.maxFps !== null && hint.maxFps > 0) encoding.maxFramerate = hint.maxFps;
    const byWidth = hint.maxWidth > 0 ? width / hint.maxWidth : 1;
    const byHeight = hint.maxHeight > 0 ? height / hint.maxHeight : 1;
    encoding.scaleResolutionDownBy = Math.max(1, byWidth, byHeight);
    await sender.setParameters(parameters);
  }

  /** Stop waiting for the next attempt: try now. */
  retryNow() {
    this.#wake?.();
  }

  /** End the conversation. */
  close() {
    this.#epoch += 1;
    this.#hangUp();
    this.#wake?.();
    this.#tell("ended");
  }

  /** End it while the page goes away: the beacon outlives the page. */
  leave() {
    if (this.#callUrl !== null) navigator.sendBeacon?.(`${this.#callUrl}/hangup`);
    this.#callUrl = null;
    this.close();
  }

  // ---- setting up

  async #call(epoch) {
    const peer = this.#tools.newPeer(this.#config);
    this.#peer = peer;
    const { microphone, camera } = this.#tracks;
    const audio = microphone
      ? peer.addTransceiver(microphone, { direction: "sendrecv" })
      : peer.addTransceiver("audio", { direction: "recvonly" });
    // The camera's place is always there: it can be switched on later without a new offer.
    const video = peer.addTransceiver(camera ?? "video", { direction: "sendonly" });
    this.#senders = { microphone: microphone ? audio.sender : null, camera: video.sender };
    peer.ontrack = ({ track, streams }) => {
      if (track.kind === "audio") this.#on.voice(streams[0] ?? new MediaStream([track]));
    };
    const channel = peer.createDataChannel(CHANNEL);
    this.#channel = channel;
    channel.onmessage = ({ data }) => {
      const event = read(data);
      if (event !== null && epoch === this.#epoch) this.#on.event(event);
    };

    await this.#offer(peer, this.#url, (response) => {
      const place = response.headers.get("Location");
      const callUrl = place === null ? null : new URL(place, response.url || this.#url).href;
      if (epoch === this.#epoch) this.#callUrl = callUrl;
      else void this.#endOnServer(callUrl); // given up while the answer was on its way
    });
    if (epoch !== this.#epoch) return;
    await this.#until(
      (check) => {
        channel.onopen = check;
        channel.onclose = check;
        peer.onconnectionstatechange = check;
      },
      () => {
        if (channel.readyState === "open") return true;
        return peer.connectionState === "failed" || channel.readyState === "closed" ? false : null;
      },
      CONNECT_LIMIT_S,
      "Signalling works, but sound and picture do not get through. A firewall between here and the server may block UDP.",
    );
    if (epoch !== this.#epoch) return;
    peer.onconnectionstatechange = () => this.#watch(epoch, peer);
    channel.onclose = () => {
      if (peer === this.#peer) void this.#mend(epoch, 0);
    };
  }

  async #restart(epoch) {
    const peer = this.#peer;
    peer.restartIce();
    await this.#offer(peer, `${this.#callUrl}/restart`, () => {});
    if (epoch !== this.#epoch) return;
    const before = peer.onconnectionstatechange;
    try {
      await this.#until(
        (check) => {
          peer.onconnectionstatechange = check;
        },
        () => {
          if (peer.connectionState === "connected") return true;
          return peer.connectionState === "closed" ? false : null;
        },
        RESTART_LIMIT_S,
        "The line did not come back.",
      );
    } finally {
      peer.onconnectionstatechange = before;
    }
  }

  /** Offer what `peer` has, at `url`, and take the answer. */
  async #offer(peer, url, onAnswer) {
    await peer.setLocalDescription();
    // Our candidates are not needed: the server sees where our checks come from. Only a relay's
    // address is worth waiting for, and only when one is configured.
    if (this.#config.iceServers.length > 0) await this.#gathered(peer);
    let response;
    try {
      response = await this.#tools.fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: peer.localDescription.sdp,
        signal: AbortSignal.timeout(ANSWER_LIMIT_S * 1000),
      });
    } catch {
      throw new CallError("unreachable", "The server does not answer.");
    }
    if (!response.ok) throw await problemOf(response);
    const sdp = await response.text();
    onAnswer(response);
    if (peer.signalingState === "closed") return;
    try {
      await peer.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      throw new CallError("gone", `The server's answer does not fit: ${error.message}`);
    }
  }

  async #gathered(peer) {
    const done = new Promise((resolve) => {
      const check = () => peer.iceGatheringState === "complete" && resolve();
      peer.addEventListener("icegatheringstatechange", check);
      check();
    });
    await Promise.race([done, this.#tools.wait(1)]);
  }

  async #until(subscribe, judge, limitS, message) {
    const settled = new Promise((resolve) => {
      const check = () => {
        const verdict = judge();
        if (verdict !== null) resolve(verdict);
      };
      subscribe(check);
      check();
    });
    const late = this.#tools.wait(limitS).then(() => false);
    if (!(await Promise.race([settled, late]))) throw new CallError("blocked", message);
  }

  // ---- keeping it up

  #watch(epoch, peer) {
    if (epoch !== this.#epoch || peer !== this.#peer || this.#mending) return;
    switch (peer.connectionState) {
      case "disconnected":
        this.#tell("unsteady");
        void this.#mend(epoch, GRACE_S);
        break;
      case "failed":
      case "closed":
        void this.#mend(epoch, 0);
        break;
      default:
    }
  }

  async #mend(epoch, graceS) {
    if (this.#mending || epoch !== this.#epoch) return;
    this.#mending = true;
    try {
      if (graceS > 0) {
        await this.#tools.wait(graceS);
        if (epoch !== this.#epoch) return;
        if (this.#peer.connectionState === "connected") {
          this.#tell("live", { isNew: false });
          return;
        }
      }
      if (this.#tools.now() - this.#liveSince > STEADY_S) this.#failures = 0;
      else if (!(await this.#isPausedAfterBriefCall(epoch))) return;
      const canRestart = this.#callUrl !== null && this.#channel.readyState === "open";
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
          await this.#restart(epoch);
        } else {
          if (!isFirst || this.#failures > 0) this.#hangUp();
          await this.#call(epoch);
        }
        if (epoch !== this.#epoch) return;
        this.#liveSince = this.#tools.now();
        this.#tell("live", { isNew: !isRestart });
        return;
      } catch (error) {
        if (epoch !== this.#epoch) return;
        if (!isRestart) this.#hangUp();
        if (!(error instanceof CallError)) throw error;
        if (isRestart && error.kind === "gone") restartsLeft = 0;
        if (await this.#isWorthWaiting(epoch, error, isRestart, isFirst)) continue;
        throw error;
      }
    }
  }

  async #isWorthWaiting(epoch, error, isRestart, isFirst) {
    if (error.kind === "full") {
      this.#tell("waiting", { waitS: error.retryAfterS, message: error.message });
      await this.#sleep(error.retryAfterS);
      if (epoch === this.#epoch && isFirst) this.#tell("connecting");
      return true;
    }
    if (isRestart && error.kind !== "unreachable") return true; // a new call comes next, at once
    this.#failures += 1;
    // At the first call a person waits for a reason; later they wait for the line to return.
    if (isFirst || error.kind === "refused" || this.#failures >= ATTEMPTS) return false;
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

  #hangUp() {
    const [peer, channel, callUrl] = [this.#peer, this.#channel, this.#callUrl];
    this.#peer = null;
    this.#channel = null;
    this.#callUrl = null;
    this.#senders = { microphone: null, camera: null };
    if (channel !== null) {
      channel.onclose = null;
      channel.onmessage = null;
    }
    if (peer !== null) {
      peer.onconnectionstatechange = null;
      peer.ontrack = null;
    }
    // First the word, then the line: a server that sees the line go has already let go of the call.
    void this.#endOnServer(callUrl).finally(() => peer?.close());
  }

  /** The server also notices by itself; this only makes it sooner. */
  async #endOnServer(callUrl) {
    if (callUrl === null) return;
    try {
      const signal = AbortSignal.timeout(FAREWELL_S * 1000);
      await this.#tools.fetch(`${callUrl}/hangup`, { method: "POST", keepalive: true, signal });
    } catch {
      // It is not there to hear it.
    }
  }

  #tell(state, more = {}) {
    this.#state = state;
    this.#on.status({ state, ...more });
  }
}
