// What the page hears and plays: the answer's voice, the two loudnesses behind the meter, and sound
// that should be there and is not.

import { Meter } from "./meter.js";

/** Sound quieter than this is none at all: digital silence, not a quiet room. */
const NO_SOUND = 1e-5;
const NO_VOICE_AFTER_S = 3;
const NO_MICROPHONE_AFTER_S = 8;

export class Sound {
  #speaker;
  #notices;
  #again;
  #context = null;
  #mine = null;
  #theirs = null;
  #microphone = null;
  #voiceMissingSince = null;
  #quietSince = null;
  #hasHeardMicrophone = false;

  /**
   * @param {HTMLAudioElement} speaker
   * @param {import("./notices.js").Notices} notices
   * @param {() => void} again what helps when the voice does not come: call again
   */
  constructor(speaker, notices, again) {
    this.#speaker = speaker;
    this.#notices = notices;
    this.#again = again;
  }

  /** Sound may start only from a press; a page that was reloaded gets its meters with the first. */
  begin() {
    if (this.#context === null) {
      this.#context = new AudioContext();
      this.#mine = new Meter(this.#context);
      this.#theirs = new Meter(this.#context);
      this.#mine.listenTo(this.#microphone);
      const wake = () => void this.#context.resume();
      for (const press of ["pointerdown", "keydown"]) document.addEventListener(press, wake);
    }
    void this.#context.resume();
  }

  /** @param {MediaStreamTrack|null} track */
  setMicrophone(track) {
    this.#microphone = track === null ? null : new MediaStream([track]);
    this.#quietSince = null;
    this.#hasHeardMicrophone = false;
    this.#mine?.listenTo(this.#microphone);
  }

  /** Play the answer's voice; null: there is none any more. @param {MediaStream|null} stream */
  play(stream) {
    this.#speaker.srcObject = stream;
    this.#theirs?.listenTo(stream);
    if (stream !== null) void this.#start();
  }

  async #start() {
    try {
      await this.#speaker.play();
      this.#notices.clear("sound");
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // a newer stream took its place
      this.#notices.show("sound", {
        title: "Your browser holds the sound back",
        body: "It plays after one press.",
        actions: [{ label: "Turn sound on", act: () => void this.#start() }],
      });
    }
  }

  /** How loud the person and the answer are now, 0..1. */
  loudness() {
    return { mine: this.#mine?.loudness ?? 0, theirs: this.#theirs?.loudness ?? 0 };
  }

  /**
   * Sound that should be there and is not: say so, once, with what to do. Called a few times a second.
   * @param {{now: number, isVoiceDue: boolean, isEarDue: boolean}} facts  now in seconds
   */
  watch({ now, isVoiceDue, isEarDue }) {
    if (this.#context?.state !== "running") return;
    const { mine, theirs } = this.loudness();
    if (theirs > NO_SOUND) this.#notices.clear("voice");
    if (!isVoiceDue || theirs > NO_SOUND) this.#voiceMissingSince = null;
    else this.#voiceMissingSince ??= now;
    if (this.#voiceMissingSince !== null && now - this.#voiceMissingSince > NO_VOICE_AFTER_S) {
      this.#notices.show("voice", {
        title: "The answer's voice does not arrive",
        body: "You can read it here meanwhile. Calling again usually helps.",
        actions: [{ label: "Call again", act: this.#again }],
      });
    }
    if (isEarDue && mine > NO_SOUND) {
      if (!this.#hasHeardMicrophone) this.#notices.clear("silence");
      this.#hasHeardMicrophone = true;
    }
    if (!isEarDue || this.#hasHeardMicrophone) this.#quietSince = null;
    else this.#quietSince ??= now;
    if (this.#quietSince !== null && now - this.#quietSince > NO_MICROPHONE_AFTER_S) {
      this.#notices.show("silence", {
        title: "Nothing is heard from your microphone",
        body: "It sends perfect silence. Look for a mute switch, or choose another microphone under “Devices”.",
      });
    }
  }
}
