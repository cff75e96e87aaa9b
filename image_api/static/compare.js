/** Two pictures side by side, in the same scale, and what their recipes differ in. */

import { element } from "./elements.js";
import { makeFrame } from "./frame.js";
import { rows } from "./recipe.js";
import { text } from "./texts.js";

/** @typedef {import("./gallery.js").Entry} Entry */

/**
 * Show two pictures in a dialog; `closed` is called when it is left.
 * @param {Entry} one
 * @param {Entry} other
 * @param {() => void} closed
 */
export function compare(one, other, closed) {
  const frames = [one, other].map((entry) => makeFrame(entry));
  const heading = element("h2", { id: "compare-heading" }, text("pictures.compare_heading"));
  const leave = element("button", { type: "button", onclick: () => dialog.close() }, text("pictures.close"));
  const dialog = /** @type {HTMLDialogElement} */ (
    element(
      "dialog",
      { className: "over compare", "aria-labelledby": heading.id },
      element("div", { className: "picture-row" }, heading, leave),
      sideBySide([one, other], frames),
      differences(one, other),
    )
  );
  dialog.addEventListener("close", () => {
    for (const frame of frames) frame.close();
    dialog.remove();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Return the pictures, as wide as their pixels demand, so that both have one scale. */
function sideBySide(entries, frames) {
  const pair = element("div", { className: "pair" });
  const widest = entries.reduce((sum, { result }) => sum + result.width, 0);
  const highest = Math.max(...entries.map(({ result }) => result.height));
  pair.style.setProperty("--ratio", String(widest / highest));
  frames.forEach((frame, index) => {
    frame.box.style.flexGrow = entries[index].result.width;
    pair.append(frame.box);
  });
  return pair;
}

function differences(one, other) {
  const [left, right] = [one, other].map((entry) => new Map(rows(entry)));
  const names = [...new Set([...left.keys(), ...right.keys()])];
  const head = [text("pictures.first"), text("pictures.second")].map((name) => element("th", { scope: "col" }, name));
  const lines = names.map((name) => line(name, left.get(name), right.get(name)));
  const corner = element("td", {}, element("span", { className: "visually-hidden" }, text("pictures.part")));
  return element(
    "div",
    { className: "table", role: "region", tabIndex: 0, "aria-label": text("pictures.recipe_heading") },
    element("table", {}, element("thead", {}, element("tr", {}, corner, ...head)), element("tbody", {}, ...lines)),
  );
}

function line(name, left, right) {
  const differs = left !== right;
  const cell = (value) => element("td", { dir: "auto" }, differs ? element("mark", {}, value ?? "–") : value);
  const note = differs ? element("span", { className: "visually-hidden" }, ` (${text("pictures.differs")})`) : null;
  return element("tr", {}, element("th", { scope: "row" }, name, note), cell(left), cell(right));
}
