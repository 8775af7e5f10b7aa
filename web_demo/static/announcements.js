// What a screen reader reads out of a conversation as it goes on.

/**
 * Things said that became final between two states, for a screen reader to read out once.
 * @returns {string[]} one sentence each
 */
export function announcements(before, after) {
  const open = new Set(before.items.filter((item) => item.status === "live").map((i) => i.id));
  const known = new Set(before.items.map((item) => item.id));
  return after.items
    .filter((item) => item.status !== "live" && item.status !== "ignored")
    .filter((item) => open.has(item.id) || !known.has(item.id))
    .filter((item) => item.text !== "")
    .map((item) => {
      if (item.role === "note") return item.text;
      const who = item.role === "user" ? "You" : "visavis";
      return `${who}: ${item.heardText ?? item.text}${item.status === "interrupted" ? " (interrupted)" : ""}`;
    });
}
