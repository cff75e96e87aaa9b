/** The page's address, which holds the form: it can be reloaded, shared, and gone back to. */

import { ROOT } from "./credentials.js";
import { fromQuery, toQuery, whole } from "./options.js";
import { isReturn, keep, recallJson } from "./storage.js";

const ITEM = "unwritten-address";
const PAUSE_MS = 300; // browsers refuse more than some hundred changes a minute

/**
 * Bring the address to life.
 * @param {{
 *   read: () => import("./options.js").Options, fill: (options: import("./options.js").Options) => void,
 * }} form
 */
export function mountAddress(form) {
  let timer;
  let isOpen = false; // what the page is filled with as it opens is no change
  let isSent = false; // whether a picture was made of what the address has: it stays in the history then

  function current() {
    const options = form.read();
    const isBlank = Object.keys(options).every((name) => name === "seed" || [undefined, ""].includes(options[name]));
    return new URL(isBlank ? "./" : `./?${toQuery(options)}`, ROOT).href;
  }

  function write() {
    clearTimeout(timer);
    timer = undefined;
    const address = current();
    if (address === location.href) return;
    try {
      if (isSent) history.pushState({}, "", address);
      else history.replaceState({ ...history.state }, "", address); // others keep things in the state
      isSent = false;
    } catch {
      timer = setTimeout(write, 10 * PAUSE_MS); // too many changes
    }
  }

  takeUpUnwritten();
  document.addEventListener("DOMContentLoaded", () => (isOpen = true));
  window.addEventListener("pagehide", () => {
    if (timer === undefined) return;
    keep(ITEM, JSON.stringify({ before: location.href, search: new URL(current()).search })); // a reload has chosen its address already
    write();
  });
  window.addEventListener("popstate", () => {
    clearTimeout(timer);
    [timer, isSent] = [undefined, false];
    const { image, ...options } = whole(fromQuery(location.search)); // an address has no picture
    form.fill(options);
  });

  return {
    /** Write the form into the address soon. */
    changed() {
      clearTimeout(timer);
      if (isOpen) timer = setTimeout(write, PAUSE_MS);
    },
    /** Write it now, and leave it in the history: a picture is made of it. */
    sent() {
      write();
      isSent = true;
    },
  };
}

/** Go on with the address that a reload came too early for, if the page waits for a click as it opens. */
function takeUpUnwritten() {
  const { before, search } = recallJson(ITEM) ?? {};
  keep(ITEM, null);
  if (before !== location.href || !isReturn() || "starts" in document.body.dataset) return;
  history.replaceState({ ...history.state }, "", new URL(`./${search ?? ""}`, ROOT));
}
