/** A question before what cannot be undone. */

import { element } from "./elements.js";
import { text } from "./texts.js";

/**
 * Ask, and return whether the answer is yes; Escape is no.
 * @param {string} question
 * @param {string} yes - what the button says
 * @returns {Promise<boolean>}
 */
export function confirmed(question, yes) {
  const asked = element("p", { id: "question" }, question);
  const button = (value, label) => element("button", { type: "button", onclick: () => dialog.close(value) }, label);
  const row = element("div", { className: "picture-row" }, button("yes", yes), button("", text("pictures.keep")));
  const dialog = /** @type {HTMLDialogElement} */ (
    element("dialog", { className: "over", "aria-labelledby": asked.id }, asked, row)
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes");
    });
  });
}
