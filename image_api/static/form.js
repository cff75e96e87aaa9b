/** The form: what the picture is to be. */

import { mountAddress } from "./address.js";
import { problemsOf } from "./checks.js";
import { control, focusField, numberIn, setProblem, setReason } from "./fields.js";
import { mountKeyField } from "./key_field.js";
import { limits, sidesHint } from "./limits.js";
import { mountModelChoice } from "./model_choice.js";
import { mountSeed } from "./seed.js";
import { mountShape, nearestShape } from "./shape.js";
import { mountSnippets } from "./snippets.js";
import { mountSource } from "./source.js";
import { keep, recall } from "./storage.js";
import { mountStyleChoice } from "./style_choice.js";
import { text } from "./texts.js";

/** @typedef {import("./options.js").Options} Options */

const CHECKED = ["prompt", "negative_prompt", "seed", "guidance_scale", "strength", "width", "height"];
const GREYED = ["negative_prompt", "seed", "guidance_scale", "image", "strength", "own"];
const USUAL_GUIDANCE = 7;
const MORE = "more-options";

/**
 * Bring the form to life.
 * @param {HTMLElement} root - #form
 * @param {{ generate: (options: Options) => void }} actions - `generate` is called on submit, or Ctrl-Enter anywhere
 * @returns {{ fill: (options: Partial<Options>) => void }} `fill` sets what it is given, clears what it is given as
 *   null or undefined, and leaves the rest
 */
export function mountForm(root, actions) {
  const form = control("options");
  let isChecked = false; // whether problems are shown: once the form was sent, for before they move what is pressed
  const style = mountStyleChoice(changed);
  const model = mountModelChoice(changed);
  const seed = mountSeed(edited);
  const shape = mountShape();
  const source = mountSource({ changed: sourceChanged, fillRecipe });
  const address = mountAddress({ read: entries, fill });
  const code = mountSnippets(read);
  let reasons = {};

  /** Return all that the form has; a number is NaN if it is none. */
  function values() {
    const image = source.read() ?? undefined;
    const guidance = numberIn("guidance_scale");
    return {
      prompt: control("prompt").value.trim(),
      negative_prompt: control("negative_prompt").value.trim() || undefined,
      seed: seed.read(),
      guidance_scale: guidance === USUAL_GUIDANCE ? undefined : guidance,
      ...shape.read(Boolean(image)),
      style: style.read(),
      model: model.read(),
      n: Number(count()) || undefined,
      image,
      strength: image ? numberIn("strength") : undefined,
    };
  }

  /** Return all that the form has, but for numbers that are none. */
  function entries() {
    return withoutNaN(values());
  }

  /** Return what is sent: all but what the model does not take. */
  function sent() {
    const { width, height, ...options } = values();
    for (const name of [...Object.keys(reasons), ...(reasons.image ? ["strength"] : [])]) {
      if (name in options) options[name] = undefined;
    }
    if (!shape.isOwn()) return options;
    return reasons.own ? { ...options, ...shapeOf(width, height) } : { ...options, width, height };
  }

  function read() {
    return withoutNaN(sent());
  }

  function count() {
    return form.elements.n.value;
  }

  function setCount(n) {
    const radios = [...form.elements.n];
    (radios.find(({ value }) => Number(value) === n) ?? radios[0]).checked = true;
  }

  function fill(options) {
    if ("image" in options) source.fill(options.image ?? null);
    if ("prompt" in options) control("prompt").value = options.prompt ?? "";
    if ("negative_prompt" in options) control("negative_prompt").value = options.negative_prompt ?? "";
    if ("seed" in options) seed.fill(options.seed);
    if ("guidance_scale" in options) control("guidance_scale").value = options.guidance_scale ?? USUAL_GUIDANCE;
    if ("strength" in options) control("strength").value = options.strength ?? "";
    if ("style" in options) style.fill(options.style);
    if ("model" in options) model.fill(options.model);
    if ("n" in options) setCount(options.n);
    if (["shape", "aspect_ratio", "width", "height"].some((name) => name in options)) {
      shape.fill(options, Boolean(source.read()));
    }
    isChecked = false;
    edited();
  }

  /** Fill the form with a file's recipe; an engine that this service does not have is left to automatic. */
  function fillRecipe(recipe) {
    fill({ ...recipe, model: model.mayHave(recipe.model) ? recipe.model : null });
  }

  function sourceChanged() {
    shape.setSource(Boolean(source.read()));
    edited();
  }

  function problems() {
    return problemsOf(sent(), style.chosen(), model.chosen());
  }

  /** Bring all that depends on the fields up to date. */
  function changed() {
    reasons = limits(model.chosen());
    for (const name of GREYED) setReason(name, reasons[name] ?? "");
    if (model.lacksEditor()) control("image-reason").textContent = text("form.no_editor");
    control("image-reason").hidden = !control("image-reason").textContent;
    control("sides-hint").textContent = sidesHint(model.chosen());
    const n = count();
    control("make").textContent = n ? text("form.make_many", { n }) : text("form.make");
    showProblems();
    code.update();
  }

  function edited() {
    changed();
    address.changed();
  }

  function showProblems() {
    const found = problems();
    for (const name of CHECKED) setProblem(name, (isChecked && found[name]) || "");
    return found;
  }

  function submit() {
    if (!reasons.seed) seed.renew();
    isChecked = true;
    const [first] = Object.keys(showProblems());
    if (first) return focusField(first);
    isChecked = false;
    if (!reasons.seed) seed.use();
    address.sent();
    code.update();
    actions.generate(read());
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  control("make").addEventListener("click", (event) => event.detail > 1 && event.preventDefault()); // a double click
  form.addEventListener("input", edited);
  form.addEventListener("change", edited);
  document.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    const isOthers = !root.contains(target) && target.closest("a, button, summary, dialog"); // which act on it themselves
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || isOthers) return;
    event.preventDefault();
    if (!event.repeat && !event.isComposing) submitFrom(event.target);
  });
  document.addEventListener("field-wanted", (event) => focusField(/** @type {CustomEvent} */ (event).detail));

  /** Submit, as a field would on its own change before it: the key's is kept then. */
  function submitFrom(field) {
    if (field.id === "key") field.dispatchEvent(new Event("change", { bubbles: true }));
    submit();
  }

  mountKeyField();
  control("guidance_scale").value = USUAL_GUIDANCE;
  keepMoreAsLeft();
  source.restore();
  if (source.read()) shape.setSource(true);
  changed();
  if (matchMedia("(hover: hover) and (pointer: fine)").matches && !("starts" in document.body.dataset)) {
    control("prompt").focus({ preventScroll: true });
  }
  return { fill };
}

/** Return width and height as the nearest shape, which is left out if it is the service's own or they are no size. */
function shapeOf(width, height) {
  const name = width > 0 && height > 0 ? nearestShape(width, height) : "square";
  return name === "square" ? {} : { shape: name };
}

function withoutNaN(options) {
  return /** @type {Options} */ (
    Object.fromEntries(Object.entries(options).filter(([, value]) => !Number.isNaN(value)))
  );
}

/** Open the rarer options on a wide screen, or as they were left. */
function keepMoreAsLeft() {
  const more = control("more");
  const left = recall(MORE, "localStorage");
  more.open = left ? left === "open" : matchMedia("(min-width: 56rem)").matches;
  more.addEventListener("toggle", () => keep(MORE, more.open ? "open" : "closed", "localStorage"));
}
