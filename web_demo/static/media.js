// The person's microphone and camera while the page is open: opened, switched, lost and explained.
// Tells its owner of every change; knows nothing of calls.

import * as devices from "./devices.js";
import { remember, remembered } from "./remembered.js";

export class Media {
  microphone = null;
  camera = null;
  isMuted = false;
  wantsCamera = true;
  #notices;
  #on;
  #selects;

  /**
   * @param {object} parts
   * @param {import("./notices.js").Notices} parts.notices
   * @param {{microphone: HTMLSelectElement, camera: HTMLSelectElement}} parts.selects
   * @param {object} parts.on
   *   `microphone(track)`, `camera(track)`: another track, or null, is in use from now on;
   *   `switched(what)`: one was changed in the middle of a call and must be put on it;
   *   `again()`: the person wants to try it all once more
   */
  constructor({ notices, selects, on }) {
    this.#notices = notices;
    this.#selects = selects;
    this.#on = on;
    selects.microphone.addEventListener("change", ({ target }) => {
      remember("microphone", target.value);
      void this.tryMicrophone();
    });
    selects.camera.addEventListener("change", ({ target }) => {
      remember("camera", target.value);
      void this.tryCamera();
    });
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.fillSelects());
  }

  /** Open both. @param {() => boolean} isWanted asked when the person has answered */
  async open(isWanted) {
    const had = devices.canAsk();
    stop(this.microphone);
    stop(this.camera);
    const media = await devices.openBoth({
      microphoneId: remembered("microphone"),
      cameraId: remembered("camera"),
      wantsCamera: this.wantsCamera,
    });
    if (!isWanted()) {
      stop(media.microphone);
      stop(media.camera);
      return;
    }
    this.#takeMicrophone(media.microphone);
    this.#takeCamera(media.camera);
    this.#explainBoth(media, had);
    void this.fillSelects();
  }

  /** Give the devices back: the browser's recording sign goes out. */
  letGo() {
    stop(this.microphone);
    stop(this.camera);
    this.#takeMicrophone(null);
    this.#takeCamera(null);
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    if (this.microphone !== null) this.microphone.enabled = !isMuted;
  }

  async tryMicrophone() {
    try {
      const track = await devices.openMicrophone(remembered("microphone"));
      this.#notices.clear("microphone");
      stop(this.microphone);
      this.#takeMicrophone(track);
      void this.fillSelects();
      this.#on.switched("microphone");
    } catch (error) {
      this.#explain("microphone", error.problem ?? devices.classify(error), () => this.tryMicrophone());
    }
  }

  async tryCamera() {
    this.wantsCamera = true;
    try {
      const track = await devices.openCamera(remembered("camera"));
      this.#notices.clear("camera");
      this.#switchCamera(track);
      void this.fillSelects();
    } catch (error) {
      this.#explain("camera", error.problem ?? devices.classify(error), () => this.tryCamera());
    }
  }

  /** The person switched it off. */
  dropCamera() {
    this.wantsCamera = false;
    this.#switchCamera(null);
  }

  async fillSelects() {
    const { microphones, cameras } = await devices.list();
    const { microphone, camera } = this.#selects;
    fill(microphone, microphones, this.microphone?.getSettings().deviceId, "No microphone");
    fill(camera, cameras, this.camera?.getSettings().deviceId, "No camera");
  }

  /** This address can't have devices: say so before anybody presses anything. */
  explainAddress() {
    this.#explain("microphone", devices.Problem.INSECURE, null);
  }

  #switchCamera(track) {
    if (this.camera !== track) stop(this.camera);
    this.#takeCamera(track);
    this.#on.switched("camera");
  }

  #takeMicrophone(track) {
    this.microphone = track;
    if (track !== null) {
      track.enabled = !this.isMuted;
      track.onended = () => {
        this.#takeMicrophone(null);
        this.#on.switched("microphone");
        this.#explain("microphone", devices.Problem.MISSING, () => this.tryMicrophone());
      };
      track.onmute = () =>
        this.#notices.show("silence", {
          title: "Your microphone is muted by the system",
          body: "A switch on the device, a key or the system's settings holds it. It is heard again as soon as that is undone.",
        });
      track.onunmute = () => this.#notices.clear("silence");
    }
    this.#on.microphone(track);
  }

  #takeCamera(track) {
    this.camera = track;
    if (track !== null) {
      track.onended = () => {
        this.#switchCamera(null);
        this.#explain("camera", devices.Problem.MISSING, () => this.tryCamera());
      };
    }
    this.#on.camera(track);
  }

  /** One notice where one thing holds both back. */
  #explainBoth({ microphoneProblem: ear, cameraProblem: eye }, had) {
    if (!had) this.#explain("microphone", devices.Problem.INSECURE, null);
    else if (ear !== null && ear === eye) this.#explain("both", ear, this.#on.again);
    else {
      if (ear !== null) this.#explain("microphone", ear, () => this.tryMicrophone());
      if (eye !== null) this.#explain("camera", eye, () => this.tryCamera());
    }
  }

  #explain(what, problem, again) {
    const actions = again === null ? [] : [{ label: "Try again", act: again }];
    const subject = what === "both" ? "microphone" : what;
    this.#notices.show(subject, { ...devices.explain(what, problem), actions });
  }
}

function stop(track) {
  if (track === null) return;
  track.onended = null;
  track.onmute = null;
  track.onunmute = null;
  track.stop();
}

function fill(select, options, chosen, none) {
  select.replaceChildren(...options.map(({ id, name }) => new Option(name, id, false, id === chosen)));
  if (options.length === 0) select.append(new Option(none, ""));
  select.disabled = options.length === 0;
}
