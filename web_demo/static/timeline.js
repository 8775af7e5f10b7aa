// Where the time of a turn went: bars drawn from the latency ledger, one scale, numbers in ms.
// It is a table with a picture in it, so a screen reader reads names and numbers.

/**
 * The stages in the order they happen. `keys`: names in the ledger, first match wins.
 * `isRare`: shown only for a turn that has it.
 */
export const STAGES = [
  {
    key: "modal_audio",
    keys: ["modal_audio", "modal_audio_ms"],
    label: "Audio in",
    meaning: "your last sound arrived → understood",
  },
  {
    key: "modal_vision",
    keys: ["modal_picture", "modal_vision", "modal_vision_ms"],
    label: "Vision in",
    meaning: "the picture arrived → seen",
  },
  {
    key: "fusion",
    keys: ["fusion", "fusion_ms"],
    label: "Fusion",
    meaning: "sound and picture ready → first word of the answer",
  },
  {
    key: "commit",
    keys: ["commit", "commit_ms"],
    label: "Commit",
    meaning: "your turn is judged over → first voice sent",
  },
  {
    key: "first_audio",
    keys: ["fto", "fto_ms", "first_audio_ms"],
    label: "First audio",
    meaning: "you stopped speaking → the answer began",
  },
  {
    key: "stop",
    keys: ["stop", "stop_ms"],
    label: "Stop",
    meaning: "you spoke into the answer → it was cut",
    isRare: true,
  },
];

/**
 * The ledger as rows; a stage the ledger has no number for has `ms: null`.
 * @returns {{key: string, label: string, meaning: string, ms: number|null, share: number}[]}
 *   share: 0..1 of the scale
 */
export function rows(latencies) {
  const all = STAGES.map(({ keys, isRare = false, ...stage }) => {
    const name = keys.find((each) => Number.isFinite(latencies?.[each]));
    return { ...stage, isRare, ms: name === undefined ? null : latencies[name] };
  }).filter(({ isRare, ms }) => !isRare || ms !== null);
  const top = scale(all.map(({ ms }) => ms ?? 0));
  return all.map(({ key, label, meaning, ms }) => {
    const share = Math.min(1, Math.max(0, ms ?? 0) / top);
    return { key, label, meaning, ms, share };
  });
}

/** A round number, in ms, that holds them all. */
export function scale(values) {
  const most = Math.max(0, ...values);
  for (let step = 10; ; step *= 10) {
    for (const factor of [1, 2, 3, 4, 5, 6, 8]) if (step * factor >= most) return step * factor;
  }
}

/** "4.2 ms", "231 ms", "1.24 s", "–". */
export function inWords(ms) {
  if (ms === null || !Number.isFinite(ms)) return "–";
  if (Math.abs(ms) >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  const rounded = Math.abs(ms) < 9.95 ? ms.toFixed(1) : ms.toFixed(0);
  return `${rounded.replace("-", "−")} ms`;
}

/** Draw one turn's ledger into `table`; the bars' lengths are set by script, as the CSP wants it. */
export function draw(table, latencies) {
  const all = rows(latencies);
  const top = scale(all.map((row) => row.ms ?? 0));
  const body = table.tBodies[0];
  body.replaceChildren(
    ...all.map((row) => {
      const line = document.createElement("tr");
      line.dataset.testid = "timeline-row";
      line.dataset.key = row.key;
      if (row.ms !== null) line.dataset.ms = String(row.ms);

      const name = document.createElement("th");
      name.scope = "row";
      const label = document.createElement("span");
      label.textContent = row.label;
      const meaning = document.createElement("small");
      meaning.textContent = row.meaning;
      name.append(label, meaning);

      const track = document.createElement("td");
      track.className = "track";
      track.setAttribute("aria-hidden", "true");
      const bar = document.createElement("i");
      bar.style.setProperty("--share", String(row.share));
      bar.hidden = row.ms === null;
      track.append(bar);

      const number = document.createElement("td");
      number.className = "number";
      number.textContent = inWords(row.ms);
      line.append(name, track, number);
      return line;
    }),
  );
  const ticks = table.tFoot?.querySelectorAll("[data-tick]") ?? [];
  for (const tick of ticks) tick.textContent = inWords(top * Number(tick.dataset.tick)).replace(".0", "");
}
