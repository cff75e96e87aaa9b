/** The prompts of this browser: they stay when pictures are removed, and are cleared on their own. */

import { confirmed } from "./confirm.js";
import { element } from "./elements.js";
import { keep, recallJson } from "./storage.js";
import { shorten, text } from "./texts.js";

const ITEM = "prompts";
const CAPACITY = 100;

/**
 * Bring the list of prompts to life.
 * @param {HTMLDetailsElement} root
 * @param {(prompt: string) => void} choose - called with the prompt that is chosen
 * @returns {{ add: (prompt: string) => void }}
 */
export function mountHistory(root, choose) {
  const hint = text("pictures.history.search");
  const search = element("input", { type: "search", "aria-label": hint, placeholder: hint });
  const list = element("ul", { role: "list" });
  const none = element("p", { className: "quiet", role: "status" });
  const clear = element("button", { type: "button", onclick: ask }, text("pictures.history.forget"));
  root.append(element("div", { className: "picture-more" }, search, none, list, clear));

  function render() {
    root.hidden = !prompts().length;
    if (!root.open) return;
    const found = matching(prompts(), /** @type {HTMLInputElement} */ (search).value);
    none.textContent = found.length ? "" : text("pictures.history.none");
    list.hidden = !found.length;
    list.replaceChildren(...found.map((prompt) => element("li", {}, entry(prompt))));
  }
  function entry(prompt) {
    return element(
      "button",
      { type: "button", dir: "auto", title: prompt, onclick: () => choose(prompt) },
      shorten(prompt),
    );
  }
  async function ask() {
    if (!(await confirmed(text("pictures.history.sure"), text("pictures.history.forget")))) return;
    keep(ITEM, null, "localStorage");
    root.open = false;
    render();
  }
  search.addEventListener("input", render);
  root.addEventListener("toggle", render);
  addEventListener("storage", ({ key }) => (key === ITEM || key === null) && render());
  render();
  return { add: (prompt) => remember(prompt) && render() };
}

/** Return the prompts, the latest first; what is kept by another version, or is broken, is none. */
function prompts() {
  const kept = recallJson(ITEM, "localStorage");
  return Array.isArray(kept) ? kept.filter((prompt) => typeof prompt === "string") : [];
}

function remember(prompt) {
  const [latest, ...others] = prompts();
  if (!prompt || prompt === latest) return false;
  const kept = [prompt, latest, ...others.filter((other) => other !== prompt)].filter(Boolean);
  keep(ITEM, JSON.stringify(kept.slice(0, CAPACITY)), "localStorage");
  return true;
}

/** Return the prompts that have every word of a search. */
function matching(all, search) {
  const words = search.toLowerCase().split(/\s+/);
  return all.filter((prompt) => words.every((word) => prompt.toLowerCase().includes(word)));
}
