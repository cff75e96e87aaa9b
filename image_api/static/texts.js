/** The page's texts in the client's language, which the page brings along. */

const TEXTS = JSON.parse(document.getElementById("texts").textContent);

/**
 * Return whether there is a text of this path.
 * @param {string} path
 */
export function has(path) {
  return typeof path.split(".").reduce((part, name) => part?.[name], TEXTS) === "string";
}

/**
 * Return a text by its path, like "form.prompt", with `{name}` replaced by the values.
 * @param {string} path
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function text(path, values = {}) {
  const found = path.split(".").reduce((part, name) => part?.[name], TEXTS);
  return (typeof found === "string" ? found : path).replace(/\{(\w+)\}/g, (whole, name) =>
    String(values[name] ?? whole),
  );
}

/**
 * Return the beginning of a prompt, for where it is a name.
 * @param {string} prompt
 * @param {number} [most] - characters
 */
export function shorten(prompt, most = 80) {
  const characters = Array.from(prompt.trim().replace(/\s+/g, " "));
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : characters.join("");
}
