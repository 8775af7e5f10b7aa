// Words for devices that refuse, and the meter's scale.

import assert from "node:assert/strict";
import { test } from "node:test";

import { classify, explain, Problem } from "../../web_demo/static/devices.js";
import { asLevel } from "../../web_demo/static/meter.js";

test("what the browser throws is told apart", () => {
  const names = ["NotAllowedError", "NotFoundError", "OverconstrainedError", "NotReadableError", "TypeError"];
  assert.deepEqual(
    names.map((name) => classify({ name })),
    ["refused", "missing", "missing", "busy", "other"],
  );
});

test("every problem says what to do and what works meanwhile", () => {
  for (const problem of Object.values(Problem)) {
    const microphone = explain("microphone", problem);
    assert.match(microphone.body, /type your questions/, problem);
    assert.notEqual(microphone.title, "");
    assert.match(explain("both", problem).body, /type your questions/, problem);
    if (problem !== Problem.INSECURE) assert.match(explain("camera", problem).body, /by voice alone/, problem);
  }
  assert.match(explain("microphone", Problem.INSECURE).body, /https.*localhost/);
});

test("the meter is silent at silence and full at a loud voice", () => {
  assert.deepEqual([0, 0.001, 0.25, 1].map(asLevel).map((x) => Math.round(x * 100) / 100), [0, 0, 1, 1]);
});
