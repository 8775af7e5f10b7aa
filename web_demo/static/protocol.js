// The words of the data channel: event names, messages the page sends, and reading what arrives.
// Shapes are those of the OpenAI Realtime API (GA); what visavis adds is under `visavis.`.

export const CHANNEL = "oai-events";

let count = 0;

/** A new id, unique in this page: `prefix_<time><count>`. */
export function newId(prefix) {
  count += 1;
  return `${prefix}_${Date.now().toString(36)}${count.toString(36).padStart(3, "0")}`;
}

/**
 * Read one message of the data channel.
 * @param {unknown} data what the channel delivered
 * @returns {{type: string} | null} null for anything that is not an event
 */
export function read(data) {
  if (typeof data !== "string") return null;
  try {
    const event = JSON.parse(data);
    return event !== null && typeof event === "object" && typeof event.type === "string"
      ? event
      : null;
  } catch {
    return null;
  }
}

/** A typed question is a whole turn: the item, then the wish for an answer. */
export function typedQuestion(text, itemId = newId("item")) {
  return [
    {
      type: "conversation.item.create",
      event_id: newId("event"),
      item: {
        id: itemId,
        type: "message",
        role: "user",
        content: [{ type: "input_text", text }],
      },
    },
    { type: "response.create", event_id: newId("event") },
  ];
}

/** Stop the answer in progress and what of it is still to be played. */
export function stopAnswer() {
  return [
    { type: "response.cancel", event_id: newId("event") },
    { type: "output_audio_buffer.clear", event_id: newId("event") },
  ];
}

/** Ask for an item as the server keeps it: of a cut answer, the words that were heard. */
export function itemWanted(itemId) {
  return [{ type: "conversation.item.retrieve", event_id: newId("event"), item_id: itemId }];
}

/** The person switched the camera on or off. */
export function cameraChanged(isOn) {
  return [{ type: "visavis.camera", event_id: newId("event"), is_on: isOn }];
}

/** Ask for the conversation so far: this page knows nothing of it, or missed some of it. */
export function conversationWanted() {
  return [{ type: "visavis.conversation.replay", event_id: newId("event") }];
}
