/** Requests that were canceled: the service is told until it has heard of it, also after a reload. */

import { request } from "./credentials.js";
import { keep, recallJson } from "./storage.js";

const ITEM = "withdrawn";
const AGAIN = 5000; // milliseconds until the service is told again
const LASTS = 600_000; // milliseconds that a request goes on for a client that is gone, at most

let timer;

/**
 * Take requests back at the service, so that it ends the work outside too.
 * @param {string[]} ids
 * @returns {Promise<boolean>} whether the service has heard of it
 */
export function withdraw(ids) {
  store([...waiting(), ...ids.map((id) => ({ id, at: Date.now() }))]);
  return tell();
}

/** Tell the service what it has not heard of yet; return whether it has now. */
async function tell() {
  clearTimeout(timer);
  await Promise.all(
    waiting().map(async ({ id }) => {
      const path = `requests/${encodeURIComponent(id)}`;
      const response = await request(path, { method: "DELETE", keepalive: true }).catch(() => null);
      if (response && response.status < 500) store(waiting().filter((other) => other.id !== id));
    }),
  );
  const isTold = waiting().length === 0;
  clearTimeout(timer);
  if (!isTold) timer = setTimeout(tell, AGAIN);
  return isTold;
}

/** @returns {{ id: string, at: number }[]} */
function waiting() {
  const kept = recallJson(ITEM, "localStorage");
  return Array.isArray(kept) ? kept.filter((it) => it?.id && Date.now() - it.at < LASTS) : [];
}

function store(withdrawn) {
  keep(ITEM, withdrawn.length ? JSON.stringify(withdrawn) : null, "localStorage");
}

addEventListener("online", tell);
tell();
