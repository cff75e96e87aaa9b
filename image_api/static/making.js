/** What is in the making: one stream for the whole page; what comes meanwhile waits for its turn. */

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Result} Result */

/**
 * Bring the section of what is in the making to life, and go on with what a reload interrupted.
 * @param {HTMLElement} root - #making
 * @param {{
 *   made: (result: Result, options: Options) => void, fill: (options: Partial<Options>) => void,
 * }} actions - `made` is called with each picture as it comes; `fill` puts a correction into the form
 * @returns {{ generate: (options: Options) => void }}
 */
export function mountMaking(root, actions) {
  return { generate() {} };
}
