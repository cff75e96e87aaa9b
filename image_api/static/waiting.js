/** What waits for its turn, as a list from which it can be removed. */

import { element } from "./elements.js";
import { count } from "./jobs.js";
import { shorten, text } from "./texts.js";

/** @typedef {import("./jobs.js").Job} Job */

/**
 * Show the jobs that wait.
 * @param {HTMLElement} root
 * @param {Job[]} jobs
 * @param {(job: Job) => void} remove
 */
export function showWaiting(root, jobs, remove) {
  root.hidden = jobs.length === 0;
  root.querySelector("ol").replaceChildren(...jobs.map((job) => rowOf(job, () => remove(job))));
}

function rowOf(job, onclick) {
  const prompt = shorten(job.options.prompt);
  const label = text("making.removeOf", { prompt });
  return element(
    "li",
    {},
    element("span", {}, prompt, count(job) > 1 ? ` × ${count(job)}` : ""),
    element("button", { type: "button", className: "plain", "aria-label": label, onclick }, text("making.remove")),
  );
}
