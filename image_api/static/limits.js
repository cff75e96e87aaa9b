/** What a model cannot honour, and the sizes that it makes. */

import { text } from "./texts.js";

/** @typedef {import("./models.js").Model} Model */

const FIELDS = ["negative_prompt", "seed", "guidance_scale", "image", "strength"];

/**
 * Return the reason for each field that a model does not honour; `own` is a size of one's own.
 * @param {Model | null} model - null for any, which has none
 * @returns {Record<string, string>}
 */
export function limits(model) {
  if (!model?.engine || !Array.isArray(model.honours)) return {}; // an older service's list says nothing of this
  const found = {};
  for (const name of FIELDS) {
    if (!model.honours.includes(name)) found[name] = text("form.cannot", { model: model.name });
  }
  if (found.image) found.image = text("form.cannot_image", { model: model.name });
  if (model.sizes && !model.sizes.bounds) {
    const sizes = (model.sizes.native ?? []).map(([width, height]) => `${width} × ${height}`).join(", ");
    found.own = text("form.sides_native", { model: model.name, sizes });
  }
  return found;
}

/**
 * Return what stands below width and height.
 * @param {Model | null} model
 * @returns {string}
 */
export function sidesHint(model) {
  const bounds = model?.sizes?.bounds;
  if (!bounds) return text("form.sides_hint");
  const pixels = bounds.max_pixels ? text("form.sides_pixels", { pixels: millions(bounds.max_pixels) }) : "";
  return text("form.sides_bounds", { model: model.name, side: bounds.max_side, pixels });
}

/** Return pixels in millions, with one digit behind the point. */
export function millions(pixels) {
  return (pixels / 1e6).toFixed(1);
}
