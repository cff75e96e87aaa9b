/** The jobs of this tab, kept over a reload: a tab that the browser duplicates does not run them a second time. */

import { keep as store, recall } from "./storage.js";

/** @typedef {import("./jobs.js").Job} Job */

const ITEM = "making";
const ANSWER_MILLISECONDS = 150;

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
 * Keep the jobs as they are now.
 * @param {Job[]} jobs
 */
export function keep(jobs) {
  own = new Set(jobs.map((job) => job.id));
  store(ITEM, jobs.length ? JSON.stringify(jobs.map((job) => ({ ...job, file: undefined }))) : null);
}

/**
 * Return the jobs that a reload interrupted, without those that another tab goes on with.
 * @returns {Promise<Job[]>}
 */
export async function interrupted() {
  const jobs = read();
  if (!jobs.length || !channel) return jobs;
  channel.postMessage({ asked: jobs.map((job) => job.id) });
  await new Promise((resolve) => setTimeout(resolve, ANSWER_MILLISECONDS));
  return jobs.filter((job) => !foreign.has(job.id));
}

function read() {
  try {
    const jobs = JSON.parse(recall(ITEM) ?? "[]");
    return Array.isArray(jobs) ? jobs.filter((job) => job?.id && job.options && Array.isArray(job.done)) : [];
  } catch {
    return [];
  }
}
