/** Jobs: what was asked for, how it is sent, and how far it has come. */

import { MAX_PICTURES, toQuery } from "./options.js";

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Result} Result */

/**
 * A request for one picture or several. All but the file survives a reload.
 * @typedef {{
 *   id: string, query: string, options: Options, hasImage: boolean, file?: File, lastId: string, startedAt: number,
 *   requestIds: string[], done: number[], tried: string[], results: Result[],
 * }} Job - `done` are the indexes of the pictures that were made, `tried` the engines that failed
 */

const LONGEST_QUERY = 6000; // of 8 KB that common proxies read of a request line
const SIGNED = ["expires", "signature"]; // the parameters by which an address is a signed link

/**
 * Return the job of a form's options.
 * @param {Options} options
 * @returns {Job}
 */
export function jobOf(options) {
  const { image, ...others } = options;
  return made(toQuery(options).toString(), others, image);
}

/**
 * Return the job of an address, whose every parameter is sent as it is.
 * @param {string} search
 * @param {Options} options - those of its parameters that the page knows
 * @returns {Job}
 */
export function jobOfAddress(search, options) {
  return made(search.replace(/^\?/, ""), options);
}

/**
 * Return a job like another, with another model.
 * @param {Job} job
 * @param {string} model
 * @returns {Job}
 */
export function withModel(job, model) {
  const query = new URLSearchParams(job.query);
  for (const name of ["within", "prefer"]) query.delete(name); // they go with model=auto alone
  for (const name of SIGNED) query.delete(name); // it is another request
  query.set("model", model);
  return { ...made(query.toString(), { ...job.options, model }, job.file), hasImage: job.hasImage, tried: job.tried };
}

function made(query, options, file) {
  const fresh = { lastId: "", startedAt: 0, requestIds: [], done: [], tried: [], results: [] };
  return { id: crypto.getRandomValues(new Uint32Array(2)).join("-"), query, options, file, hasImage: !!file, ...fresh };
}

/**
 * Return how many pictures a job is for; 1 if the service will refuse the number.
 * @param {Job} job
 */
export function count({ options: { n } }) {
  return Number.isInteger(n) && n >= 1 && n <= MAX_PICTURES ? n : 1;
}

/**
 * Return whether it is a job; what was kept may be broken, or another version's.
 * @param {any} value
 * @returns {value is Job}
 */
export function isJob(value) {
  const texts = [value?.id, value?.query, value?.lastId, value?.options?.prompt];
  const lists = [value?.requestIds, value?.done, value?.tried, value?.results];
  return texts.every((it) => typeof it === "string") && lists.every(Array.isArray) && Number.isFinite(value.startedAt);
}

/**
 * Return whether the same request brings the same pictures at no cost: from the cache, or of one in flight.
 * @param {Job} job
 */
export function isRepeatable(job) {
  const query = new URLSearchParams(job.query);
  const seed = query.get("seed")?.trim();
  const cached = query.get("cache")?.trim().toLowerCase() !== "false";
  return !!seed && Number(seed) >= 0 && cached && !query.get("within") && !query.get("prefer");
}

/**
 * Have a job begin anew. If that brings the same pictures, those that were made are not shown a second time.
 * @param {Job} job
 */
export function begin(job) {
  Object.assign(job, { lastId: "", startedAt: 0, requestIds: [] });
  if (!isRepeatable(job)) Object.assign(job, { done: [], results: [] });
}

/**
 * Return whether a job's request cannot be sent, because the file that it begins with went with a reload.
 * @param {Job} job
 */
export function lacksFile(job) {
  const resumesById = job.lastId && !job.lastId.includes("again:");
  return job.hasImage && !job.file && !resumesById;
}

/**
 * Return path and content of a job's request.
 * @param {Job} job
 * @param {boolean} resumes - whether there is an event id, with which a single picture needs nothing else
 * @returns {[string, RequestInit]}
 */
export function requestOf(job, resumes) {
  if (isSigned(job.query)) return [`generate?${job.query}`, {}]; // for exactly this request
  const query = withPreviews(job.query);
  if (job.file) return ["generate", { method: "POST", body: formOf(query, job.file) }];
  if (job.hasImage && resumes) return ["generate", {}];
  if (query.length <= LONGEST_QUERY) return [`generate?${query}`, {}];
  const body = JSON.stringify(Object.fromEntries(new URLSearchParams(query)));
  return ["generate", { method: "POST", body, headers: { "Content-Type": "application/json" } }];
}

function isSigned(query) {
  return new URLSearchParams(query).has("signature");
}

function withPreviews(query) {
  return new URLSearchParams(query).has("previews") ? query : `${query}${query && "&"}previews=true`;
}

function formOf(query, file) {
  const form = new FormData();
  for (const [name, value] of new URLSearchParams(query)) form.append(name, value);
  form.append("image", file);
  return form;
}

/**
 * Return the options of one of a job's pictures: with its own seed, and of several with what they belong to.
 * @param {Job} job
 * @param {Result} result
 * @param {number} index
 * @returns {Options & { batch?: string }}
 */
export function optionsOf(job, result, index) {
  const { seed, ...others } = job.options;
  const own = result.seed ?? (seed >= 0 ? seed + index : undefined);
  return {
    ...others,
    ...(own === undefined ? {} : { seed: own }),
    ...(job.file ? { image: job.file } : {}),
    ...(count(job) > 1 ? { batch: job.id } : {}),
  };
}
