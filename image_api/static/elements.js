/** Elements made without markup, so that every text stays text. */

/**
 * Return an element with attributes, properties (`className`, `onclick`, …) and children. A null child is left out.
 * @param {string} name
 * @param {Record<string, unknown>} [values] - a name with a hyphen, `role` and `for` are attributes
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
export function element(name, values = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === null) continue;
    if (key.includes("-") || key === "role" || key === "for") made.setAttribute(key, String(value));
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
