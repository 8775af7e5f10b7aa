// Microphone and camera: asking for them, choosing among them, and plain words when they refuse.

const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 15 } };

/** What can go wrong with a device. */
export const Problem = Object.freeze({
  REFUSED: "refused",
  MISSING: "missing",
  BUSY: "busy",
  INSECURE: "insecure",
  OTHER: "other",
});

/** @param {{name?: string}} error what getUserMedia threw */
export function classify(error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
    case "SecurityError":
      return Problem.REFUSED;
    case "NotFoundError":
    case "OverconstrainedError":
    case "DevicesNotFoundError":
      return Problem.MISSING;
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return Problem.BUSY;
    default:
      return Problem.OTHER;
  }
}

/**
 * What to tell a person, and what they can do.
 * @param {"microphone"|"camera"|"both"} what
 * @param {string} problem one of Problem
 * @returns {{title: string, body: string}}
 */
export function explain(what, problem) {
  const meanwhile =
    what === "camera"
      ? "The conversation goes on by voice alone."
      : "Until then you can type your questions; the answers are still spoken.";
  if (what === "both" && problem !== Problem.INSECURE) return explainTogether(problem, meanwhile);
  const it = what === "camera" ? "camera" : "microphone";
  switch (problem) {
    case Problem.REFUSED:
      return {
        title: `The ${it} is not allowed`,
        body: `Press the ${it} or lock symbol beside the address, choose “Allow”, then try again. ${meanwhile}`,
      };
    case Problem.MISSING:
      return {
        title: `No ${it} was found`,
        body: `Plug one in or switch it on, then try again. ${meanwhile}`,
      };
    case Problem.BUSY:
      return {
        title: `The ${it} is in use elsewhere`,
        body: `Another program or tab holds it. Close that one, then try again. ${meanwhile}`,
      };
    case Problem.INSECURE:
      return {
        title: "This address cannot use microphone or camera",
        body: "Browsers share them only over https or on localhost. Open this page at an https:// address, or at http://localhost on the machine that serves it. You can still type your questions.",
      };
    default:
      return {
        title: `The ${it} did not start`,
        body: `Try again, or choose another one under “Devices”. ${meanwhile}`,
      };
  }
}

function explainTogether(problem, meanwhile) {
  const titles = {
    [Problem.REFUSED]: "Microphone and camera are not allowed",
    [Problem.MISSING]: "No microphone and no camera were found",
    [Problem.BUSY]: "Microphone and camera are in use elsewhere",
  };
  const remedies = {
    [Problem.REFUSED]: "Press the microphone, camera or lock symbol beside the address, choose “Allow”, then try again.",
    [Problem.MISSING]: "Plug them in or switch them on, then try again.",
    [Problem.BUSY]: "Another program or tab holds them. Close that one, then try again.",
  };
  return {
    title: titles[problem] ?? "Microphone and camera did not start",
    body: `${remedies[problem] ?? "Try again, or choose others under “Devices”."} ${meanwhile}`,
  };
}

/** Can this page ask for devices at all? */
export function canAsk() {
  return globalThis.isSecureContext === true && navigator.mediaDevices?.getUserMedia !== undefined;
}

const wanted = (base, id) => (id ? { ...base, deviceId: { exact: id } } : base);

/** Open one microphone. @returns {Promise<MediaStreamTrack>} */
export async function openMicrophone(id) {
  const media = await ask({ audio: wanted(MICROPHONE, id) }, id);
  return media.getAudioTracks()[0];
}

/** Open one camera. @returns {Promise<MediaStreamTrack>} */
export async function openCamera(id) {
  const media = await ask({ video: wanted(CAMERA, id) }, id);
  const track = media.getVideoTracks()[0];
  track.contentHint = "detail"; // colours and letters matter more than smooth motion
  return track;
}

async function ask(constraints, id) {
  if (!canAsk()) throw Object.assign(new Error("no media devices"), { problem: Problem.INSECURE });
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    // A device remembered from last time may be gone: take the standard one.
    if (id && classify(error) === Problem.MISSING) {
      const { deviceId: _, ...any } = constraints.audio ?? constraints.video;
      const kind = constraints.audio ? "audio" : "video";
      return await navigator.mediaDevices.getUserMedia({ [kind]: any });
    }
    throw error;
  }
}

/**
 * Open both with one question to the person where that works; what fails is told, what works is kept.
 * @returns {Promise<{microphone: MediaStreamTrack|null, camera: MediaStreamTrack|null,
 *   microphoneProblem: string|null, cameraProblem: string|null}>}
 */
export async function openBoth({ microphoneId, cameraId, wantsCamera }) {
  const result = { microphone: null, camera: null, microphoneProblem: null, cameraProblem: null };
  if (!canAsk()) {
    return { ...result, microphoneProblem: Problem.INSECURE, cameraProblem: Problem.INSECURE };
  }
  if (wantsCamera) {
    try {
      const media = await navigator.mediaDevices.getUserMedia({
        audio: wanted(MICROPHONE, microphoneId),
        video: wanted(CAMERA, cameraId),
      });
      result.microphone = media.getAudioTracks()[0];
      result.camera = media.getVideoTracks()[0];
      result.camera.contentHint = "detail";
      return result;
    } catch {
      // One of the two failed and took the other with it: ask for each alone.
    }
  }
  try {
    result.microphone = await openMicrophone(microphoneId);
  } catch (error) {
    result.microphoneProblem = error.problem ?? classify(error);
  }
  if (wantsCamera) {
    try {
      result.camera = await openCamera(cameraId);
    } catch (error) {
      result.cameraProblem = error.problem ?? classify(error);
    }
  }
  return result;
}

/** What there is to choose from. Names are empty until the person has allowed a device. */
export async function list() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind, word) =>
    all
      .filter((device) => device.kind === kind && device.deviceId !== "")
      .map((device, i) => ({ id: device.deviceId, name: device.label || `${word} ${i + 1}` }));
  return { microphones: of("audioinput", "Microphone"), cameras: of("videoinput", "Camera") };
}
