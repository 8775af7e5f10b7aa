// Choices that outlast the tab: which microphone and which camera.

export function remembered(what) {
  try {
    return localStorage.getItem(`visavis.${what}`) ?? "";
  } catch {
    return ""; // storage is switched off: nothing is remembered
  }
}

export function remember(what, value) {
  try {
    localStorage.setItem(`visavis.${what}`, value);
  } catch {
    // As above.
  }
}
