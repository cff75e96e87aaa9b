/** What of a picture can be copied, and its file's name. */

import { ROOT } from "./credentials.js";
import { recipe } from "./recipe.js";
import { snippets } from "./snippets.js";

/** @typedef {import("./gallery.js").Entry} Entry */

const ENDINGS = { __proto__: null, "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp" };
const MARKUP = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Return the ending of a picture's file. */
export function endingOf({ result }) {
  return ENDINGS[result.content_type] ?? "png";
}

/** Return the address of a picture. */
export function addressOf({ result }) {
  return new URL(result.image_url, ROOT).href;
}

/** Return the address of a picture's page. */
export function pageOf(entry) {
  return new URL(`p/${entry.result.sha256}.${endingOf(entry)}`, ROOT).href;
}

/** Return a name for a picture's file: the prompt's words in their own script, and the seed. */
export function fileName(entry) {
  const { seed } = entry.result;
  const words = entry.options.prompt.normalize("NFKC").match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const start = [...words.join("-")].slice(0, 60).join("") || "picture";
  return `${start}${seed === undefined ? "" : `-${seed}`}.${endingOf(entry)}`;
}

/** Return the texts to copy of a picture, by their names. */
export const COPIES = {
  link: pageOf,
  url: addressOf,
  markdown: (entry) => `![${alternative(entry).replace(/[\\`*_[\]<>&|~$!]/g, "\\$&")}](${inMarkdown(entry)})`,
  html: (entry) => {
    const { width, height } = entry.result;
    const [address, alt] = [addressOf(entry), alternative(entry)].map(inMarkup);
    return `<img src="${address}" width="${width}" height="${height}" alt="${alt}">`;
  },
  curl: (entry) => {
    const image = entry.fromImage ? (entry.image ?? { name: "picture.png" }) : undefined;
    return snippets({ ...recipe(entry), image }).curl;
  },
};

/** Return a picture's alternative text, on one line. */
export function alternative({ result }) {
  return [...(result.alt ?? result.prompt).replace(/\s+/gu, " ")].slice(0, 200).join("");
}

const inMarkdown = (entry) => addressOf(entry).replace(/[()]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
const inMarkup = (value) => value.replace(/[&<>"]/g, (sign) => MARKUP[sign]);
