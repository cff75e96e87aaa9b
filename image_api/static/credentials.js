/** The one place for the key of an API that wants one: it is kept for the session, and goes with every request. */

const ITEM = "api-key";
/** The service's own address, above `static/<version>/`. */
export const ROOT = new URL("../../", import.meta.url);

/** Return the session's key, null if there is none. */
export function key() {
  return sessionStorage.getItem(ITEM);
}

/** Keep a key for the session; an empty one forgets it. */
export function keepKey(value) {
  if (value) sessionStorage.setItem(ITEM, value);
  else sessionStorage.removeItem(ITEM);
}

/**
 * Send a request to the service, with the key if there is one.
 * @param {string} path - like "generate?prompt=…", below the service's address
 * @param {RequestInit} [init]
 */
export function request(path, init = {}) {
  const headers = new Headers(init.headers);
  const known = key();
  if (known) headers.set("Authorization", `Bearer ${known}`);
  return fetch(new URL(path, ROOT), { ...init, headers });
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
