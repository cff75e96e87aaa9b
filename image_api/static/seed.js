/** The seed: a number that is always shown, also the one that the last picture got. */

import { control, isGrey, numberIn } from "./fields.js";
import { keep, recall } from "./storage.js";
import { text } from "./texts.js";

const ITEM = "seed-locked";
const DRAWN_BELOW = 1_000_000; // a number of ten digits is hard to read, and to type

/** Return a random seed. */
export function drawSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % DRAWN_BELOW;
}

/**
 * Bring the seed, its dice and its lock to life.
 * @param {() => void} changed - called if the dice or the lock was pressed
 */
export function mountSeed(changed) {
  const field = control("seed");
  const lock = control("lock");
  let used = null;

  const isLocked = () => lock.getAttribute("aria-pressed") === "true";
  const isUsed = () => used !== null && field.value === used;

  function roll() {
    const before = field.value;
    while (field.value === before || field.value === "") {
      field.value = String(drawSeed());
    }
    used = null;
    explain();
  }

  function explain() {
    control("seed-hint").textContent = text(
      isLocked() ? "form.seed_kept" : isUsed() ? "form.seed_new" : "form.seed_fresh",
    );
  }

  function setLock(locked) {
    lock.setAttribute("aria-pressed", String(locked));
    explain();
  }

  control("dice").onclick = () => {
    if (isGrey("dice")) return;
    roll();
    changed();
  };
  lock.onclick = () => {
    if (isGrey("lock")) return;
    setLock(!isLocked());
    keep(ITEM, isLocked() ? "true" : null);
    changed();
  };
  field.addEventListener("input", explain);
  roll();
  setLock(recall(ITEM) === "true");

  return {
    read: () => numberIn("seed"),
    /** Set a seed, or a random one if it is null or negative. */
    fill(seed) {
      if (seed === null || seed === undefined || seed < 0) return roll();
      field.value = String(seed);
      used = null;
      explain();
    },
    /** Draw a new seed if a picture has had this one and it is not locked, or if there is none. */
    renew() {
      if (numberIn("seed") === undefined || (isUsed() && !isLocked())) roll();
    },
    /** Remember that a picture gets this seed. */
    use() {
      used = field.value;
      explain();
    },
  };
}
