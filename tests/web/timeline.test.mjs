// The timeline's numbers: rows of a ledger, the scale they share, and how they are written.

import assert from "node:assert/strict";
import { test } from "node:test";

import { inWords, rows, scale, STAGES } from "../../web_demo/static/timeline.js";

test("a full ledger gives every stage its number and share of one scale", () => {
  const all = rows({ modal_audio: 8, modal_picture: 14, fusion: 2, commit: 40, fto: 200 });
  assert.deepEqual(
    all.map(({ key, ms, share }) => [key, ms, share]),
    [
      ["modal_audio", 8, 0.04],
      ["modal_vision", 14, 0.07],
      ["fusion", 2, 0.01],
      ["commit", 40, 0.2],
      ["first_audio", 200, 1],
    ],
  );
});

test("missing numbers are told, not drawn", () => {
  for (const ledger of [{}, undefined, { fusion_ms: null, commit_ms: "fast" }]) {
    const all = rows(ledger);
    assert.equal(all.length, STAGES.filter(({ isRare }) => !isRare).length);
    assert.ok(all.every(({ ms, share }) => ms === null && share === 0));
  }
});

test("an overlap is a negative number with no bar", () => {
  const row = rows({ fto: -40, fusion: 2 }).find(({ key }) => key === "first_audio");
  assert.deepEqual([row.ms, row.share, inWords(row.ms)], [-40, 0, "−40 ms"]);
});

test("the stop of an answer that was cut is shown with its turn, other numbers are not", () => {
  const names = (ledger) => rows(ledger).map(({ key }) => key);
  assert.deepEqual(names({ stop: 30 }).at(-1), "stop");
  assert.ok(!names({ modal_audio_queue: 1, head: 2 }).some((key) => /stop|queue|head/.test(key)));
});

test("the scale is a round number that holds them all", () => {
  assert.deepEqual([[], [3], [10], [243], [301], [1700]].map(scale), [10, 10, 10, 300, 400, 2000]);
});

test("numbers are written as short as they are exact", () => {
  assert.deepEqual([2.14, 9.97, 243.5, 1240, null, Number.NaN].map(inWords), [
    "2.1 ms",
    "10 ms",
    "244 ms",
    "1.24 s",
    "–",
    "–",
  ]);
});
