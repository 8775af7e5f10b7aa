// Loudness, as a number and as an ear has it.

/** Loudness of a stream for the meter, 0..1, from its waveform. Null tracks measure as silence. */
export class Meter {
  #context;
  #analyser;
  #source = null;
  #samples;

  /** @param {AudioContext} context */
  constructor(context) {
    this.#context = context;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 512;
    this.#samples = new Float32Array(this.#analyser.fftSize);
  }

  /** @param {MediaStream|null} stream */
  listenTo(stream) {
    this.#source?.disconnect();
    this.#source = null;
    if (stream === null || stream.getAudioTracks().length === 0) return;
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
  }

  /** Root mean square of the last 512 samples, 0..1. */
  get loudness() {
    if (this.#source === null) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const x of this.#samples) sum += x * x;
    return Math.sqrt(sum / this.#samples.length);
  }
}

/** Loudness as an ear has it: −60 dB → 0, −12 dB → 1. */
export function asLevel(loudness) {
  if (loudness <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(loudness) + 60) / 48));
}
