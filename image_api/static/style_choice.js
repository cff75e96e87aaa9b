/** The choice of a style. */

import { element } from "./elements.js";
import { control, show } from "./fields.js";
import { styles } from "./models.js";
import { text } from "./texts.js";

/** @typedef {import("./models.js").Style} Style */

/**
 * Bring the choice of a style to life.
 * @param {() => void} changed - called when the list has come
 */
export function mountStyleChoice(changed) {
  const select = control("style");
  /** @type {Style[]} */
  let known = [];

  const chosen = () => known.find(({ name }) => name === select.value) ?? null;

  function offer(name) {
    if ([...select.options].some(({ value }) => value === name)) return;
    select.append(element("option", { value: name }, name));
  }

  async function load() {
    if (known.length) return;
    try {
      known = await styles();
    } catch {
      return show("style-about", text("form.styles_failed"));
    }
    known.forEach(({ name }) => offer(name));
    explain();
    changed();
  }

  function explain() {
    show("style-about", chosen()?.description ?? "");
  }

  select.addEventListener("change", explain);
  select.addEventListener("focus", load);
  document.addEventListener("key-kept", load);
  load();

  return {
    chosen,
    /** @returns {string | undefined} */
    read: () => select.value || undefined,
    /** Choose a style by its name, none if it is null. */
    fill(name) {
      const lower = (name ?? "").toLowerCase();
      offer(lower);
      select.value = lower;
      explain();
    },
  };
}
