/** The page: a form, what is in the making, and the pictures. A part that fails stops no other. */

import { mountForm } from "./form.js";
import { mountMaking } from "./making.js";
import { fromQuery } from "./options.js";
import { mountPictures } from "./pictures.js";

const part = (id) => document.getElementById(id);
const fill = (options) => form?.fill(options);
const generate = (options) => {
  pictures?.asked(options);
  making?.generate(options);
};
const made = (result, options) => pictures?.add(result, options);

/** Return what a function returns; undefined if it fails, which is reported. */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    reportError(error);
  }
}

const form = attempt(() => mountForm(part("form"), { generate }));
const pictures = attempt(() => mountPictures(part("pictures"), { generate, fill }));
const making = attempt(() => mountMaking(part("making"), { made, fill }));

if (location.search) attempt(() => fill(fromQuery(location.search)));
if ("starts" in document.body.dataset) making?.open(location.search, fromQuery(location.search));
