/** The page: a form, what is in the making, and the pictures. */

import { mountForm } from "./form.js";
import { mountMaking } from "./making.js";
import { fromQuery } from "./options.js";
import { mountPictures } from "./pictures.js";

const part = (id) => document.getElementById(id);
const fill = (options) => form.fill(options);
const generate = (options) => {
  pictures.asked(options);
  making.generate(options);
};

const form = mountForm(part("form"), { generate });
const pictures = mountPictures(part("pictures"), { generate, fill });
const making = mountMaking(part("making"), { made: pictures.add, fill });

if (location.search) fill(fromQuery(location.search));
if ("starts" in document.body.dataset) making.open(location.search, fromQuery(location.search));
