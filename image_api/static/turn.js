/** A job's turn: what is known of it while it is in the making, and how it is taken back. */

import { withdraw } from "./withdrawals.js";

/** @typedef {import("./jobs.js").Job} Job */
/** @typedef {ReturnType<typeof import("./progress.js").viewOf>} View */

const PATIENCE = 3000; // milliseconds that a person waits for the service to hear of a cancellation

/**
 * Return the turn of a job; `cancel` returns whether the service has heard of it.
 * @param {Job} job
 */
export function turnOf(job) {
  const end = new AbortController();
  let answered; // called when the service has told the request's id
  let leave;
  const known = new Promise((resolve) => (answered = resolve));
  if (job.requestIds.length) answered();

  /** Those of lost connections count as well: a picture goes on for them else. */
  async function takeBack() {
    await known;
    const isTold = await withdraw(job.requestIds);
    end.abort();
    return isTold;
  }

  const turn = {
    job,
    end,
    answered,
    isCanceled: false,
    /** @type {View | undefined} */
    view: undefined,
    /** Resolves if the job was canceled: to whether the service has heard of it. */
    left: new Promise((resolve) => (leave = resolve)),
    async cancel() {
      turn.isCanceled = true;
      const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, false));
      const isTold = await Promise.race([takeBack(), late]);
      if (job.requestIds.length) end.abort(); // else as soon as the service has told the request's id
      leave({ isTold });
    },
  };
  return turn;
}
