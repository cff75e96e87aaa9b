/** What has come of /generate in an address bar: kept with the entry of the window's history, so that a reload asks for nothing. */

/** @typedef {import("./jobs.js").Job} Job */
/** @typedef {import("./options.js").Result} Result */

/**
 * Return the job of an address that this entry of the history has asked for, and its results if they are there.
 * @param {string} search
 * @returns {{ job?: Job, results?: Result[] }}
 */
export function remembered(search) {
  const entry = history.state?.making;
  if (entry?.search !== search) return {};
  const lasts = entry.results?.every((result) => !result.expires_at || Date.parse(result.expires_at) > Date.now());
  return { job: entry.job, results: lasts ? entry.results : undefined };
}

/**
 * Remember the job of the window's address.
 * @param {string} search
 * @param {Job} job
 */
export function rememberJob(search, job) {
  remember({ search, job: { ...job, file: undefined } });
}

/**
 * Remember the results of a job, if it is that of the window's address.
 * @param {Job} job
 */
export function rememberResults(job) {
  const entry = history.state?.making;
  if (entry?.job.id === job.id) remember({ ...entry, results: job.results.filter(Boolean) });
}

function remember(making) {
  history.replaceState({ ...history.state, making }, "");
}
