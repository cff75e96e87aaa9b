/** What the browser keeps for the page; if it keeps nothing, the page itself does as long as it is open. */

const here = new Map();

/**
 * Return the text that was kept under a name, null if there is none.
 * @param {string} name
 * @param {"sessionStorage" | "localStorage"} [area] - for this tab, or for this browser
 * @returns {string | null}
 */
export function recall(name, area = "sessionStorage") {
  try {
    return window[area].getItem(name) ?? here.get(name) ?? null;
  } catch {
    return here.get(name) ?? null; // storage is forbidden
  }
}

/**
 * Return the JSON value that was kept under a name; null if there is none, or something else is kept there.
 * @param {string} name
 * @param {"sessionStorage" | "localStorage"} [area]
 * @returns {any}
 */
export function recallJson(name, area) {
  try {
    return JSON.parse(recall(name, area));
  } catch {
    return null;
  }
}

/**
 * Keep a text under a name; null forgets it. Returns whether the browser keeps it, so that it survives a reload.
 * @param {string} name
 * @param {string | null} value
 * @param {"sessionStorage" | "localStorage"} [area]
 * @returns {boolean}
 */
export function keep(name, value, area = "sessionStorage") {
  here.delete(name);
  try {
    window[area].removeItem(name); // first, so that a value for which there is no room leaves no older one
    if (value !== null) window[area].setItem(name, value);
    return true;
  } catch {
    if (value !== null) here.set(name, value); // forbidden or full
    return false;
  }
}

/** Return whether the page was opened by a reload, or by going back or forward. */
export function isReturn() {
  const [navigation] = performance.getEntriesByType("navigation");
  return ["reload", "back_forward"].includes(/** @type {PerformanceNavigationTiming} */ (navigation)?.type);
}
