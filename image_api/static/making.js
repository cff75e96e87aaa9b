/** What is in the making: one stream for the whole page; what comes meanwhile waits for its turn. */

import { request } from "./credentials.js";
import { element } from "./elements.js";
import { failureCard, sentenceOf } from "./failures.js";
import { begin, count, isRepeatable, jobOf, jobOfAddress, lacksFile, optionsOf, requestOf, withModel } from "./jobs.js";
import { interrupted, keep } from "./kept.js";
import { forgetFile, keepFile, recallFile } from "./kept_files.js";
import { shorten, viewOf } from "./progress.js";
import { whole } from "./options.js";
import { follow } from "./stream.js";
import { telling } from "./telling.js";
import { text } from "./texts.js";
import { remembered, rememberJob, rememberResults } from "./window_entry.js";

/** @typedef {import("./jobs.js").Job} Job */
/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Result} Result */
/** @typedef {import("./stream.js").Failure} Failure */

const MOST_FAILURES = 6; // that are shown at once
const CANCEL_MILLISECONDS = 3000; // that the service has for taking a request back

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
  /** @type {{ job: Job, cancel: () => void } | null} */
  let running = null;
  const refused = new Map(); // cards of what wants a key, with what tries it again
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
    const before = remembered(search);
    if (before.results) return before.results.forEach((result, index) => made(before.job, result, index));
    await resumed;
    if (before.job && [running?.job, ...queue].some((job) => job?.id === before.job.id)) return;
    const job = jobOfAddress(search, options);
    rememberJob(search, job);
    add(job);
    bringIntoView(root, "start");
  }

  function proceed() {
    if (!running && queue.length) run(queue.shift());
    keep([...(running ? [running.job] : []), ...queue]);
    showQueue();
  }

  async function run(job) {
    const end = new AbortController();
    let canceled = false;
    let answered; // called when the service has told the request's id
    const known = new Promise((resolve) => (answered = resolve));
    job.startedAt ||= Date.now();
    const view = viewOf(job, cancel);
    running = { job, cancel };
    now.replaceChildren(view.root);
    tell.say(text("making.begun", { prompt: shorten(job.options.prompt) }));
    tell.title(text("making.titleMaking"));
    view.tick();
    const clock = setInterval(view.tick, 1000);
    try {
      if (lacksFile(job)) throw { code: "file_lost" };
      await follow(following(job, view, end.signal, answered));
      finish(job);
    } catch (failure) {
      if (failure instanceof Error) reportError(failure); // a fault of the page
      if (canceled) tell.title("");
      else fail(job, failure instanceof Error ? { code: "page_failed" } : failure);
    } finally {
      clearInterval(clock);
      if (job.hasImage) forgetFile(job.id);
      if (count(job) > 1) document.dispatchEvent(new CustomEvent("batch-ended", { detail: job.id }));
      close(view.root);
      running = null;
      proceed();
    }

    async function cancel() {
      canceled = true;
      tell.say(text("making.canceled"));
      view.say(text("making.canceling"));
      setTimeout(() => end.abort(), CANCEL_MILLISECONDS);
      if (!job.requestIds.length) await known;
      await withdraw(job);
      end.abort();
    }
  }

  function following(job, view, signal, answered) {
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
        failed.push(data);
        view.failed(data, sentenceOf(data));
      },
      result(data) {
        if (!data.images) made(job, data, 0);
        if (failed.length) throw { ...failed[0], failed: failed.length };
        return true;
      },
      failure(data) {
        throw data;
      },
    };
    return {
      signal,
      lastId: job.lastId,
      repeatable: isRepeatable(job),
      address: (resumes) => requestOf(job, resumes),
      onResponse(id) {
        if (id) job.requestIds = [...job.requestIds.slice(-4), id];
        answered();
        keepAll();
      },
      onId(id) {
        job.lastId = id;
        keepAll();
      },
      onState(state) {
        if (state === "open") return;
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
    keep([...(running ? [running.job] : []), ...queue]);
  }

  /** Hand a picture on, once. */
  function made(job, result, index) {
    if (job.done.includes(index)) return;
    job.done.push(index);
    job.results[index] = result;
    actions.made(result, optionsOf(job, result, index));
  }

  function finish(job) {
    rememberResults(job);
    tell.say(text("making.done", { prompt: shorten(job.options.prompt) }));
    tell.ends(text("making.titleDone"));
  }

  function fail(job, failure) {
    if (failure.code !== "connection_lost") begin(job);
    const card = failureCard(job, failure, {
      again: () => replace(job),
      use: (model) => replace(withModel({ ...job, tried: [...job.tried, job.options.model ?? ""] }, model)),
      correct(field) {
        actions.fill(whole(job.options));
        close(card);
        document.dispatchEvent(new CustomEvent("field-wanted", { detail: field }));
      },
      close: () => close(card),
    });
    function replace(next) {
      close(card);
      add(next);
    }
    failures.prepend(card);
    while (failures.childElementCount > MOST_FAILURES) failures.lastElementChild.remove();
    if (failure.code === "unauthorized" || failure.status === 401) {
      refused.set(card, () => replace(job));
    }
    tell.say(sentenceOf(failure));
    tell.ends(text("making.titleFailed"));
  }

  /** Remove a card; a focus within goes to the section, as it would be lost else. */
  function close(card) {
    const focused = card.contains(document.activeElement);
    card.remove();
    refused.delete(card);
    if (focused) root.focus({ preventScroll: true });
  }

  function showQueue() {
    const rows = queue.map((job) =>
      element(
        "li",
        {},
        element("span", {}, shorten(job.options.prompt), count(job) > 1 ? ` × ${count(job)}` : ""),
        element(
          "button",
          {
            type: "button",
            className: "plain",
            "aria-label": text("making.removeOf", { prompt: shorten(job.options.prompt) }),
            onclick: () => remove(job),
          },
          text("making.remove"),
        ),
      ),
    );
    waiting.hidden = rows.length === 0;
    waiting.querySelector("ol").replaceChildren(...rows);
  }

  function remove(job) {
    const focused = waiting.contains(document.activeElement);
    queue = queue.filter((other) => other !== job);
    if (job.hasImage) forgetFile(job.id);
    keepAll();
    showQueue();
    tell.say(text("making.removed"));
    if (focused) root.focus({ preventScroll: true });
  }

  document.addEventListener("key-kept", () => [...refused.values()].forEach((again) => again()));
  return { generate, open };
}

/** Scroll to what a person has asked for, if it is not to be seen; the focus stays. */
function bringIntoView(part, block) {
  const { top, bottom } = part.getBoundingClientRect();
  if (top >= 0 && Math.min(bottom, top + 200) <= innerHeight) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  part.scrollIntoView({ block, behavior: still ? "instant" : "smooth" });
}

/**
 * Take a job's requests back at the service, so that it ends the work outside too. Those of lost connections count as
 * well: a picture goes on for them else.
 * @param {Job} job
 */
function withdraw(job) {
  const taken = job.requestIds.map((id) => request(`requests/${id}`, { method: "DELETE", keepalive: true }));
  return Promise.allSettled(taken);
}
