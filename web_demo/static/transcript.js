// The conversation on the page: one list item per thing said, grown word by word so that only new
// words move. It draws what the reducer decided and decides nothing.

import { ledgerOf } from "./ledgers.js";
import { inWords, rows } from "./timeline.js";

const TAGS = {
  interrupted: "you interrupted",
  stopped: "stopped",
  failed: "did not finish",
  ignored: "heard, not meant as a question",
};

export class Transcript {
  #list;
  #scroll;
  #onPick;
  #lines = new Map();
  #isAtEnd = true;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} scroll the box that scrolls
   * @param {(ledger: object) => void} onPick a person wants to see where an answer's time went
   */
  constructor(list, scroll, onPick) {
    this.#list = list;
    this.#scroll = scroll;
    this.#onPick = onPick;
    scroll.addEventListener("scroll", () => {
      this.#isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 48;
    });
  }

  draw(state) {
    const ids = new Set(state.items.map((item) => item.id));
    for (const [id, line] of this.#lines) {
      if (!ids.has(id)) {
        line.remove();
        this.#lines.delete(id);
      }
    }
    let before = null;
    for (const item of state.items) {
      let line = this.#lines.get(item.id);
      if (line === undefined) {
        line = newLine();
        this.#lines.set(item.id, line);
      }
      const place = before === null ? this.#list.firstElementChild : before.nextElementSibling;
      if (place !== line) this.#list.insertBefore(line, place);
      this.#fill(line, item, ledgerOf(state, item));
      before = line;
    }
    // Someone reading further up is not pulled down.
    if (this.#isAtEnd) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  #fill(line, item, ledger) {
    line.dataset.role = item.role;
    line.dataset.status = item.status;
    line.dataset.id = item.id;
    const who = { user: "You", assistant: "visavis", note: "" }[item.role];
    const [name, text, tag, timing] = line.children;
    setText(name, item.via === "text" && item.role === "user" ? `${who}, typed` : who);
    writeWords(text, item);
    setText(tag, TAGS[item.status] ?? "");
    tag.hidden = tag.textContent === "";
    const first = ledger && rows(ledger.latencies).find((row) => row.key === "first_audio");
    timing.hidden = !ledger;
    timing.onclick = ledger ? () => this.#onPick(ledger) : null;
    if (ledger) {
      setText(timing.lastElementChild, first?.ms == null ? "timing" : inWords(first.ms));
      timing.setAttribute("aria-label", `First audio after ${timing.textContent}. Show where the time went`);
    }
  }
}

function newLine() {
  const line = document.createElement("li");
  line.className = "message";
  line.dataset.testid = "message";
  const name = element("span", "who");
  const text = element("p", "words");
  text.dataset.testid = "message-text";
  const tag = element("span", "tag");
  const timing = element("button", "timing-chip");
  timing.type = "button";
  timing.dataset.testid = "message-timing";
  timing.append(icon("clock"), document.createElement("span"));
  line.append(name, text, tag, timing);
  return line;
}

/** Words as spans: what is there stays in place, what is new fades in, what was never said dims. */
function writeWords(box, item) {
  const shown = item.text === "" && item.status !== "live" ? "(spoken)" : item.text;
  const words = shown.trim() === "" ? [] : shown.trim().split(/\s+/);
  const heard = item.heardText?.split(/\s+/).filter(Boolean).length ?? words.length;
  while (box.children.length > words.length) box.lastElementChild.remove();
  words.forEach((word, i) => {
    let span = box.children[i];
    if (span === undefined) {
      span = document.createElement("span");
      if (i > 0) box.append(" ");
      box.append(span);
    }
    setText(span, word);
    span.classList.toggle("unsaid", i >= heard);
  });
  // Leave no space behind the last word.
  while (box.lastChild !== null && box.lastChild !== box.lastElementChild) box.lastChild.remove();
  box.classList.toggle("waiting", words.length === 0);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function element(name, className) {
  const node = document.createElement(name);
  node.className = className;
  return node;
}

export function icon(name) {
  const NS = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(NS, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
