/** The pictures of this browser, the newest first: a new one never takes the place of another. */

import { makeCard } from "./card.js";
import { compare } from "./compare.js";
import { confirmed } from "./confirm.js";
import { element } from "./elements.js";
import { entryOf, openGallery } from "./gallery.js";
import { mountHistory } from "./history.js";
import { resultIn } from "./options.js";
import { family } from "./recipe.js";
import { makeSheet, sheetOf } from "./sheet.js";
import { slide, slideBelow } from "./slide.js";
import { text } from "./texts.js";
import { makeWalk } from "./walk.js";

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Result} Result */
/** @typedef {import("./gallery.js").Entry} Entry */

/**
 * Where a picture is shown: `card` is its card, if that is shown, which `open` does; `remove` returns how many
 * pictures its item still has.
 * @typedef {{
 *   entry: Entry, item: HTMLElement, card: () => ReturnType<typeof makeCard> | null,
 *   open: () => ReturnType<typeof makeCard>, remove: () => number,
 * }} Place
 */

const PAGE = 24; // pictures that are shown at first, and more at each click

/** Focus the first picture in a part of the page, or its heading. */
const focusIn = (part) => part.querySelector("article, h2").focus();

/**
 * Bring the gallery to life, with the pictures that this browser has had.
 * @param {HTMLElement} root - #pictures
 * @param {{
 *   generate: (options: Options) => void, fill: (options: Partial<Options>) => void,
 * }} page - `generate` makes another picture, as "again with a new seed" does; `fill` puts options into the form
 * @returns {{ add: (result: Result, options?: Options) => void, asked: (options: Options) => void }}
 *   `add` shows a picture once, however often it is called with it; `asked` remembers a prompt
 */
export function mountPictures(root, page) {
  /** @type {(selector: string) => any} */
  const part = (selector) => root.querySelector(selector);
  const [list, older, notice, clear] = [".cards", ".older", ".notice", ".clear"].map(part);
  /** @type {Map<string, Place>} */
  const places = new Map();
  /** @type {Map<string, { sheet: ReturnType<typeof makeSheet>, item: HTMLElement }>} */
  const sheets = new Map();
  /** @type {Entry | null} */
  let chosen = null;

  const gallery = openGallery((changes) => {
    const added = [...changes.values()].filter((entry) => entry);
    slide(root, () => added.forEach(placeKept));
    takeAway([...changes.keys()].filter((id) => !changes.get(id)));
  });
  const rest = gallery.entries();
  const history = mountHistory(part(".history"), (prompt) => fill({ prompt }));
  const walk = makeWalk({
    find: (matches) => [...places.values()].map(({ entry }) => entry).find(matches) ?? rest.find(matches),
    show: (entry) => cardOf(entry).element.focus(),
    say: (entry, sentence) => places.get(entry.id)?.card()?.say(sentence),
    isAt: (entry) => Boolean(places.get(entry.id)?.item.contains(document.activeElement)),
    generate: page.generate,
  });
  const actions = { generate: page.generate, fill, walk: walk.step, compare: choose, isChosen, remove };

  function add(received, options) {
    const result = resultIn(received);
    if (!result) throw new TypeError("This result shows no picture.");
    const entry = entryOf(result, options);
    const newest = Number(list.firstElementChild?.dataset.at ?? 0);
    entry.at = Math.max(entry.at, newest + 1); // also if the clock was set back
    history.add(entry.options.prompt);
    if (places.has(entry.id) || isNewest(entry)) return;
    slide(root, () => place(entry, true)); // first, for what cannot be shown is not kept
    if (!gallery.add(entry)) notice.replaceChildren(text("pictures.not_kept"));
    walk.arrived(entry);
  }

  /** Return whether the same picture is the newest already, as one that a reload asked for once more. */
  function isNewest(entry) {
    const newest = [...places.values()].find(({ item }) => item === list.firstElementChild)?.entry;
    return newest?.result.sha256 === entry.result.sha256 && !sheetOf(entry) && family(newest) === family(entry);
  }

  /** Show a picture; one that has just been made holds places for the others of its sheet. */
  function place(entry, isNew = false) {
    if (places.has(entry.id)) return;
    const name = sheetOf(entry);
    if (name) placeInSheet(entry, name, isNew);
    else placeAlone(entry);
    tidy();
  }

  /** Show a picture that was kept; one that cannot be shown takes no other with it. */
  function placeKept(entry) {
    try {
      place(entry);
    } catch (fault) {
      reportError(fault);
    }
  }

  function placeAlone(entry) {
    const card = makeCard(entry, actions);
    const item = itemOf(entry, card.element);
    places.set(entry.id, { entry, item, card: () => card, open: () => card, remove: () => (card.close(), 0) });
  }

  function placeInSheet(entry, name, isNew) {
    if (!sheets.has(name)) {
      const sheet = makeSheet(entry, actions, isNew);
      sheets.set(name, { sheet, item: itemOf(entry, sheet.element) });
    }
    const { sheet, item } = sheets.get(name);
    sheet.add(entry);
    const gone = () => sheet.remove(entry.id) || Number(!sheets.delete(name));
    const card = () => sheet.cardOf(entry);
    places.set(entry.id, { entry, item, card, open: () => sheet.choose(entry), remove: gone });
  }

  /** Return a new item of the list, where its time puts it. */
  function itemOf(entry, content) {
    const item = element("li", { "data-at": entry.at }, content);
    const next = [...list.children].find(({ dataset }) => Number(dataset.at) <= entry.at);
    list.insertBefore(item, next ?? null);
    return item;
  }

  function cardOf(entry) {
    while (!places.has(entry.id) && rest.length) showOlder();
    return places.get(entry.id).open();
  }

  function showOlder() {
    rest.splice(0, PAGE).forEach(placeKept);
    tidy();
  }

  function remove(entry) {
    gallery.remove(entry.id);
    takeAway([entry.id]);
    const undo = () => {
      gallery.add(entry);
      notice.replaceChildren();
      slide(root, () => place(entry));
      cardOf(entry).element.focus();
    };
    notice.replaceChildren(
      `${text("pictures.removed")} `,
      element("button", { type: "button", onclick: undo }, text("pictures.undo")),
    );
  }

  /** Take pictures off the page. */
  function takeAway(ids) {
    slide(root, () => {
      ids.forEach(detach);
      tidy();
    });
  }

  /** Take one away; the focus, if it has it, goes to the one after it. */
  function detach(id) {
    const waits = rest.findIndex((entry) => entry.id === id);
    if (waits >= 0) rest.splice(waits, 1);
    const { item, remove: close } = places.get(id) ?? {};
    if (!item) return;
    const focused = item.contains(document.activeElement);
    const neighbor = item.nextElementSibling ?? item.previousElementSibling;
    const left = close();
    places.delete(id);
    if (!left) item.remove();
    if (focused) focusIn(left ? item : (neighbor ?? root));
  }

  async function clearAll() {
    const count = places.size + rest.length;
    const question = count > 1 ? text("pictures.sure", { count }) : text("pictures.sure_one");
    if (!(await confirmed(question, text("pictures.clear_all")))) return;
    const ids = [...places.keys(), ...[...rest, ...gallery.entries()].map(({ id }) => id)];
    ids.forEach(gallery.remove);
    takeAway(ids);
    notice.replaceChildren(text("pictures.cleared"));
    part("h2").focus();
  }

  /** Show what there is to show beside the pictures. */
  function tidy() {
    const any = places.size > 0 || rest.length > 0;
    part(".empty").hidden = any;
    clear.hidden = !any;
    list.hidden = !list.childElementCount;
    older.hidden = !rest.length;
    older.textContent = text("pictures.older", { count: rest.length });
  }

  function choose(entry) {
    if (chosen && !isChosen(entry)) compare(chosen, entry, () => mark(null));
    mark(isChosen(entry) ? null : (chosen ?? entry));
  }

  function mark(entry) {
    const changed = [chosen, entry].filter(Boolean);
    chosen = entry;
    for (const { id } of changed) {
      const card = places.get(id)?.card();
      card?.element.querySelector("[aria-pressed]").setAttribute("aria-pressed", String(id === entry?.id));
      card?.say(id === entry?.id ? text("pictures.choose_second") : "");
    }
  }

  function isChosen(entry) {
    return chosen?.id === entry.id;
  }

  function fill(options) {
    page.fill(options);
    document.getElementById("form").scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("batch-ended", (/** @type {CustomEvent} */ { detail }) => {
    slide(root, () => sheets.get(detail)?.sheet.close());
  });
  older.onclick = () => {
    const last = list.lastElementChild;
    showOlder();
    if (last.nextElementSibling) focusIn(last.nextElementSibling);
  };
  clear.onclick = clearAll;
  for (const example of root.querySelectorAll(".example")) {
    /** @type {HTMLElement} */ (example).onclick = () => fill({ prompt: example.textContent.trim() });
  }
  showOlder();
  slideBelow(root);
  return { add, asked: ({ prompt }) => history.add(prompt) };
}
