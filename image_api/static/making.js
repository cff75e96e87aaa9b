/** What is in the making: one stream for the whole page; what comes meanwhile waits for its turn. */

import { key } from "./credentials.js";
import { element } from "./elements.js";
import { failureCard, sentenceOf } from "./failures.js";
import { begin, count, isRepeatable, jobOf, jobOfAddress, lacksFile, optionsOf, requestOf, withModel } from "./jobs.js";
import { interrupted, isElsewhere, keep } from "./kept.js";
import { forgetFile, keepFile, recallFile } from "./kept_files.js";
import { viewOf } from "./progress.js";
import { whole } from "./options.js";
import { failureIn, follow } from "./stream.js";
import { telling } from "./telling.js";
import { shorten, text } from "./texts.js";
import { remembered, rememberJob, rememberProgress } from "./window_entry.js";
import { turnOf } from "./turn.js";
import { showWaiting } from "./waiting.js";

/** @typedef {import("./jobs.js").Job} Job */
/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Result} Result */
/** @typedef {import("./stream.js").Failure} Failure */

const MOST_FAILURES = 6; // that are shown at once

/**
 * Bring the section of what is in the making to life, and go on with what a reload interrupted.
 * @param {HTMLElement} root - #making
 * @param {{
 *   made: (result: Result, options: Options) => void, fill: (options: Partial<Options>) => void,
 * }} actions - `made` is called with each picture as it comes; `fill` puts a correction into the form
 * @returns {{ generate: (options: Options) => void, open: (search: string, options: Options) => void }}
 *   `open` makes the picture of an address, at most once for each time that a person goes there
 */
export function mountMaking(root, actions) {
  const [line, now, waiting, failures] = ["line", "now", "waiting", "failures"].map(
    (name) => /** @type {HTMLElement} */ (root.querySelector(`[data-${name}]`)),
  );
  const tell = telling(line);
  /** @type {Job[]} */
  let queue = [];
  /** @type {ReturnType<typeof turnOf> | null} */
  let running = null;
  const refused = new Map(); // cards of what wants a key, or another one, with what tries it again
  const resumed = interrupted().then(async (jobs) => {
    for (const job of jobs) if (job.hasImage) job.file = await recallFile(job.id);
    queue = [...jobs, ...queue];
    proceed();
  });

  function generate(options) {
    add(jobOf(options));
    if (waiting.hidden) bringIntoView(root, "start");
    else bringIntoView(waiting, "nearest");
  }

  function add(job) {
    queue.push(job);
    if (job.file) keepFile(job.id, job.file);
    proceed();
    if (running && running.job !== job) tell.say(text("making.waits", { count: queue.length }));
  }

  async function open(search, options) {
    const { job, end } = remembered(search);
    await resumed;
    if (!job) beginAddress(search, options);
    else if (end) showAgain(job, end);
    else if (![running?.job, ...queue].some((other) => other?.id === job.id)) await goOn(job);
    if (end !== "done") bringIntoView(root, "start");
  }

  function beginAddress(search, options) {
    const job = jobOfAddress(search, options);
    rememberJob(search, job);
    add(job);
  }

  /** Go on with a job, unless another tab does. */
  async function goOn(job) {
    if (await isElsewhere(job)) notice("making.elsewhere", job);
    else add(job);
  }

  /** Show what has come of a job before a reload; the pictures that were kept are shown already, or were removed. */
  function showAgain(job, end) {
    const lost = keepAll() ? [] : job.results;
    lost.forEach((result, index) => result && actions.made(result, optionsOf(job, result, index)));
    endBatch(job);
    if (end !== "done") fail(job, end);
  }

  function proceed() {
    if (!running && queue.length) run(queue.shift());
    keepAll();
    showWaiting(waiting, queue, remove);
  }

  async function run(job) {
    const turn = turnOf(job);
    running = turn;
    let clock;
    let left; // set if it was canceled
    try {
      job.startedAt ||= Date.now();
      turn.view = viewOf(job, () => cancel(turn));
      now.replaceChildren(turn.view.root);
      tell.say(text("making.begun", { prompt: shorten(job.options.prompt) }));
      tell.title(text("making.titleMaking"));
      turn.view.tick();
      clock = setInterval(turn.view.tick, 1000);
      if (lacksFile(job)) throw { code: "file_lost" };
      left = await Promise.race([follow(following(turn)), turn.left]);
      if (!left) finish(job);
    } catch (failure) {
      if (failure instanceof Error) reportError(failure); // a fault of the page
      if (turn.isCanceled) left = await turn.left;
      else fail(job, failure instanceof Error ? { code: "page_failed" } : failure);
    } finally {
      clearInterval(clock);
      if (job.hasImage) forgetFile(job.id);
      endBatch(job);
      if (turn.view) close(turn.view.root);
      if (left) notice(left.isTold ? "making.canceled" : "making.canceledHere", job);
      running = null;
      proceed();
    }
  }

  function cancel(turn) {
    if (turn.isCanceled) return;
    turn.cancel();
    keepAll();
    rememberProgress(turn.job, { end: { code: "cancelled" } });
    turn.view.say(text("making.canceling"));
    tell.title("");
  }

  /** Show a sentence in the place of a job, until the next one. */
  function notice(name, job) {
    const sentence = text(name, { prompt: shorten(job.options.prompt) });
    now.replaceChildren(element("p", { className: "quiet" }, sentence));
    tell.say(sentence, true);
  }

  function following(turn) {
    const { job, view } = turn;
    const failed = [];
    const handlers = {
      progress(data) {
        tell.say(view.progress(data));
      },
      picture(data) {
        made(job, data, data.index);
        tell.say(view.picture(data, data.index));
      },
      picture_error(data) {
        const failure = failureIn(data);
        failed.push(failure);
        view.failed(failure, sentenceOf(failure));
      },
      result(data) {
        if (!data.images) made(job, data, 0);
        if (failed.length) throw { ...failed[0], failed: failed.length };
        return true;
      },
      failure(data) {
        throw failureIn(data);
      },
    };
    return {
      signal: turn.end.signal,
      lastId: job.lastId,
      repeatable: isRepeatable(job),
      address: (resumes) => requestOf(job, resumes),
      onResponse(id) {
        if (id) job.requestIds = [...job.requestIds.slice(-4), id];
        turn.answered();
        progressed(turn);
      },
      onId(id) {
        const isFirst = !job.lastId;
        job.lastId = id;
        if (isFirst) progressed(turn);
        else keepAll();
      },
      onState(state) {
        if (state === "open") return;
        if (turn.isCanceled) return turn.end.abort();
        view.say(text(`making.${state}`));
        tell.say(text(`making.${state}`));
      },
      onEvent({ type, data }) {
        const ended = handlers[type]?.(JSON.parse(data)) === true;
        const percent = view.percent();
        tell.title(percent === null ? text("making.titleMaking") : `${percent} %`);
        return ended;
      },
    };
  }

  function keepAll() {
    return keep([...(running && !running.isCanceled ? [running.job] : []), ...queue]);
  }

  /** Keep how far a job is with the window's entry as well, which takes few changes a minute. */
  function progressed({ job, isCanceled }) {
    keepAll();
    if (!isCanceled) rememberProgress(job);
  }

  /** Hand a picture on, once. */
  function made(job, result, index) {
    if (job.done.includes(index)) return;
    actions.made(result, optionsOf(job, result, index)); // first, for what cannot be shown is not kept
    job.done.push(index);
    job.results[index] = result;
    keepAll(); // before a reload has it sent again
    rememberProgress(job);
  }

  function finish(job) {
    rememberProgress(job, { end: "done" });
    tell.say(text("making.done", { prompt: shorten(job.options.prompt) }), true);
    tell.ends(text("making.titleDone"));
  }

  function fail(job, failure) {
    rememberProgress(job, { end: failure });
    if (failure.code !== "connection_lost") begin(job);
    const card = failureCard(job, failure, {
      again: () => replace(job),
      use: (model) => replace(withModel({ ...job, tried: [...job.tried, job.options.model || "auto"] }, model)),
      correct(field) {
        actions.fill(whole(job.options));
        close(card);
        document.dispatchEvent(new CustomEvent("field-wanted", { detail: field }));
      },
      close: () => close(card),
    });
    function replace(next) {
      close(card);
      rememberProgress(next, { before: job });
      add(next);
    }
    failures.prepend(card);
    while (failures.childElementCount > MOST_FAILURES) close(failures.lastElementChild);
    if (["unauthorized", "forbidden"].includes(failure.code) || failure.status === 401) {
      refused.set(card, () => replace(job));
    }
    tell.say(sentenceOf(failure), true);
    tell.ends(text("making.titleFailed"));
  }

  /** Remove a card; a focus within goes to the section, as it would be lost else. */
  function close(card) {
    const focused = card.contains(document.activeElement);
    card.remove();
    refused.delete(card);
    if (focused) root.focus({ preventScroll: true });
  }

  function remove(job) {
    const focused = waiting.contains(document.activeElement);
    queue = queue.filter((other) => other !== job);
    if (job.hasImage) forgetFile(job.id);
    keepAll();
    showWaiting(waiting, queue, remove);
    tell.say(text("making.removed"));
    if (focused) root.focus({ preventScroll: true });
  }

  document.addEventListener("key-kept", () => key() && [...refused.values()].forEach((again) => again()));
  return { generate, open };
}

/** Scroll to what a person has asked for, if it is not to be seen; the focus stays. */
function bringIntoView(part, block) {
  const { top, bottom } = part.getBoundingClientRect();
  if (top >= 0 && Math.min(bottom, top + 200) <= innerHeight) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  part.scrollIntoView({ block, behavior: still ? "instant" : "smooth" });
}

/** Tell the pictures that no more of a job's come. */
function endBatch(job) {
  if (count(job) > 1) document.dispatchEvent(new CustomEvent("batch-ended", { detail: job.id }));
}
