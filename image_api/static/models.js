/** The models that can be chosen, with their states. */

import { request } from "./credentials.js";

/**
 * A name that `model` takes, as GET /models has it.
 * @typedef {{
 *   name: string, description: string, engine?: string, answers_auto: boolean, state: string, honours: string[],
 *   sizes?: object, price?: number, quality?: number, p50_seconds?: number, p90_seconds?: number,
 *   success_rate?: number, simulated?: boolean,
 * }} Model
 */

/** @type {Promise<Model[]> | null} */
let known = null;

/**
 * Return the models, as they were at most a minute ago; rejects if they cannot be had.
 * @returns {Promise<Model[]>}
 */
export function models() {
  known ??= request("models").then(async (response) => (await response.json()).models ?? Promise.reject(response));
  known.catch(() => (known = null));
  return known;
}
