/** The recipe that a picture of ours carries: a PNG in text chunks, a JPEG or WebP as JSON in EXIF. */

import { whole } from "./options.js";

/** @typedef {import("./options.js").Options} Options */

const MAX_BYTES = 64 * 1024 * 1024;
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const IMAGE_DESCRIPTION = 0x010e;
const OURS = ["prompt", "engine", "shape"]; // each of our files has these texts
const MODEL = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$/;

/**
 * Return the whole recipe in a file, null if it is no picture of ours.
 * @param {Blob} file
 * @returns {Promise<Options | null>}
 */
export async function recipeOf(file) {
  if (file.size > MAX_BYTES) return null;
  try {
    const data = new DataView(await file.arrayBuffer());
    const texts = startsWith(data, 0, PNG) ? pngTexts(data) : exifTexts(data);
    return texts && OURS.every((name) => typeof texts[name] === "string") ? recipeIn(texts) : null;
  } catch {
    return null; // broken, or gone since it was chosen
  }
}

function recipeIn(texts) {
  const number = (name) => (/^-?\d+(\.\d+)?$/.test(texts[name] ?? "") ? Number(texts[name]) : null);
  const size = { width: number("width"), height: number("height") };
  const ratio = texts.aspect_ratio ?? null;
  return whole({
    prompt: texts.prompt,
    negative_prompt: texts.negative_prompt ?? null,
    seed: number("seed"),
    guidance_scale: number("guidance_scale"),
    shape: size.width || ratio ? null : texts.shape,
    aspect_ratio: ratio,
    ...size,
    model: MODEL.test(texts.engine) ? texts.engine : null,
  });
}

/** Return the texts of a PNG, which stand before its pixels (W3C, Portable Network Graphics, section 11.3.3). */
function pngTexts(data) {
  const texts = {};
  for (let at = PNG.length; at + 8 <= data.byteLength;) {
    const length = data.getUint32(at);
    const kind = ascii(data, at + 4, 4);
    if (kind === "IDAT") break;
    const chunk = bytes(data, at + 8, length);
    if (kind === "tEXt" || kind === "iTXt") Object.assign(texts, textIn(chunk, kind));
    at += 12 + length;
  }
  return texts;
}

function textIn(chunk, kind) {
  const parts = [];
  let from = 0;
  const until = (count) => {
    for (; parts.length < count; from = chunk.indexOf(0, from) + 1) {
      parts.push(latin(chunk.subarray(from, chunk.indexOf(0, from))));
    }
  };
  until(1);
  if (kind === "tEXt") return { [parts[0]]: latin(chunk.subarray(from)) };
  if (chunk[from] !== 0) return {}; // compressed, as none of ours is
  from += 2;
  until(3); // its language, and its keyword in that
  return { [parts[0]]: new TextDecoder().decode(chunk.subarray(from)) };
}

/** Return what EXIF's ImageDescription of a JPEG or WebP has as JSON, null if there is none. */
function exifTexts(data) {
  const block = ascii(data, 0, 4) === "RIFF" ? webpExif(data) : jpegExif(data);
  const described = block && description(block);
  const texts = described ? JSON.parse(described) : null;
  return texts && typeof texts === "object" ? texts : null;
}

function jpegExif(data) {
  if (data.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; data.getUint8(at) === 0xff && data.getUint8(at + 1) !== 0xda; at += 2 + data.getUint16(at + 2)) {
    if (data.getUint8(at + 1) === 0xe1 && ascii(data, at + 4, 6) === "Exif\0\0") return part(data, at + 10);
  }
  return null;
}

function webpExif(data) {
  for (let at = 12; at + 8 <= data.byteLength;) {
    const length = data.getUint32(at + 4, true);
    if (ascii(data, at, 4) === "EXIF") return part(data, at + (ascii(data, at + 8, 6) === "Exif\0\0" ? 14 : 8));
    at += 8 + length + (length % 2);
  }
  return null;
}

/** Return the ImageDescription in a block of EXIF, null if it has none. */
function description(block) {
  const little = ascii(block, 0, 2) === "II";
  const directory = block.getUint32(4, little);
  for (let index = 0; index < block.getUint16(directory, little); index += 1) {
    const at = directory + 2 + 12 * index;
    if (block.getUint16(at, little) !== IMAGE_DESCRIPTION) continue;
    const length = block.getUint32(at + 4, little);
    return ascii(block, block.getUint32(at + 8, little), length).replace(/\0+$/, "");
  }
  return null;
}

function bytes(data, from, length) {
  return new Uint8Array(data.buffer, data.byteOffset + from, length); // raises RangeError if it is not all there
}

function part(data, from) {
  return new DataView(data.buffer, data.byteOffset + from);
}

function ascii(data, from, length) {
  return latin(bytes(data, from, length));
}

function latin(text) {
  return new TextDecoder("latin1").decode(text);
}

function startsWith(data, from, signature) {
  return signature.every((byte, index) => data.byteLength > index && data.getUint8(from + index) === byte);
}
