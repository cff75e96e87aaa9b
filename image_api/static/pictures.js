/** The pictures of this browser, the newest first: a new one never takes the place of another. */

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Result} Result */

/**
 * Bring the gallery to life, with the pictures that this browser has had.
 * @param {HTMLElement} root - #pictures
 * @param {{
 *   generate: (options: Options) => void, fill: (options: Partial<Options>) => void,
 * }} actions - `generate` makes another picture, as "again with a new seed" does; `fill` puts options into the form
 * @returns {{ add: (result: Result, options: Options) => void }}
 */
export function mountPictures(root, actions) {
  return { add() {} };
}
