/** What a picture was made by, for people to read and for the form to fill in. */

import { MAX_SEED } from "./options.js";
import { drawSeed } from "./seed.js";
import { text } from "./texts.js";

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./gallery.js").Entry} Entry */

/** Return whether a picture's seed is known, and makes it what it is. */
export function hasSeed({ result }) {
  return Number.isInteger(result.seed) && result.seed >= 0 && !result.ignored?.includes("seed");
}

/**
 * Return whether a picture began with one that is no longer known, so that it cannot be made again.
 * @param {Entry} entry
 */
export function isLost({ fromImage, image }) {
  return fromImage && !image;
}

/**
 * Return the options that make a picture again, its seed included; what its engine ignored is left out. The prompt is
 * as it was asked for: the result has that of a style with its words.
 * @param {Entry} entry
 * @returns {Options}
 */
export function recipe({ result, options, image }) {
  const { n: _, batch: __, ...asked } = /** @type {Options & { batch?: string }} */ (options);
  const found = { ...asked, image, seed: result.seed ?? options.seed };
  for (const name of result.ignored ?? []) delete found[name];
  return found;
}

/** Return the recipe with a new seed, if it has any. */
export function withNewSeed(entry) {
  return { ...recipe(entry), seed: hasSeed(entry) ? drawSeed() : undefined };
}

/** Return the recipe with another seed, by the very engine: all else is equal. */
export function withSeed(entry, seed) {
  const { model } = entry.options;
  return { ...recipe(entry), seed, model: model && model !== "auto" ? model : entry.result.engine };
}

/** Return the seed some steps further; null if there is none. */
export function seedBeside(seed, step) {
  const found = seed + step;
  return found >= 0 && found <= MAX_SEED ? found : null;
}

/** Return what two pictures have in common if they differ by their seeds alone. */
export function family({ result, options, fromImage }) {
  const { prompt, negative_prompt, guidance_scale, width, height, engine, engine_model } = result;
  return JSON.stringify([
    ...[prompt, negative_prompt, guidance_scale, width, height, engine, engine_model],
    ...[options.style, fromImage],
  ]);
}

/**
 * Return a picture's recipe as rows of a name and a text.
 * @param {Entry} entry
 * @returns {[string, string][]}
 */
export function rows({ result, options, fromImage }) {
  const values = {
    prompt: options.prompt,
    styled_prompt: options.prompt === result.prompt ? null : result.prompt,
    negative_prompt: result.negative_prompt,
    seed: result.seed,
    size: `${result.width} × ${result.height}`,
    shape: options.aspect_ratio ?? result.shape,
    guidance_scale: result.guidance_scale,
    style: options.style,
    image: fromImage ? text("pictures.recipe.yes") : null,
    strength: options.strength,
    model: result.model,
    engine: [result.engine, result.engine_model].filter(Boolean).join(", "),
    fallback_from: list(result.fallback_from, ({ engine, code }) => `${engine} (${words(code)})`),
    ignored: list(result.ignored, nameOf),
    time: text("pictures.recipe.seconds", { seconds: (result.duration_ms / 1000).toFixed(1) }),
    created_at: localTime(result.created_at),
    expires_at: localTime(result.expires_at),
    note: result.note,
    simulated: result.simulated ? text("pictures.recipe.yes") : null,
  };
  const known = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return known.map(([name, value]) => [nameOf(name), String(value)]);
}

const words = (code) => String(code).replaceAll("_", " ");

/** Return what a page calls a parameter. */
function nameOf(name) {
  const path = `pictures.recipe.${name}`;
  const found = text(path);
  return found === path ? words(name) : found;
}

function list(items, of) {
  return Array.isArray(items) ? items.map(of).join(", ") : null;
}

/** Return a time as people here write it; null if there is none. */
export function localTime(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date.toLocaleString(document.documentElement.lang);
}
