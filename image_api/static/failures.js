/** Failures as sentences with what to do next. */

import { key } from "./credentials.js";
import { element } from "./elements.js";
import { count } from "./jobs.js";
import { models } from "./models.js";
import { has, shorten, text } from "./texts.js";

/** @typedef {import("./jobs.js").Job} Job */
/** @typedef {import("./models.js").Model} Model */
/** @typedef {import("./stream.js").Failure} Failure */

const NOT_AGAIN = new Set([
  ...["invalid_parameter", "unsupported", "too_large", "file_lost"],
  ...["prompt_blocked", "invalid_link"],
]);
const OF_THE_SERVICE =
  /^(service_|worker_|storage_|too_many_|connection_|stream_|file_|unauthorized|forbidden|auth_|invalid_link|rate_limited|budget_exhausted|prompt_blocked|interrupted|cancelled|page_|no_answer|refused)/;
const OF_THE_REQUEST = /^(invalid_parameter|unsupported|too_large|misdirected_request|internal_error)$/;
const CORRECTED = {
  content_refused: "prompt",
  nsfw_refused: "prompt",
  prompt_blocked: "prompt",
  engine_request_refused: "prompt",
  perchance_request_refused: "prompt",
  too_large: "image",
  file_lost: "image",
};

/**
 * Return what a failure means and what can be done, in a sentence or two.
 * @param {Failure} failure
 * @returns {string}
 */
export function sentenceOf(failure) {
  const own = ownText(failure.code);
  if (own) return own;
  return [failure.error ?? text("failures.unknown", { code: failure.code }), failure.hint].filter(Boolean).join(" ");
}

/** Return the page's own sentence for a code: its own, one for all engines, or one for all of a kind. */
function ownText(code) {
  const ofAny = OF_THE_SERVICE.test(code) ? [] : [code.replace(/^[^_]+_/, "any_")];
  const ofKey = code === "unauthorized" && key() ? ["unauthorized_key"] : [];
  const keys = [...ofKey, code, ...ofAny, code.replace(/_.*$/, "_any")];
  const found = keys.map((name) => `failures.${name}`).find(has);
  return found ? text(found) : null;
}

/**
 * Return a failure's card.
 * @param {Job} job
 * @param {Failure} failure
 * @param {{
 *   again: () => void, use: (model: string) => void, correct: (field: string) => void, close: () => void,
 * }} actions
 * @returns {HTMLElement}
 */
export function failureCard(job, failure, actions) {
  const buttons = element("div", { className: "failure-buttons" });
  const add = (label, act, className = "") =>
    buttons.append(element("button", { type: "button", className, onclick: act }, label));
  if (!NOT_AGAIN.has(failure.code)) add(text(againLabel(failure)), actions.again, "primary");
  const name = fieldName(failure);
  if (name) add(text("making.correct", { field: labelOf(fieldOf(name), name) }), () => actions.correct(name));
  const other = element("span", {});
  buttons.append(other);
  add(text("making.close"), actions.close, "plain");
  offerNext(job, failure, other, actions.use);
  const name_ = shorten(job.options.prompt || text("making.noPrompt"));
  return element(
    "article",
    { className: "failure", "aria-label": text("making.failedOf", { prompt: name_ }) },
    element("h3", { className: "job-prompt" }, name_),
    element("p", { className: "failure-sentence" }, sentenceOf(failure)),
    element("p", { className: "quiet" }, detailOf(job, failure)),
    failure.retry_after ? countdown(failure.retry_after) : null,
    buttons,
  );
}

function againLabel({ code }) {
  return code === "stream_lost" || code === "interrupted" ? "making.askAgain" : "making.again";
}

/**
 * Return the service's own words beside the page's, and by what its log knows the request.
 * @param {Job} job
 * @param {Failure} failure
 */
function detailOf(job, { code, error, request_id, failed }) {
  const some = failed ? text("making.failedSome", { failed, count: count(job) }) : "";
  const words = error && ownText(code) ? text("making.saidByService", { words: error }) : "";
  const log = code === "internal_error" && request_id ? text("making.requestId", { id: request_id }) : "";
  return [some, words, log].filter(Boolean).join(" ");
}

function countdown(seconds) {
  const until = Date.now() + seconds * 1000;
  const line = element("p", { className: "quiet failure-wait" });
  function show() {
    const left = Math.ceil((until - Date.now()) / 1000);
    line.textContent = left > 0 ? text("making.worksIn", { wait: durationText(left) }) : text("making.worksNow");
    if (left <= 0 || (line.isConnected === false && shown)) clearInterval(timer);
    shown = line.isConnected;
  }
  let shown = false;
  const timer = setInterval(show, 1000);
  show();
  return line;
}

function durationText(seconds) {
  if (seconds < 120) return text("making.seconds", { seconds });
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? text("making.minutes", { minutes }) : text("making.hours", { hours: Math.ceil(minutes / 60) });
}

/** Return the API's name of the field that is to be corrected, null if the form has none. */
function fieldName({ code, error = "" }) {
  const told = /^"?([a-z_]+)"?\b/.exec(error)?.[1];
  const name = (Object.hasOwn(CORRECTED, code) && CORRECTED[code]) || (code === "invalid_parameter" ? told : undefined);
  const known = { size: "width", shape: "aspect_ratio" }[name] ?? name;
  return known && fieldOf(known) ? known : null;
}

/** @returns {HTMLElement | null} */
function fieldOf(name) {
  return document.querySelector(`#form [name="${CSS.escape(name)}"]`);
}

function labelOf(field, name) {
  const { labels, type } = /** @type {HTMLInputElement} */ (field);
  const label = type === "radio" ? field.closest("fieldset")?.querySelector("legend") : labels?.[0];
  return label?.textContent.trim() || name;
}

/** Add a button for the next engine as soon as the models are known, if there is one. */
async function offerNext(job, failure, place, use) {
  if (!concernsEngine(job, failure)) return;
  const next = nextModel(await models().catch(() => []), job, failure);
  if (!next) return;
  const notes = [
    next.price > 0 && text("making.price", { price: next.price }),
    next.quality === 0 && text("making.drawn"),
  ];
  const label = [text("making.use", { model: next.name }), ...notes].filter(Boolean).join(" ");
  place.replaceWith(element("button", { type: "button", onclick: () => use(next.name) }, label));
}

function concernsEngine(job, { code, error = "" }) {
  if (OF_THE_SERVICE.test(code)) return false;
  return !OF_THE_REQUEST.test(code) || Boolean(job.options.model && error.includes(job.options.model));
}

/**
 * Return the next available model that honours a job's options, undefined if there is none.
 * @param {Model[]} known
 * @param {Job} job
 * @param {Failure} failure
 * @returns {Model | undefined}
 */
function nextModel(known, job, failure) {
  const asked = [...job.tried, job.options.model || "auto"];
  const tried = new Set([
    ...asked.map((name) => known.find((model) => model.name === name)?.engine ?? name),
    ...(failure.fallback_from ?? []).map((passed) => passed.engine),
    failure.code.split("_")[0],
  ]);
  const wasAutomatic = asked.includes("auto") && failure.code !== "timeout"; // which asks all engines that answer it
  const needed = ["negative_prompt", "guidance_scale", "seed", "strength"].filter((name) => asksFor(job.options, name));
  if (job.hasImage) needed.push("image");
  const fitting = known.filter(
    ({ name, engine, state, honours, sizes, answers_auto }) =>
      name !== "auto" &&
      (state === "ready" || state === "busy") &&
      !tried.has(engine ?? name) &&
      !(wasAutomatic && answers_auto) &&
      needed.every((each) => (honours ?? []).includes(each)) &&
      makes(sizes, job.options),
  );
  return fitting.find((model) => model.answers_auto) ?? fitting[0];
}

function asksFor(options, name) {
  const value = options[name];
  if (value === undefined || value === "" || (name === "seed" && value < 0)) return false;
  return !(name === "guidance_scale" && value === 7);
}

function makes(sizes, options) {
  const { width, height } = options;
  if (!width || !height || !sizes) return true;
  const sides = sizes.bounds ? [[sizes.bounds.max_side, sizes.bounds.max_side]] : (sizes.native ?? []);
  return sides.length === 0 || sides.some(([wide, high]) => width <= wide && height <= high);
}
