/**
 * The job of /generate in an address bar, and what has come of it: kept with the entry of the window's history, so that
 * a reload makes no other picture.
 */

import { isJob } from "./jobs.js";

/** @typedef {import("./jobs.js").Job} Job */
/** @typedef {import("./stream.js").Failure} Failure */

/**
 * Return the job of an address that this entry of the history has asked for, and how it ended, if it has.
 * @param {string} search
 * @returns {{ job?: Job, end?: "done" | Failure }}
 */
export function remembered(search) {
  const entry = history.state?.making;
  return entry?.search === search && isJob(entry.job) ? entry : {};
}

/**
 * Remember the job of the window's address.
 * @param {string} search
 * @param {Job} job
 */
export function rememberJob(search, job) {
  write(search, job);
}

/**
 * Remember how far a job is, if it, or the one that it takes the place of, is that of the window's address.
 * @param {Job} job
 * @param {{ end?: "done" | Failure, before?: Job }} [how]
 */
export function rememberProgress(job, { end, before = job } = {}) {
  const entry = history.state?.making;
  if (entry?.job?.id === before.id) write(entry.search, job, end);
}

function write(search, job, end) {
  const making = { search, end, job: { ...job, file: undefined } };
  try {
    history.replaceState({ ...history.state, making }, "");
  } catch {
    // too many changes: the next one tells more
  }
}
