// The conversation on the page: events go in, the reducer says what they make of it, and what changed
// is drawn, read out or told to whoever must act on it.

import { announcements } from "./announcements.js";
import { initial, reduce } from "./conversation.js";
import * as words from "./line_words.js";
import * as screen from "./screen.js";
import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);

export class ConversationView {
  state = initial();
  #notices;
  #transcript;
  #on;
  #pickedLedger = null;
  #isDrawing = false;

  /**
   * @param {import("./notices.js").Notices} notices
   * @param {object} on  `truncated(itemId)`: an answer was cut; `hint()`: the server wants another
   *   picture size; `drawn()`: the conversation was drawn
   */
  constructor(notices, on) {
    this.#notices = notices;
    this.#on = on;
    this.#transcript = new Transcript($("messages"), $("scroll"), (ledger) => {
      this.#pickedLedger = ledger;
      this.#drawTiming();
      screen.openTiming();
    });
  }

  /** Take one event, from the server or of this page, and show what follows from it. */
  receive(event) {
    const before = this.state;
    const state = reduce(before, event);
    this.state = state;
    if (event.type !== "visavis.conversation.items") {
      for (const said of announcements(before, state)) screen.announce(said);
    }
    if (event.type === "conversation.item.truncated") this.#on.truncated(event.item_id);
    if (state.ledgers !== before.ledgers) this.#pickedLedger = null;
    if (state.look !== before.look) screen.flash(state.look);
    if (state.load !== before.load) this.#showLoad();
    if (state.hint !== before.hint && state.hint !== null) this.#on.hint();
    if (state.problem !== before.problem && state.problem !== null) {
      const body = words.asSentence(state.problem.message);
      this.#notices.show("error", { title: "The server reports a problem", body });
    }
    if (state !== before) this.#draw();
  }

  #showLoad() {
    const load = words.loadWords(this.state.load);
    if (load === null) this.#notices.clear("load");
    else this.#notices.show("load", { ...load, tone: "news" });
  }

  /** Once for all that arrives together. */
  #draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    queueMicrotask(() => {
      this.#isDrawing = false;
      this.#transcript.draw(this.state);
      $("opening").hidden = this.state.items.length > 0;
      screen.drawLooked(this.state.looked);
      this.#drawTiming();
      this.#on.drawn();
    });
  }

  #drawTiming() {
    const ledger = this.#pickedLedger ?? this.state.ledgers.at(-1) ?? null;
    screen.drawTiming(ledger, this.#pickedLedger !== null);
  }
}
