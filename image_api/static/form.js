/** The form: what the picture is to be. */

/** @typedef {import("./options.js").Options} Options */

/**
 * Bring the form to life.
 * @param {HTMLElement} root - #form
 * @param {{ generate: (options: Options) => void }} actions - `generate` is called on submit, or Ctrl-Enter anywhere
 * @returns {{
 *   read: () => Options, fill: (options: Partial<Options>) => void, submit: () => void, focus: () => void,
 *   onChange: (listener: () => void) => void,
 * }} `fill` sets what it is given and leaves the rest; `submit` is as if the person did it
 */
export function mountForm(root, actions) {
  return { read: () => ({ prompt: "" }), fill() {}, submit() {}, focus() {}, onChange() {} };
}
