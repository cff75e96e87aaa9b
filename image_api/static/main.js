/** The page: a form, what is in the making, and the pictures. A part that fails stops no other. */

import { mountForm } from "./form.js";
import { mountMaking } from "./making.js";
import { fromQuery } from "./options.js";
import { mountPictures } from "./pictures.js";

/**
 * Bring a part of the page to life.
 * @template {(root: HTMLElement, actions: any) => any} Mount
 * @param {string} id
 * @param {Mount} mount
 * @param {Parameters<Mount>[1]} actions
 * @returns {ReturnType<Mount> | undefined} undefined if it failed
 */
function part(id, mount, actions) {
  try {
    return mount(document.getElementById(id), actions);
  } catch (error) {
    reportError(error);
  }
}

const fill = (options) => form?.fill(options);
const generate = (options) => {
  pictures?.asked(options);
  making?.generate(options);
};
const made = (result, options) => pictures?.add(result, options);

const form = part("form", mountForm, { generate });
const pictures = part("pictures", mountPictures, { generate, fill });
const making = part("making", mountMaking, { made, fill });

if (location.search) fill(fromQuery(location.search));
if ("starts" in document.body.dataset) making?.open(location.search, fromQuery(location.search));
