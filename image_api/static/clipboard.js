/** Copying to the clipboard, which is not there on http: pages of other hosts than this machine. */

/**
 * Copy a text; return whether the browser lets the page do that.
 * @param {string} value
 */
export async function copied(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return false;
  }
}
