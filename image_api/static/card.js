/** One picture as a card: the picture, what it shows, and what can be done with it. */

import { controls } from "./actions.js";
import { alternative } from "./copies.js";
import { element } from "./elements.js";
import { makeFrame } from "./frame.js";
import { meaningOf } from "./keys.js";
import { hasSeed, isLost, recipe } from "./recipe.js";
import { shorten, text } from "./texts.js";

/** @typedef {import("./gallery.js").Entry} Entry */
/** @typedef {import("./options.js").Options} Options */

/**
 * What a card can ask the page for.
 * @typedef {{
 *   generate: (options: Options) => void, fill: (options: Partial<Options>) => void,
 *   walk: (entry: Entry, step: number) => void, compare: (entry: Entry) => void,
 *   isChosen: (entry: Entry) => boolean, remove: (entry: Entry) => void,
 * }} Actions
 */

const KEYS = "ArrowLeft ArrowRight";

/**
 * Return a card.
 * @param {Entry} entry
 * @param {Actions} actions
 * @returns {{ element: HTMLElement, say: (sentence: string) => void, close: () => void }}
 *   `say` shows a sentence, and has it read out; `close` frees what an element alone would keep
 */
export function makeCard(entry, actions) {
  const said = element("p", { className: "said quiet", role: "status" });
  const say = (sentence) => said.replaceChildren(sentence);
  const frame = makeFrame(entry, isLost(entry) ? undefined : () => actions.generate(recipe(entry)));
  frame.box.onclick = ({ target }) => /** @type {Element} */ (target).matches("img") && window.open(frame.url());
  const prompt = element("p", { className: "prompt", dir: "auto" }, shorten(entry.options.prompt, 200));
  const body = element(
    "div",
    { className: "body" },
    prompt,
    ...controls(entry, { ...actions, say, url: frame.url }),
    said,
  );
  const label = text("pictures.card", { alt: alternative(entry), seed: entry.result.seed ?? "–" });
  const whole = element(
    "article",
    { className: "card", tabIndex: 0, "aria-label": label, "aria-keyshortcuts": KEYS },
    frame.box,
    body,
  );
  whole.addEventListener("keydown", (event) => walkByKey(event, entry, actions, say));
  return { element: whole, say, close: frame.close };
}

function walkByKey(event, entry, { walk }, say) {
  const step = meaningOf(event, { ArrowLeft: -1, ArrowRight: 1 });
  if (!step) return;
  event.preventDefault();
  if (hasSeed(entry)) walk(entry, step);
  else say(text("pictures.no_seed"));
}
