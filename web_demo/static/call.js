// One call: a peer connection, the offers that set it up and mend it, and the tracks on it. It tries
// once and says how it went; whether to try again is its owner's business.

import { CallError, problemOf } from "./call_error.js";
import { CHANNEL, read } from "./protocol.js";

/** Carries the token of a conversation that can be taken up again, both ways. */
export const RESUME = "Visavis-Resume";

const CONNECT_LIMIT_S = 12;
const RESTART_LIMIT_S = 5;
const ANSWER_LIMIT_S = 10;
const FAREWELL_S = 2;

export class Call {
  #url;
  #config;
  #tools;
  #on;
  #peer;
  #channel;
  #callUrl = null;
  #isOver = false;
  #tracks;
  #senders;

  /**
   * @param {object} facts
   * @param {string} facts.url  where offers are posted
   * @param {RTCIceServer[]} facts.iceServers
   * @param {{microphone: MediaStreamTrack|null, camera: MediaStreamTrack|null}} facts.tracks
   * @param {object} facts.tools  newPeer, fetch, wait
   * @param {{event: function, voice: function, changed: function, answered: function}} facts.on
   *   `changed()`: the connection or its channel has changed once it was up; `answered(response)`:
   *   the server took the first offer
   */
  constructor({ url, iceServers, tracks, tools, on }) {
    this.#url = url;
    this.#config = { iceServers, bundlePolicy: "max-bundle" };
    this.#tools = tools;
    this.#on = on;
    this.#tracks = tracks;
    const peer = tools.newPeer(this.#config);
    this.#peer = peer;
    const { microphone, camera } = tracks;
    const audio = microphone
      ? peer.addTransceiver(microphone, { direction: "sendrecv" })
      : peer.addTransceiver("audio", { direction: "recvonly" });
    // The camera's place is always there: it can be switched on later without a new offer.
    const video = peer.addTransceiver(camera ?? "video", { direction: "sendonly" });
    this.#senders = { microphone: microphone ? audio.sender : null, camera: video.sender };
    peer.ontrack = ({ track, streams }) => {
      if (track.kind === "audio") on.voice(streams[0] ?? new MediaStream([track]));
    };
    const channel = peer.createDataChannel(CHANNEL);
    this.#channel = channel;
    channel.onmessage = ({ data }) => {
      const event = read(data);
      if (event !== null && !this.#isOver) on.event(event);
    };
  }

  /** "new", "connecting", "connected", "disconnected", "failed" or "closed" */
  get state() {
    return this.#peer.connectionState;
  }

  /** Messages flow. */
  get isOpen() {
    return this.#channel.readyState === "open";
  }

  /** The server knows it, so it can be mended. */
  get isKnown() {
    return this.#callUrl !== null;
  }

  /**
   * Offer, and wait until messages flow. @param {string|null} token of a conversation to go on with
   * @throws {CallError}
   */
  async connect(token) {
    const [peer, channel] = [this.#peer, this.#channel];
    const headers = token === null ? {} : { [RESUME]: token };
    await this.#offer(`${this.#url}?visavis=1`, headers, (response) => {
      const place = response.headers.get("Location");
      this.#callUrl = place === null ? null : new URL(place, response.url || this.#url).href;
      if (this.#isOver) void this.#endOnServer(); // given up while the answer was on its way
      else this.#on.answered(response);
    });
    if (this.#isOver) return;
    await this.#until(
      (check) => {
        channel.onopen = check;
        channel.onclose = check;
        peer.onconnectionstatechange = check;
      },
      () => {
        if (channel.readyState === "open" || this.#isOver) return true;
        return peer.connectionState === "failed" || channel.readyState === "closed" ? false : null;
      },
      CONNECT_LIMIT_S,
      "Signalling works, but sound and picture do not get through. A firewall between here and the server may block UDP.",
    );
    if (this.#isOver) return;
    peer.onconnectionstatechange = () => this.#on.changed();
    channel.onclose = () => this.#on.changed();
  }

  /** New paths for the same connection (ICE restart). @throws {CallError} */
  async restart() {
    const peer = this.#peer;
    peer.restartIce();
    await this.#offer(`${this.#callUrl}/restart`, {}, () => {});
    if (this.#isOver) return;
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
      peer.onconnectionstatechange = this.#isOver ? null : before;
    }
  }

  /** Send events; false when they can't be. */
  send(events) {
    if (!this.isOpen) return false;
    for (const event of events) this.#channel.send(JSON.stringify(event));
    return true;
  }

  /** False: the call was begun without a microphone and has no place for one. */
  async setMicrophone(track) {
    this.#tracks.microphone = track;
    if (this.#senders.microphone === null) return track === null;
    await this.#senders.microphone.replaceTrack(track);
    return true;
  }

  async setCamera(track) {
    this.#tracks.camera = track;
    await this.#senders.camera.replaceTrack(track);
  }

  /** Limit the encoder, not the camera, so the person's own view stays smooth. */
  async limitCamera(hint) {
    const [sender, track] = [this.#senders.camera, this.#tracks.camera];
    if (track === null) return;
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

  /** End the connection and the conversation. */
  hangUp() {
    this.#leave();
    // First the word, then the line: a server that sees the line go has already let go of the call.
    void this.#endOnServer().finally(() => this.#peer.close());
  }

  /** End the connection; the server keeps the conversation for a while. */
  drop() {
    this.#leave();
    this.#callUrl = null;
    this.#peer.close();
  }

  /** End it while the page goes away: the beacon outlives the page. */
  hangUpByBeacon() {
    if (this.#callUrl !== null) navigator.sendBeacon?.(`${this.#callUrl}/hangup`);
    this.drop();
  }

  #leave() {
    this.#isOver = true;
    this.#channel.onclose = null;
    this.#channel.onmessage = null;
    this.#peer.onconnectionstatechange = null;
    this.#peer.ontrack = null;
  }

  /** The server also notices by itself; this only makes it sooner. */
  async #endOnServer() {
    const callUrl = this.#callUrl;
    this.#callUrl = null;
    if (callUrl === null) return;
    try {
      const signal = AbortSignal.timeout(FAREWELL_S * 1000);
      await this.#tools.fetch(`${callUrl}/hangup`, { method: "POST", keepalive: true, signal });
    } catch {
      // It is not there to hear it.
    }
  }

  /** Offer what there is, at `url`, and take the answer. */
  async #offer(url, headers, onAnswer) {
    const peer = this.#peer;
    await peer.setLocalDescription();
    // Our candidates are not needed: the server sees where our checks come from. Only a relay's
    // address is worth waiting for, and only when one is configured.
    if (this.#config.iceServers.length > 0) await this.#gathered();
    let response;
    try {
      response = await this.#tools.fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", ...headers },
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

  async #gathered() {
    const peer = this.#peer;
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
}
