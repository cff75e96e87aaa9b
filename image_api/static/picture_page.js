/** A picture's page: the ground of a picture that is still coming, what to do if it does not come, and copies. */

import { drawBlurhash } from "./blurhash.js";
import { copied } from "./clipboard.js";

const part = (id) => document.getElementById(id);
const said = part("said");
const field = /** @type {HTMLTextAreaElement} */ (part("by-hand"));
const picture = /** @type {HTMLImageElement | null} */ (part("picture"));

/** Show the picture's color, blurred, until it is there, and a sentence in place of one that does not come. */
function attend(image) {
  const blur = /** @type {HTMLCanvasElement | null} */ (part("blur"));
  if (blur) drawBlurhash(blur, blur.dataset.blurhash);
  image.style.backgroundColor = image.dataset.ground ?? "";
  const clear = () => {
    image.style.backgroundColor = "";
    blur?.remove();
  };
  const lost = () => {
    image.parentElement.hidden = true;
    part("lost").hidden = false;
  };
  if (!image.complete) {
    image.addEventListener("load", clear);
    image.addEventListener("error", lost);
  } else if (image.naturalWidth) clear();
  else lost();
}

/** Copy a text; if the browser lets no page do that, show it selected in a field. */
async function copy(value) {
  const done = await copied(value);
  field.hidden = done;
  said.textContent = done ? said.dataset.copied : said.dataset.byHand;
  if (done) return;
  field.value = value;
  field.select();
}

if (picture) attend(picture);
for (const button of document.querySelectorAll("[data-copy]")) {
  const { copy: value } = /** @type {HTMLElement} */ (button).dataset;
  button.addEventListener("click", () => copy(value));
}
