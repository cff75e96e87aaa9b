/** Walking from seed to seed: what the browser has is shown at once, the rest is made. */

import { family, hasSeed, isLost, seedBeside, withSeed } from "./recipe.js";
import { text } from "./texts.js";

/** @typedef {import("./gallery.js").Entry} Entry */

const SETTLED_MS = 500; // a key that is held repeats some 30 times a second, the first time after up to 500 ms

/**
 * Return what walks from a picture to its neighbors.
 * @param {{
 *   find: (matches: (entry: Entry) => boolean) => Entry | undefined, show: (entry: Entry) => void,
 *   say: (entry: Entry, sentence: string) => void, isAt: (entry: Entry) => boolean,
 *   generate: (options: import("./options.js").Options) => void,
 * }} page - `isAt` returns whether a picture has the focus
 * @returns {{ step: (entry: Entry, step: number) => void, arrived: (entry: Entry) => void }}
 */
export function makeWalk({ find, show, say, isAt, generate }) {
  /** @type {{ from: Entry, seed: number, timer: number } | null} */
  let pending = null;

  function step(entry, by) {
    const seed = seedBeside(pending?.from === entry ? pending.seed : entry.result.seed, by);
    clearTimeout(pending?.timer);
    pending = null;
    if (seed === null) return say(entry, text("pictures.last_seed"));
    if (isLost(entry)) return say(entry, text("pictures.no_image"));
    const known = seed === entry.result.seed ? entry : find((other) => isSibling(other, entry, seed));
    if (known) return show(known);
    say(entry, text("pictures.walking", { seed }));
    pending = { from: entry, seed, timer: setTimeout(() => generate(withSeed(entry, seed)), SETTLED_MS) };
  }

  function arrived(entry) {
    if (!pending || !isSibling(entry, pending.from, pending.seed)) return;
    say(pending.from, "");
    if (isAt(pending.from)) show(entry); // else the person is elsewhere by now
    pending = null;
  }
  return { step, arrived };
}

const isSibling = (entry, of, seed) => hasSeed(entry) && entry.result.seed === seed && family(entry) === family(of);
