/** The pictures of one request, side by side; the one that is chosen is a card below. */

import { makeCard } from "./card.js";
import { alternative, endingOf } from "./copies.js";
import { ROOT } from "./credentials.js";
import { element } from "./elements.js";
import { makeFrame } from "./frame.js";
import { meaningOf } from "./keys.js";
import { MAX_PICTURES, toQuery } from "./options.js";
import { hasSeed, recipe } from "./recipe.js";
import { shorten, text } from "./texts.js";

/** @typedef {import("./gallery.js").Entry} Entry */

/** Return what the pictures of one request have in common; null if it was for a single one. */
export function sheetOf({ result, options }) {
  if (!(options.n > 1 && options.n <= MAX_PICTURES)) return null;
  return options.batch ?? String(result.request_id).replace(/-\d+$/, "");
}

/**
 * Return a sheet of the pictures of one request.
 * @param {Entry} first
 * @param {import("./card.js").Actions} actions
 * @param {boolean} isNew - whether the others are still to come: each has its cell at once, so that none moves another
 */
export function makeSheet(first, actions, isNew) {
  const count = Math.floor(first.options.n);
  const cells = element("div", { className: "cells" });
  const columns = Math.ceil(Math.sqrt(count));
  cells.style.setProperty("--columns", String(columns));
  cells.addEventListener("keydown", (event) => focusBeside(event, cells, columns));
  cells.style.setProperty("--ratio", String(first.result.width / first.result.height));
  if (isNew) cells.append(...Array.from({ length: count }, (_, index) => emptyCell(index)));
  const [chosen, links] = [element("div"), element("p")];
  const prompt = element("p", { className: "prompt", dir: "auto" }, shorten(first.options.prompt, 200));
  const label = text("pictures.sheet", { count, alt: alternative(first) });
  const whole = element(
    "article",
    { className: "sheet", tabIndex: -1, "aria-label": label },
    ...[prompt, cells, links, chosen],
  );
  /** @type {Map<string, { entry: Entry, cell: HTMLElement, frame: ReturnType<typeof makeFrame> }>} */
  const members = new Map();
  /** @type {{ entry: Entry, card: ReturnType<typeof makeCard> } | null} */
  let current = null;

  function add(entry) {
    const frame = makeFrame(entry);
    const name = `${text("pictures.seed", { seed: entry.result.seed ?? "–" })}: ${alternative(entry)}`;
    const index = entry.result.index ?? members.size;
    const values = { type: "button", className: "cell", "data-index": index, "aria-pressed": "false" };
    const cell = element("button", { ...values, "aria-label": name, onclick: () => reveal(entry) }, frame.box);
    insert(cell, index);
    members.set(entry.id, { entry, cell, frame });
    const entries = [...members.values()].map((member) => member.entry);
    links.replaceChildren(linkOf(entries, count) ?? "");
  }
  /** Put a cell where its index belongs, in place of the empty one there. */
  function insert(cell, index) {
    const next = [...cells.children].find((other) => Number(/** @type {HTMLElement} */ (other).dataset.index) >= index);
    cells.insertBefore(cell, next ?? null);
    if (next?.matches(`div[data-index="${index}"]`)) next.remove();
  }
  /** Take off the cells for which no picture came. */
  function close() {
    for (const cell of cells.querySelectorAll("div.cell")) cell.remove();
  }
  function cardOf(entry) {
    return current?.entry === entry ? current.card : null;
  }
  function choose(entry) {
    if (cardOf(entry)) return current.card;
    current?.card.close();
    const card = makeCard(entry, actions);
    current = { entry, card };
    chosen.replaceChildren(card.element);
    for (const { entry: other, cell } of members.values()) cell.setAttribute("aria-pressed", String(other === entry));
    return card;
  }
  /** Choose one, and bring its card into view. */
  function reveal(entry) {
    const { element: card } = choose(entry);
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }
  function remove(id) {
    const { cell, frame } = members.get(id);
    frame.close();
    if (current?.entry.id === id) {
      current.card.close();
      current = null;
      chosen.replaceChildren();
    }
    cell.replaceWith(emptyCell(cell.dataset.index));
    members.delete(id);
    links.replaceChildren();
    return members.size;
  }
  return { element: whole, add, cardOf, choose, remove, close };
}

/** Move the focus from a cell to the one beside, above or below it. */
function focusBeside(event, cells, columns) {
  const step = meaningOf(event, { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns });
  if (!step) return;
  event.preventDefault();
  const places = [...cells.children];
  places[places.indexOf(event.target) + step]?.focus();
}

const emptyCell = (index) => element("div", { className: "cell", "data-index": index });

/** Return a link to the sheet as one picture, if it is there: all of it is made, seed after seed. */
function linkOf(entries, count) {
  const seeds = entries.map(({ result }) => result.seed).sort((one, other) => one - other);
  const whole = entries.every(hasSeed) && seeds.every((seed, index) => seed === seeds[0] + index);
  if (![4, 9].includes(count) || entries.length < count || !whole || entries[0].fromImage) return null;
  const query = toQuery({ ...recipe(entries[0]), seed: seeds[0] });
  const href = new URL(`sheet.${endingOf(entries[0])}?${query}&seeds=${count}`, ROOT).href;
  return element("a", { href, target: "_blank", rel: "noopener" }, text("pictures.as_one"));
}
