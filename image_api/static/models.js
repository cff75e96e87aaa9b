/** The models that can be chosen, with their states, and the styles. */

import { request } from "./credentials.js";

/**
 * A name that `model` takes, as GET /models has it.
 * @typedef {{
 *   name: string, description: string, engine?: string, answers_auto: boolean, state: string, honours: string[],
 *   sizes?: Sizes, price?: number, quality?: number, p50_seconds?: number, p90_seconds?: number,
 *   success_rate?: number, simulated?: boolean,
 * }} Model
 *
 * The sizes that a model makes, each as width and height.
 * @typedef {{
 *   shapes?: Record<string, number[]>, native?: number[][],
 *   bounds?: { min_side: number, max_side: number, step: number, min_pixels?: number, max_pixels?: number },
 * }} Sizes
 *
 * A style, as GET /v1/styles has it.
 * @typedef {{ name: string, description: string, prompt: string, negative_prompt?: string }} Style
 */

const TEXTS_OF = { models: ["name", "description", "state"], styles: ["name", "description", "prompt"] };
const FRESH_MS = 60_000;
const PATIENCE_MS = 30_000; // the service waits ten seconds for a sleeping worker

/** @type {Promise<Model[]> | null} */
let known = null;
let since = 0;
/** @type {Promise<Style[]> | null} */
let knownStyles = null;

/**
 * Return the models, as they were at most a minute ago; rejects if they cannot be had.
 * @returns {Promise<Model[]>}
 */
export function models() {
  if (!known || Date.now() - since > FRESH_MS) {
    since = Date.now();
    known = list("models", "models");
    known.catch(() => (known = null));
  }
  return known;
}

/**
 * Return the styles; rejects if they cannot be had.
 * @returns {Promise<Style[]>}
 */
export function styles() {
  if (!knownStyles) {
    knownStyles = list("v1/styles", "styles");
    knownStyles.catch(() => (knownStyles = null));
  }
  return knownStyles;
}

async function list(path, name) {
  const response = await request(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const found = response.ok && (await response.json())[name];
  if (!Array.isArray(found)) throw response;
  return found.filter((one) => TEXTS_OF[name].every((field) => typeof one?.[field] === "string"));
}
