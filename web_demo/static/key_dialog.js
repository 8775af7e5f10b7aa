// Asks for the key in a dialog of the page: it says why, hides what is typed, and can be left.

export class KeyDialog {
  #dialog;
  #form;
  #input;
  #why;

  /** @param {HTMLDialogElement} dialog with a form, an input and a `[data-why]` */
  constructor(dialog) {
    this.#dialog = dialog;
    this.#form = dialog.querySelector("form");
    this.#input = dialog.querySelector("input");
    this.#why = dialog.querySelector("[data-why]");
  }

  /**
   * @param {string} why the key before was no good; empty the first time
   * @returns {Promise<string>} empty when the person left it
   */
  async ask(why) {
    this.#why.textContent = why;
    this.#why.hidden = why === "";
    this.#input.value = "";
    this.#input.setAttribute("aria-invalid", String(why !== ""));
    this.#dialog.showModal();
    this.#input.focus();
    return await new Promise((resolve) => {
      const answer = (text) => {
        this.#form.onsubmit = null;
        this.#dialog.onclose = null;
        this.#input.value = ""; // not left in the page
        if (this.#dialog.open) this.#dialog.close();
        resolve(text);
      };
      this.#form.onsubmit = (event) => {
        event.preventDefault();
        const text = this.#input.value.trim();
        if (text !== "") answer(text);
      };
      this.#dialog.onclose = () => answer("");
      this.#dialog.querySelector('[type="button"]').onclick = () => answer("");
    });
  }
}
