/**
 * The options of a picture, as /generate has them.
 * @typedef {{
 *   prompt: string, negative_prompt?: string, seed?: number, guidance_scale?: number,
 *   shape?: string, aspect_ratio?: string, width?: number, height?: number,
 *   style?: string, model?: string, n?: number, image?: File, strength?: number,
 * }} Options
 *
 * The result of a picture, as /generate returns it.
 * @typedef {{
 *   image_url: string, prompt: string, seed?: number, shape: string, guidance_scale?: number, negative_prompt?: string,
 *   width: number, height: number, blurhash?: string, dominant_color?: string, alt?: string, content_type: string,
 *   bytes: number, sha256: string, engine: string, engine_model?: string, model: string,
 *   fallback_from?: {engine: string, code: string}[], ignored?: string[], cached: boolean, duration_ms: number,
 *   created_at: string, request_id: string, expires_at?: string, note?: string, simulated?: boolean,
 * }} Result
 */

const NUMBERS = ["seed", "guidance_scale", "width", "height", "n", "strength"];
/** The service's own limits. */
export const MAX_SEED = 2 ** 31 - 1;
export const MAX_PICTURES = 10;
export const SIDE_STEP = 8;

const TEXTS = ["prompt", "negative_prompt", "shape", "aspect_ratio", "style", "model"];

const NUMBERS_OF_RESULT = ["seed", "guidance_scale", "width", "height", "bytes", "duration_ms", "index"];
const FLAGS_OF_RESULT = ["cached", "simulated"];
const LISTS_OF_RESULT = { ignored: "string", fallback_from: "object" }; // and the type of their items

/**
 * Return the result in a value from elsewhere: what is of another type than it should be is left out.
 * @param {any} value
 * @returns {Result | null} null if it does not say enough to show a picture
 */
export function resultIn(value) {
  const found = /** @type {any} */ (Object.fromEntries(Object.entries(value ?? {}).filter(isOfResult)));
  const isWhole = ["sha256", "prompt", "width", "height"].every((name) => name in found);
  return isWhole && found.width > 0 && found.height > 0 && isWebAddress(found.image_url) ? found : null;
}

function isOfResult([name, value]) {
  if (NUMBERS_OF_RESULT.includes(name)) return Number.isFinite(value);
  if (name in LISTS_OF_RESULT) {
    return Array.isArray(value) && value.every((item) => item && typeof item === LISTS_OF_RESULT[name]);
  }
  return typeof value === (FLAGS_OF_RESULT.includes(name) ? "boolean" : "string");
}

function isWebAddress(address) {
  try {
    return typeof address === "string" && /^https?:$/.test(new URL(address, location.href).protocol);
  } catch {
    return false;
  }
}

/**
 * Return the options in a value from elsewhere, and what pictures of one request have in common.
 * @param {any} value
 * @returns {Partial<Options> & { batch?: string }}
 */
export function optionsIn(value) {
  const isOption = ([name, found]) =>
    [...TEXTS, "batch"].includes(name) ? typeof found === "string" : NUMBERS.includes(name) && Number.isFinite(found);
  return Object.fromEntries(Object.entries(value ?? {}).filter(isOption));
}

/**
 * Return the query of the options; what is undefined, empty or a file is left out.
 * @param {Options} options
 * @returns {URLSearchParams}
 */
export function toQuery(options) {
  const query = new URLSearchParams();
  for (const name of [...TEXTS, ...NUMBERS]) {
    const value = options[name];
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  return query;
}

/**
 * Return a recipe as one that says everything: what it leaves out is null, so that `fill` clears it.
 * @param {Partial<Options>} options
 * @returns {Options}
 */
export function whole(options) {
  const blank = Object.fromEntries([...TEXTS, ...NUMBERS, "image"].map((name) => [name, null]));
  return /** @type {Options} */ ({ ...blank, ...options });
}

/**
 * Return the options in a query; what is no option of the page, or no number, is left out.
 * @param {string} search
 * @returns {Options}
 */
export function fromQuery(search) {
  const query = new URLSearchParams(search);
  const options = { prompt: query.get("prompt") ?? "" };
  for (const name of TEXTS) if (query.get(name)) options[name] = query.get(name);
  for (const name of NUMBERS) {
    const value = query.get(name)?.trim();
    if (value && Number.isFinite(Number(value))) options[name] = Number(value);
  }
  const [, width, height] = /^(\d{1,4})x(\d{1,4})$/i.exec(query.get("size")?.trim() ?? "") ?? [];
  if (width) Object.assign(options, { width: Number(width), height: Number(height) });
  return options;
}
