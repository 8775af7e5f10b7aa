// The microphone and camera of @pipecat-ai/small-webrtc-transport through getUserMedia. The one it
// brings along fetches a call object from a CDN, which a machine without a network cannot.

export class UserMedia {
  #callbacks = {};
  #enabled = { audio: true, video: false };
  #tracks = {};

  constructor() {
    this.replace = async () => {}; // set to what puts a track on the connection
  }

  setClientOptions(options) {
    this.#callbacks = options.callbacks ?? {};
    this.#enabled = { audio: options.enableMic ?? true, video: options.enableCam ?? false };
  }

  setUserAudioCallback() {}

  async initialize() {
    for (const kind of ["audio", "video"]) if (this.#enabled[kind]) await this.#open(kind);
  }

  async connect() {
    await this.initialize();
  }

  async disconnect() {
    for (const kind of Object.keys(this.#tracks)) this.#close(kind);
  }

  async userStartedSpeaking() {}
  bufferBotAudio() {}

  async #open(kind) {
    if (this.#tracks[kind]?.readyState === "live") return;
    const media = await navigator.mediaDevices.getUserMedia({ [kind]: true });
    const track = (this.#tracks[kind] = media.getTracks()[0]);
    const info = { deviceId: track.getSettings().deviceId ?? kind, kind: `${kind}input`, label: track.label };
    if (kind === "audio") this.#callbacks.onMicUpdated?.(info);
    else this.#callbacks.onCamUpdated?.(info);
    this.#callbacks.onTrackStarted?.(track, { id: "local", name: "", local: true });
    await this.replace(kind, track);
  }

  #close(kind) {
    this.#tracks[kind]?.stop();
    delete this.#tracks[kind];
  }

  enableMic(isOn) {
    this.#enabled.audio = isOn;
    if (this.#tracks.audio) this.#tracks.audio.enabled = isOn;
  }

  enableCam(isOn) {
    this.#enabled.video = isOn;
    if (isOn) return void this.#open("video");
    this.#close("video");
    return void this.replace("video", null);
  }

  enableScreenShare() {}

  async #devices(kind) {
    return (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === kind);
  }
  getAllMics() { return this.#devices("audioinput"); }
  getAllCams() { return this.#devices("videoinput"); }
  getAllSpeakers() { return this.#devices("audiooutput"); }
  updateMic() {}
  updateCam() {}
  updateSpeaker() {}
  get selectedMic() { return {}; }
  get selectedCam() { return {}; }
  get selectedSpeaker() { return {}; }
  get isMicEnabled() { return this.#enabled.audio; }
  get isCamEnabled() { return this.#enabled.video; }
  get isSharingScreen() { return false; }
  get supportsScreenShare() { return true; }

  tracks() {
    return { local: { ...this.#tracks } };
  }
}
