/** Keys that move from one thing to the next. */

/**
 * Return what a key press stands for; undefined if it is another key, has a modifier, or is typed into a field.
 * @template T
 * @param {KeyboardEvent} event
 * @param {Record<string, T>} meanings - by the names of the keys
 * @returns {T | undefined}
 */
export function meaningOf(event, meanings) {
  const isModified = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
  const isTyped = /** @type {Element} */ (event.target).matches("input, textarea, select");
  return isModified || isTyped ? undefined : meanings[event.key];
}
