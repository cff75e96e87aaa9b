/** The jobs of this tab, kept over a reload: a tab that the browser duplicates does not run them a second time. */

import { isJob } from "./jobs.js";
import { keep as store, recallJson } from "./storage.js";

/** @typedef {import("./jobs.js").Job} Job */

const ITEM = "making";
const ANSWER_MILLISECONDS = 300;

const channel = "BroadcastChannel" in window ? new BroadcastChannel(ITEM) : null;
/** @type {Set<string>} */
let own = new Set();
/** @type {Set<string>} */
const foreign = new Set();

channel?.addEventListener("message", ({ data }) => {
  if (data.owned) data.owned.forEach((id) => foreign.add(id));
  const owned = (data.asked ?? []).filter((id) => own.has(id));
  if (owned.length) channel.postMessage({ owned });
});

/**
 * Keep the jobs as they are now; this tab is the one that goes on with them.
 * @param {Job[]} jobs
 * @returns {boolean} whether the browser keeps anything
 */
export function keep(jobs) {
  own = new Set(jobs.map((job) => job.id));
  return store(ITEM, jobs.length ? JSON.stringify(jobs.map((job) => ({ ...job, file: undefined }))) : null);
}

/**
 * Return the jobs that a reload interrupted, without those that another tab goes on with.
 * @returns {Promise<Job[]>}
 */
export async function interrupted() {
  const jobs = read();
  const elsewhere = await Promise.all(jobs.map(isElsewhere));
  return jobs.filter((_, index) => !elsewhere[index]);
}

/**
 * Return whether another tab goes on with a job.
 * @param {Job} job
 */
export async function isElsewhere({ id }) {
  if (!channel) return false;
  channel.postMessage({ asked: [id] });
  await new Promise((resolve) => setTimeout(resolve, ANSWER_MILLISECONDS));
  return foreign.delete(id);
}

function read() {
  const jobs = recallJson(ITEM);
  return Array.isArray(jobs) ? jobs.filter(isJob) : [];
}
