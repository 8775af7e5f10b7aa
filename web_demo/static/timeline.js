// Where the time of a turn went: bars drawn from the latency ledger, one scale, numbers in ms.
// It is a table with a picture in it, so a screen reader reads names and numbers.

/** The stages in the order they happen. `keys`: names in the ledger, first match wins. */
export const STAGES = [
  {
    key: "modal_audio",
    keys: ["modal_audio_ms", "modal_audio"],
    label: "Audio in",
    meaning: "your last sound arrived → understood",
  },
  {
    key: "modal_vision",
    keys: ["modal_vision_ms", "modal_vision", "modal_video_ms"],
    label: "Vision in",
    meaning: "the picture arrived → seen",
  },
  {
    key: "fusion",
    keys: ["fusion_ms", "fusion"],
    label: "Fusion",
    meaning: "sound and picture ready → first word of the answer",
  },
  {
    key: "commit",
    keys: ["commit_ms", "commit"],
    label: "Commit",
    meaning: "your turn is judged over → first voice sent",
  },
  {
    key: "first_audio",
    keys: ["fto_ms", "first_audio_ms", "fto", "first_audio"],
    label: "First audio",
    meaning: "you stopped speaking → the answer began",
  },
];

const KNOWN = new Set(STAGES.flatMap((stage) => stage.keys));

/**
 * The ledger as rows. A stage the ledger does not name has `ms: null`; numbers it names beyond
 * ours follow at the end under their own names.
 * @returns {{key: string, label: string, meaning: string, ms: number|null, share: number}[]}
 *   share: 0..1 of the scale
 */
export function rows(latencies) {
  const known = STAGES.map(({ key, keys, label, meaning }) => {
    const name = keys.find((each) => Number.isFinite(latencies?.[each]));
    return { key, label, meaning, ms: name === undefined ? null : latencies[name] };
  });
  const more = Object.entries(latencies ?? {})
    .filter(([name, ms]) => !KNOWN.has(name) && name.endsWith("_ms") && Number.isFinite(ms))
    .map(([name, ms]) => ({ key: name, label: humanName(name), meaning: "", ms }));
  const all = [...known, ...more];
  const top = scale(all.map((row) => row.ms ?? 0));
  return all.map((row) => ({ ...row, share: Math.min(1, Math.max(0, row.ms ?? 0) / top) }));
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

function humanName(name) {
  const words = name.replace(/_ms$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
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
