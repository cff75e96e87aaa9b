/** What the service would refuse, each with a sentence, before it is sent. */

import { millions } from "./limits.js";
import { MAX_SEED, SIDE_STEP } from "./options.js";
import { text } from "./texts.js";

/** @typedef {import("./options.js").Options} Options */

const MAX_TEXT = 2000;
const MAX_GUIDANCE = 20;
const MIN_SIDE = 64;
const MAX_SIDE = 4096;
const SLOT = "{prompt}";
const CONTROL = /(?![\n\r\t])\p{Cc}/u;

/**
 * Return the sentence for each field of options that cannot be sent. A number is NaN if it is none.
 * @param {Options} options
 * @param {import("./models.js").Style | null} style
 * @param {import("./models.js").Model | null} model
 * @returns {Record<string, string>}
 */
export function problemsOf(options, style, model) {
  const found = {
    prompt: options.prompt ? promptProblem(options.prompt, style) : text("form.problems.prompt_missing"),
    negative_prompt: options.negative_prompt && negativeProblem(options.negative_prompt, style),
    seed: seedProblem(options.seed, options.n ?? 1),
    guidance_scale: outside(options.guidance_scale, 0, MAX_GUIDANCE),
    strength: outside(options.strength, 0.01, 1),
    ...sidesProblems(options, model),
  };
  return Object.fromEntries(Object.entries(found).filter(([, sentence]) => sentence));
}

function promptProblem(prompt, style) {
  return textProblem(prompt, style && { name: style.name, length: lengthOf(style.prompt) - SLOT.length });
}

function negativeProblem(negative, style) {
  const added = style?.negative_prompt;
  return textProblem(negative, added ? { name: style.name, length: lengthOf(`, ${added}`) } : null);
}

/** Return the sentence for a text that has more characters than there is room for beside a style, or invisible ones. */
function textProblem(value, style) {
  const length = lengthOf(value);
  const most = MAX_TEXT - (style?.length ?? 0);
  if (CONTROL.test(value)) return text("form.problems.control");
  if (length <= most) return "";
  const key = style && length <= MAX_TEXT ? "too_long_styled" : "too_long";
  return text(`form.problems.${key}`, { length, most: key === "too_long" ? MAX_TEXT : most, style: style?.name });
}

/** Return the number of characters as the service counts them. */
function lengthOf(value) {
  return [...value].length;
}

function seedProblem(seed, n) {
  const most = MAX_SEED + 1 - n;
  if (seed === undefined || (Number.isInteger(seed) && seed >= 0 && seed <= most)) return "";
  if (n > 1 && seed > most && seed <= MAX_SEED) return text("form.problems.seed_room", { most, n });
  return text("form.problems.integer", { least: 0, most: MAX_SEED });
}

function outside(value, least, most) {
  if (value === undefined || (value >= least && value <= most)) return "";
  return text("form.problems.between", { least, most });
}

function sidesProblems(options, model) {
  if (!("width" in options)) return {};
  const { width, height } = options;
  const found = { width: sideProblem(width, model), height: sideProblem(height, model) };
  const most = model?.sizes?.bounds?.max_pixels;
  if (found.width || found.height || !(width * height > most)) return found;
  const values = { model: model.name, most: millions(most), millions: millions(width * height) };
  return { ...found, height: text("form.problems.pixels_model", values) };
}

function sideProblem(side, model) {
  const fits = side >= MIN_SIDE && side <= MAX_SIDE && side % SIDE_STEP === 0;
  if (!fits) return text("form.problems.side");
  const most = model?.sizes?.bounds?.max_side;
  return side > most ? text("form.problems.side_model", { model: model.name, most }) : "";
}
