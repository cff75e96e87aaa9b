/** The one place for the key of an API that wants one: it is kept for the session, and goes with every request. */

import { keep, recall } from "./storage.js";

const ITEM = "api-key";
/** The service's own address, above `static/<version>/`. */
export const ROOT = new URL("../../", import.meta.url);

const listeners = [];

/** Return the session's key, null if there is none. */
export function key() {
  return recall(ITEM);
}

/** Keep a key for the session; an empty one forgets it. */
export function keepKey(value) {
  keep(ITEM, value || null);
}

/** Return whether a header can carry a key: visible ASCII characters, as every key has. */
export function isKey(value) {
  return /^[!-~]+$/.test(value);
}

/** Call a listener whenever the service answers that it wants a key, or another one than it got. */
export function onKeyWanted(listener) {
  listeners.push(listener);
}

/**
 * Send a request to the service, with the key if there is one.
 * @param {string} path - like "generate?prompt=…", below the service's address
 * @param {RequestInit} [init]
 */
export async function request(path, init = {}) {
  const address = new URL(path, ROOT);
  const headers = new Headers(init.headers);
  const known = key();
  if (known && address.origin === ROOT.origin) headers.set("Authorization", `Bearer ${known}`);
  const response = await fetch(address, { ...init, headers });
  if (response.status === 401 && address.origin === ROOT.origin) listeners.forEach((listener) => listener());
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
