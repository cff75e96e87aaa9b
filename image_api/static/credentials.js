/** The one place for the key of an API that wants one: it is kept for the session, and goes with every request. */

import { keep, recall } from "./storage.js";

const ITEM = "api-key";
/** The service's own address, above `static/<version>/`. */
export const ROOT = new URL("../../", import.meta.url);

/** Return the session's key, null if there is none. */
export function key() {
  return recall(ITEM);
}

/** Keep a key for the session, and tell the document by "key-kept"; an empty one forgets it. */
export function keepKey(value) {
  keep(ITEM, value || null);
  document.dispatchEvent(new CustomEvent("key-kept"));
}

/** Return whether a header can carry a key: visible ASCII characters, as every key has. */
export function isKey(value) {
  return /^[!-~]+$/.test(value);
}

/**
 * Send a request to the service, with the key if there is one. If the service wants one, or another one, the document
 * is told by "key-wanted".
 * @param {string} path - like "generate?prompt=…", below the service's address
 * @param {RequestInit} [init]
 */
export async function request(path, init = {}) {
  const address = new URL(path, ROOT);
  const headers = new Headers(init.headers);
  const known = key();
  if (known && address.origin === ROOT.origin) headers.set("Authorization", `Bearer ${known}`);
  const response = await fetch(address, { ...init, headers });
  const isAsked = init.method !== "DELETE"; // to take a request back is no reason to ask a person for a key
  if (response.status === 401 && isAsked && address.origin === ROOT.origin) {
    document.dispatchEvent(new CustomEvent("key-wanted"));
  }
  return response;
}

/**
 * Return what an <img> shows a picture by: its address, or with a key a blob: URL of what was loaded with it.
 * @param {string} address
 * @returns {Promise<string>}
 */
export async function pictureUrl(address) {
  const own = new URL(address, ROOT);
  if (!key() || own.origin !== ROOT.origin) return own.href;
  const response = await request(own.href);
  if (!response.ok) return own.href;
  return URL.createObjectURL(await response.blob());
}
