// What went wrong, in a person's words, with the thing to do about it. One notice per subject:
// a newer one about the same subject takes its place.

export class Notices {
  #box;
  #shown = new Map();

  constructor(box) {
    this.#box = box;
  }

  /**
   * @param {string} subject  e.g. "microphone", "line"
   * @param {object} notice
   * @param {string} notice.title
   * @param {string} [notice.body]
   * @param {"trouble"|"news"} [notice.tone] trouble interrupts a screen reader, news waits
   * @param {{label: string, act: () => void}[]} [notice.actions]
   * @param {number|null} [notice.untilS] seconds counted down behind the body
   * @param {boolean} [notice.canClose]
   */
  show(subject, { title, body = "", tone = "trouble", actions = [], untilS = null, canClose = true }) {
    const old = this.#shown.get(subject);
    const key = JSON.stringify([title, body, tone, actions.map((a) => a.label), canClose]);
    if (old?.key === key && untilS === null) return;
    this.clear(subject);

    const node = document.createElement("div");
    node.className = "notice";
    node.dataset.testid = "notice";
    node.dataset.subject = subject;
    node.dataset.tone = tone;
    node.setAttribute("role", tone === "trouble" ? "alert" : "status");
    const words = document.createElement("div");
    const head = document.createElement("strong");
    head.textContent = title;
    const text = document.createElement("p");
    text.textContent = body;
    text.hidden = body === "";
    words.append(head, text);

    const buttons = document.createElement("div");
    buttons.className = "notice-actions";
    for (const { label, act } of actions) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.testid = "notice-action";
      button.textContent = label;
      button.addEventListener("click", act);
      buttons.append(button);
    }
    if (canClose) {
      const close = document.createElement("button");
      close.type = "button";
      close.className = "quiet";
      close.textContent = "Dismiss";
      close.addEventListener("click", () => this.clear(subject));
      buttons.append(close);
    }
    node.append(words, buttons);

    let timer = null;
    if (untilS !== null) {
      const count = document.createElement("span");
      count.className = "countdown";
      count.setAttribute("aria-hidden", "true"); // read once with the title, not every second
      text.hidden = false;
      text.append(" ", count);
      const end = performance.now() + untilS * 1000;
      const tick = () => {
        const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
        count.textContent = left > 0 ? `Trying again in ${left} s.` : "Trying again now.";
      };
      tick();
      timer = setInterval(tick, 250);
    }
    this.#shown.set(subject, { node, key, timer });
    this.#box.append(node);
  }

  clear(subject) {
    const old = this.#shown.get(subject);
    if (old === undefined) return;
    clearInterval(old.timer);
    const hadFocus = old.node.contains(document.activeElement);
    old.node.remove();
    this.#shown.delete(subject);
    // Focus is not lost with the button that had it.
    if (hadFocus) document.getElementById("main")?.focus({ preventScroll: true });
  }

  clearAll() {
    for (const subject of [...this.#shown.keys()]) this.clear(subject);
  }
}
