/**
 * The pictures that this browser has had: results and options, not the files, one item of localStorage each, so that
 * two tabs never write the same one.
 */

import { optionsIn, resultIn } from "./options.js";

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Result} Result */

/**
 * A picture; `at` is when it came (ms), `fromImage` whether it began with one, and `image` that, until a reload.
 * @typedef {{ id: string, at: number, result: Result, options: Options, fromImage: boolean, image?: File }} Entry
 */

const PREFIX = "picture/1/";
const CAPACITY = 200; // of some 1 to 12 KB, and browsers keep 5 MB
const GATHERED_MS = 50; // another tab that removes all tells it of each picture

/**
 * Return a picture as an entry.
 * @param {Result} result
 * @param {Partial<Options>} [options]
 * @returns {Entry}
 */
export function entryOf(result, options = {}) {
  const { image, ...kept } = options;
  const id = `${result.sha256}/${result.request_id}`;
  const file = image instanceof File ? image : undefined;
  const whole = { ...kept, prompt: String(kept.prompt || result.prompt).trim() };
  return { id, at: Date.now(), result, options: whole, fromImage: Boolean(image), image: file };
}

/**
 * Return the gallery, and call the listener with what other tabs have added and removed: for each id an entry, or null.
 * @param {(changes: Map<string, Entry | null>) => void} listener
 * @returns {{ entries: () => Entry[], add: (entry: Entry) => boolean, remove: (id: string) => void }}
 *   `entries` are the newest first; `add` returns whether the browser keeps it
 */
export function openGallery(listener) {
  let changes = new Map();
  addEventListener("storage", ({ key, newValue }) => {
    if (!key?.startsWith(PREFIX)) return;
    if (!changes.size) setTimeout(tell, GATHERED_MS);
    changes.set(key.slice(PREFIX.length), parsed(newValue));
  });
  function tell() {
    const gathered = changes;
    changes = new Map();
    listener(gathered);
  }
  return { entries, add, remove };
}

/** @returns {Entry[]} */
function entries() {
  try {
    const found = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    const read = found.map((key) => parsed(localStorage.getItem(key)));
    return read.filter((entry) => entry).sort((one, other) => other.at - one.at);
  } catch {
    return []; // storage is forbidden
  }
}

function add(entry) {
  const { b64_json: _, ...result } = entry.result;
  const text = JSON.stringify({ ...entry, result, image: undefined });
  const older = entries();
  while (older.length >= CAPACITY) remove(older.pop().id);
  for (let tries = 0; tries < 5; tries++) {
    try {
      localStorage.setItem(PREFIX + entry.id, text);
      return true;
    } catch {
      remove(older.pop()?.id); // full, or forbidden
    }
  }
  return false;
}

function remove(id) {
  try {
    localStorage.removeItem(PREFIX + id);
  } catch {
    // forbidden, so that there is nothing to remove
  }
}

/** Return the entry of a text; null if it is of another version, or none. */
function parsed(text) {
  try {
    const { at, result, options, fromImage } = JSON.parse(text);
    const found = resultIn(result);
    if (!found || !(at > 0)) return null;
    return { ...entryOf(found, { ...optionsIn(options), image: fromImage }), at };
  } catch {
    return null;
  }
}
