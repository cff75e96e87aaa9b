/** Files as source pictures: what the service would refuse, and what survives a reload. */

import { isReturn, keep, recall, recallJson } from "./storage.js";
import { text } from "./texts.js";

const ITEM = "source-picture";
const MAX_BYTES = 16 * 1024 * 1024 - 64 * 1024; // the service's limit, less the other fields
const MAX_PIXELS = 17_200_000;
const MAX_KEPT_BYTES = 1024 * 1024; // a browser keeps some 5 MB for a page
const SIGNATURES = [/^\x89PNG\r\n\x1a\n/, /^\xff\xd8\xff/, /^RIFF[^]{4}WEBPVP8[ LX]/];

/**
 * Return what keeps a file from being a source picture; "" if nothing does.
 * @param {File} file
 * @returns {Promise<string>}
 */
export async function refusalOf(file) {
  const name = file.name;
  const head = await file
    .slice(0, 16)
    .arrayBuffer()
    .catch(() => null);
  if (!head) return text("form.source_broken", { name });
  const start = String.fromCharCode(...new Uint8Array(head));
  if (!SIGNATURES.some((signature) => signature.test(start))) return text("form.source_unknown", { name });
  if (file.size > MAX_BYTES) return text("form.source_large", { name, megabytes: (file.size / 2 ** 20).toFixed(1) });
  const pixels = await pixelsOf(file);
  if (!pixels) return text("form.source_broken", { name });
  return pixels > MAX_PIXELS ? text("form.source_pixels", { name, millions: (pixels / 1e6).toFixed(1) }) : "";
}

/** Return the number of pixels of a picture, 0 if the browser cannot read it. */
async function pixelsOf(file) {
  const address = URL.createObjectURL(file);
  const picture = new Image();
  const done = new Promise((resolve) => (picture.onload = picture.onerror = resolve));
  picture.src = address;
  await done;
  URL.revokeObjectURL(address);
  return picture.naturalWidth * picture.naturalHeight;
}

/** Keep a file for a reload: all of it if it is small, else its name, so that its loss can be told. */
export async function keepFile(file) {
  if (!file) return keep(ITEM, null);
  const kept = { name: file.name, type: file.type };
  keep(ITEM, JSON.stringify(kept));
  if (file.size > MAX_KEPT_BYTES) return false;
  const data = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onloadend = () => resolve(reader.result);
    reader.readAsDataURL(file);
  });
  if (!data || recall(ITEM) !== JSON.stringify(kept)) return false; // another one was chosen meanwhile
  return keep(ITEM, JSON.stringify({ ...kept, data })) || keep(ITEM, JSON.stringify(kept));
}

/**
 * Return what was kept before a reload, and its name if the file itself was not; nothing for a page that was opened.
 * @returns {{ file?: File, lost?: string }}
 */
export function keptFile() {
  const kept = recallJson(ITEM);
  if (!isReturn()) keep(ITEM, null);
  if (!isReturn() || typeof kept?.name !== "string") return {};
  const file = fileOf(kept);
  return file ? { file } : { lost: kept.name };
}

function fileOf({ name, type, data }) {
  try {
    const bytes = Uint8Array.from(atob(data.split(",")[1]), (character) => character.charCodeAt(0));
    return new File([bytes], name, { type });
  } catch {
    return null; // there is no data, or it is broken
  }
}
