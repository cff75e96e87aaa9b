/** What a person sees of a job in the making: its places, step, seconds and previews. */

import { pictureUrl } from "./credentials.js";
import { element } from "./elements.js";
import { has, shorten, text } from "./texts.js";
import { count } from "./jobs.js";

/** @typedef {import("./jobs.js").Job} Job */
/** @typedef {import("./options.js").Result} Result */
/** @typedef {import("./stream.js").Failure} Failure */

/**
 * A progress event of the service.
 * @typedef {{
 *   phase: string, message: string, position?: number, percent?: number, step?: number, total?: number,
 *   expected_seconds?: number, preview?: string, index?: number,
 * }} Progress
 */

const SHAPES = new Map(Object.entries({ portrait: "2 / 3", landscape: "3 / 2" })); // the others are square
const GOES_ON = new Set(["generating", "downloading", "saving"]); // a percentage that was known still holds

/**
 * Return the view of a job.
 * @param {Job} job
 * @param {() => void} cancel
 * @returns {{
 *   root: HTMLElement, progress: (progress: Progress) => string, picture: (result: Result, index: number) => string,
 *   failed: (failure: Failure, sentence: string) => void, say: (sentence: string) => void, tick: () => void,
 *   percent: () => number | null,
 * }} those that return a text return what is to be read aloud
 */
export function viewOf(job, cancel) {
  const places = Array.from({ length: count(job) }, () => placeOf(job));
  const step = element("p", { className: "job-step" }, text("making.phases.sent"));
  const words = element("p", { className: "quiet job-words" });
  const time = element("p", { className: "quiet job-time" });
  const fill = element("div", { className: "job-fill" });
  const bar = element(
    "div",
    {
      className: "job-bar",
      role: "progressbar",
      "aria-label": text("making.progress"),
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
    fill,
  );
  const grid = element("div", { className: "job-places" }, ...places.map((place) => place.root));
  if (places.length > 1) grid.classList.add("job-sheet");
  grid.style.setProperty("--columns", String(Math.ceil(Math.sqrt(places.length))));
  const button = element("button", { type: "button", className: "job-cancel", onclick: cancel }, text("making.cancel"));
  const root = element(
    "article",
    { className: "job", "aria-label": text("making.of", { prompt: shorten(job.options.prompt) }) },
    grid,
    element(
      "div",
      { className: "job-facts" },
      element("h3", { className: "job-prompt" }, job.options.prompt),
      step,
      words,
      bar,
      time,
      button,
    ),
  );
  let expectedAt = 0; // milliseconds since the epoch; 0 if it is not known
  let percent = null;
  let settled = 0;

  function setPercent(value) {
    percent = value;
    bar.classList.toggle("job-unknown", value === null);
    fill.style.width = value === null ? "" : `${value}%`;
    if (value === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(value));
  }

  function settle() {
    settled += 1;
    if (places.length > 1) setPercent(Math.round((100 * settled) / places.length));
    return text("making.settled", { done: settled, count: places.length });
  }

  /** Show one line of a job of several pictures, whose places have the rest. */
  function headline(progress) {
    if (places.length === 1) return stepText(progress);
    return settled || progress.phase !== "waking"
      ? text("making.settled", { done: settled, count: places.length })
      : stepText(progress);
  }

  function tick() {
    time.textContent = timeText(job, expectedAt);
  }

  setPercent(null);
  return {
    root,
    percent: () => percent,
    progress(progress) {
      places[progress.index ?? 0]?.show(progress, places.length > 1);
      if (places.length === 1) {
        if (progress.percent !== undefined) setPercent(progress.percent);
        else if (!GOES_ON.has(progress.phase)) setPercent(null);
      }
      expectedAt = progress.expected_seconds === undefined ? 0 : Date.now() + progress.expected_seconds * 1000;
      step.textContent = headline(progress);
      words.textContent = saysMore(progress, step.textContent) ? progress.message : "";
      tick();
      return spoken(progress, step.textContent, percent);
    },
    picture(result, index) {
      places[index]?.fill(result);
      return (step.textContent = settle());
    },
    failed(failure, sentence) {
      places[failure.index ?? 0]?.fail(sentence);
      step.textContent = settle();
    },
    say(sentence) {
      step.textContent = sentence;
    },
    tick,
  };
}

/** Return one place of a picture: a frame of its proportion with what there is of it. */
function placeOf(job) {
  const note = element("p", { className: "job-note" });
  const root = element("div", { className: "job-place job-open" }, note);
  root.style.aspectRatio = proportionOf(job.options);
  /** @type {HTMLImageElement | null} */
  let image = null;

  function showImage(address) {
    if (!image) root.prepend((image = /** @type {HTMLImageElement} */ (element("img", { alt: "" }))));
    image.src = address;
  }

  return {
    root,
    show(progress, several) {
      if (/^data:image\/(jpeg|png|webp);base64,/.test(progress.preview ?? "")) showImage(progress.preview);
      if (several) note.textContent = progress.percent === undefined ? stepText(progress) : `${progress.percent} %`;
    },
    fill(result) {
      root.classList.remove("job-open");
      root.style.aspectRatio = `${result.width} / ${result.height}`;
      if (result.dominant_color) root.style.backgroundColor = result.dominant_color;
      note.textContent = "";
      pictureUrl(result.image_url).then(showImage);
    },
    fail(sentence) {
      root.classList.remove("job-open");
      root.classList.add("job-failed");
      root.replaceChildren(element("p", { className: "job-note" }, sentence));
    },
  };
}

function proportionOf(options) {
  if (options.width && options.height) return `${options.width} / ${options.height}`;
  const sides = /^\s*([\d.]+)\s*:\s*([\d.]+)\s*$/.exec(options.aspect_ratio ?? "");
  return sides ? `${sides[1]} / ${sides[2]}` : (SHAPES.get(options.shape) ?? "1 / 1");
}

/** Return what happens in a few words: with the number in the queue, or the step, if there is one. */
function stepText({ phase, message, position, step, total }) {
  if (position !== undefined) return text(position === 1 ? "making.next" : "making.position", { position });
  if (step !== undefined && total !== undefined) return text("making.step", { step, total });
  return has(`making.phases.${phase}`) ? text(`making.phases.${phase}`) : message;
}

/**
 * Return whether the engine's words say more than what is shown.
 * @param {Progress} progress
 * @param {string} shown
 */
function saysMore({ message, step }, shown) {
  return Boolean(message) && step === undefined && message.replace(/\.$/, "") !== shown;
}

/**
 * Return what is read aloud: of what is counted every quarter alone.
 * @param {Progress} progress
 * @param {string} shown
 * @param {number | null} percent
 */
function spoken({ phase, position }, shown, percent) {
  if (position !== undefined || percent === null) return shown;
  const quarter = Math.floor(percent / 25) * 25;
  if (quarter) return text("making.quarter", { percent: quarter });
  return has(`making.phases.${phase}`) ? text(`making.phases.${phase}`) : shown;
}

function timeText(job, expectedAt) {
  const seconds = Math.max(0, Math.floor((Date.now() - job.startedAt) / 1000));
  const left = Math.ceil((expectedAt - Date.now()) / 1000);
  if (!expectedAt) return text("making.elapsed", { seconds });
  return left > 0 ? text("making.left", { seconds, left }) : text("making.overdue", { seconds });
}
