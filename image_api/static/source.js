/** The source picture: chosen, dropped or pasted; a picture of ours that is dropped or pasted brings its recipe. */

import { element } from "./elements.js";
import { control, isGrey, show } from "./fields.js";
import { recipeOf } from "./recipe_file.js";
import { keepFile, keptFile, refusalOf } from "./source_file.js";
import { text } from "./texts.js";

/**
 * Bring the source picture to life.
 * @param {{
 *   changed: () => void, fillRecipe: (recipe: import("./options.js").Options) => void,
 * }} actions - `changed` is called when there is another picture, or none
 */
export function mountSource(actions) {
  const input = control("source-file");
  const picture = control("source-picture");
  /** @type {File | null} */
  let file = null;
  let latest = 0;

  function set(next) {
    latest += 1; // what is still being read comes too late
    file = next;
    URL.revokeObjectURL(picture.src);
    picture.hidden = control("source-remove").hidden = control("strength-field").hidden = !file;
    picture.alt = file ? text("form.source_alt", { name: file.name }) : "";
    if (file) picture.src = URL.createObjectURL(file);
    else picture.removeAttribute("src");
    control("source-choose").textContent = text(file ? "form.source_other" : "form.source_choose");
  }

  function choose(next) {
    set(next);
    keepFile(next);
    actions.changed();
  }

  async function begin(next) {
    const turn = (latest += 1);
    const refusal = await refusalOf(next);
    if (turn !== latest) return;
    if (!refusal) {
      choose(next);
      control("more").open = true;
    }
    note(refusal || text("form.source_shown", { name: next.name }));
  }

  /** Take the first picture of some files: its recipe if it is one of ours and was not chosen as the source. */
  async function take(files, isChosen) {
    const next = [...files].find(({ type }) => type.startsWith("image/")) ?? files[0];
    const turn = (latest += 1);
    const recipe = await recipeOf(next);
    if (turn !== latest) return;
    if (recipe && !isChosen) return fillFrom(next, recipe);
    await begin(next);
    if (recipe && file === next) {
      const use = () => fillFrom(next, recipe);
      note(text("form.recipe_offered", { name: next.name }), text("form.recipe_use"), use);
    } else if (files.length > 1 && file === next) note(text("form.source_several", { name: next.name }));
  }

  function fillFrom(next, recipe) {
    actions.fillRecipe(recipe);
    note(text("form.recipe_filled", { name: next.name }), text("form.recipe_as_source"), () => begin(next));
  }

  control("source-choose").onclick = () => isGrey("source-choose") || input.click();
  control("source-remove").onclick = () => {
    choose(null);
    note(text("form.source_removed"));
    control("source-choose").focus();
  };
  input.onchange = () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length) take(files, true);
  };
  onDrop((files) => take(files, false));
  onPaste((files) => take(files, false));

  return {
    read: () => file,
    /** Set a file that is known to be a picture; null takes the picture away. */
    fill(next) {
      if (next !== file) choose(next);
    },
    /** Take up what there was before a reload, or tell that it is lost. */
    restore() {
      const { file: kept, lost } = keptFile();
      if (kept) set(kept);
      if (lost) note(text("form.source_lost", { name: lost }));
      if (lost) keepFile(null);
    },
  };
}

/** Say something about a file, with what can be done. */
function note(sentence, offer, action) {
  const button = offer && element("button", { type: "button", onclick: action }, offer);
  control("form-note").replaceChildren(sentence, ...(button ? [" ", button] : []));
}

function onDrop(listener) {
  const root = document.documentElement;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    root.toggleAttribute("data-dropping", true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || root.removeAttribute("data-dropping"));
  document.addEventListener("drop", (event) => {
    root.removeAttribute("data-dropping");
    if (!hasFiles(event)) return;
    event.preventDefault(); // the browser would open the file in place of the page
    if (event.dataTransfer.files.length) listener([...event.dataTransfer.files]);
  });
}

function onPaste(listener) {
  document.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData ?? {};
    const isText = /** @type {Element} */ (event.target).matches?.("input, textarea") && types?.includes("text/plain");
    if (!files?.length || isText) return;
    event.preventDefault();
    listener([...files]);
  });
}
