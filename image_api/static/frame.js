/** A picture in its real proportions: one color and a blurred picture, until it is there. */

import { drawBlurhash } from "./blurhash.js";
import { addressOf, alternative } from "./copies.js";
import { ROOT, pictureUrl, request } from "./credentials.js";
import { element } from "./elements.js";
import { text } from "./texts.js";

/** @typedef {import("./gallery.js").Entry} Entry */

const BLUR_PIXELS = 32; // along the longer side; the page enlarges them smoothly
const FADED_MS = 600;

const loaders = new WeakMap();
const near = new IntersectionObserver(loadNear, { rootMargin: "800px" });

function loadNear(changes) {
  for (const { isIntersecting, target } of changes) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    loaders.get(target)();
  }
}

/**
 * Return a frame that loads its picture as soon as it is near the view.
 * @param {Entry} entry
 * @param {() => void} [makeAgain] - offered if the picture cannot be had
 * @returns {{ box: HTMLElement, url: () => string, close: () => void }} `url` is what shows the picture elsewhere
 */
export function makeFrame(entry, makeAgain) {
  const { width, height, dominant_color } = entry.result;
  const image = /** @type {HTMLImageElement} */ (
    element("img", { alt: alternative(entry), width, height, decoding: "async" })
  );
  const blur = blurOf(entry.result);
  const box = element("div", { className: "picture" }, blur, image);
  box.style.setProperty("--ratio", String(width / height));
  box.style.setProperty("--dominant", String(dominant_color ?? ""));
  const problem = makeProblem(entry, box, load, makeAgain);
  let url = "";

  async function load() {
    close();
    url = await pictureUrl(addressOf(entry)).catch(() => addressOf(entry)); // of which the element says why not
    image.src = url;
  }
  function close() {
    near.unobserve(box);
    if (url.startsWith("blob:")) URL.revokeObjectURL(url);
  }
  image.onload = () => {
    problem.clear();
    box.classList.add("shown");
    setTimeout(() => blur.remove(), FADED_MS);
  };
  image.onerror = () => problem.explain();
  loaders.set(box, load);
  near.observe(box);
  return { box, url: () => url || addressOf(entry), close };
}

/** @param {import("./options.js").Result} result */
function blurOf({ width, height, blurhash }) {
  const scale = BLUR_PIXELS / Math.max(width, height);
  const [across, down] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const blur = element("canvas", { width: across, height: down, "aria-hidden": "true" });
  drawBlurhash(/** @type {HTMLCanvasElement} */ (blur), blurhash);
  return blur;
}

/** Return what says in a frame why there is no picture, and what can be done. */
function makeProblem(entry, box, load, makeAgain) {
  const reason = element("p", { "aria-live": "polite" });
  const retry = element("button", { type: "button", onclick: again }, text("pictures.retry"));
  const make = element("button", { type: "button", onclick: makeAgain }, text("pictures.make_again"));
  const whole = element("div", { className: "problem" }, reason, retry, makeAgain ? make : null);

  function again() {
    reason.textContent = text("pictures.loading");
    load();
  }
  async function explain() {
    const found = await problemOf(entry);
    retry.hidden = ["gone", "expired"].includes(found);
    box.append(whole);
    reason.textContent = text(`pictures.problems.${found}`);
  }
  function clear() {
    if (whole.contains(document.activeElement)) /** @type {HTMLElement} */ (box.closest("[tabindex]"))?.focus();
    whole.remove();
  }
  return { explain, clear };
}

/** Return why a picture cannot be shown, as far as this page may know: the host of another one tells it nothing. */
async function problemOf(entry) {
  if (new Date(entry.result.expires_at) < new Date()) return "expired";
  if (!navigator.onLine) return "offline";
  const address = addressOf(entry);
  if (new URL(address).origin !== ROOT.origin) return "elsewhere";
  try {
    const { status } = await request(address, { method: "HEAD" });
    return [404, 410].includes(status) ? "gone" : status === 401 ? "key" : "failed";
  } catch {
    return "offline";
  }
}
