/** Server-sent events, read by fetch: EventSource shows neither the status nor the sentence of a refusal. */

import { request } from "./credentials.js";

/**
 * An event of a stream.
 * @typedef {{ type: string, data: string, id: string }} StreamEvent
 *
 * Why there is no picture: the service's own fields of an error, or a code of this page's.
 * @typedef {{
 *   code: string, error?: string, hint?: string, retry_after?: number, status?: number, request_id?: string,
 *   fallback_from?: {engine: string, code: string}[], index?: number, failed?: number,
 * }} Failure - `failed` are the pictures of a sheet that were not made
 *
 * How a stream is asked for, and what is told of it.
 * @typedef {{
 *   address: (resumes: boolean) => [string, RequestInit],
 *   lastId: string,
 *   repeatable: boolean,
 *   signal: AbortSignal,
 *   onResponse: (requestId: string | null) => void,
 *   onEvent: (event: StreamEvent) => boolean,
 *   onId: (id: string) => void,
 *   onState: (state: "open" | "lost" | "offline") => void,
 * }} Following - `onEvent` returns whether it was the last; `repeatable` says that asking twice costs nothing
 */

const LINE_END = /\r\n|\n|\r/;
const FIRST_WAIT = 500; // milliseconds
const LONGEST_WAIT = 15_000;
const GIVE_UP = 120_000; // milliseconds without a word of the service
const STEADY = 5000; // a connection that lasts longer than that is one to the service
const SILENCE = 45_000; // the service says something every ten seconds
const TRANSIENT = new Set(["service_busy", "too_many_streams", "service_stopping"]); // of the service, not the picture
const FIELDS = { code: "string", error: "string", hint: "string", request_id: "string", retry_after: "number" };
const GATEWAYS = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Return a parser of the chunks of a stream, which may be cut anywhere: https://html.spec.whatwg.org/#parsing-an-event-stream.
 * @param {(event: StreamEvent) => void} onEvent
 * @param {{ onId?: (id: string) => void, onRetry?: (milliseconds: number) => void }} [others] - also of what is no event
 * @returns {(chunk: Uint8Array) => void}
 */
export function parser(onEvent, { onId = () => {}, onRetry = () => {} } = {}) {
  const decoder = new TextDecoder();
  let rest = "";
  let afterReturn = false; // a line feed that comes next belongs to the line before
  let type = "";
  let data = [];
  let id = "";

  function dispatch() {
    if (id) onId(id);
    if (data.length) onEvent({ type: type || "message", data: data.join("\n"), id });
    type = "";
    data = [];
  }

  function take(line) {
    if (line === "") return dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "event") type = value;
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^\d+$/.test(value)) onRetry(Number(value));
  }

  return (chunk) => {
    let text = decoder.decode(chunk, { stream: true });
    if (!text) return;
    if (afterReturn && text[0] === "\n") text = text.slice(1);
    afterReturn = text.endsWith("\r");
    const lines = (rest + text).split(LINE_END);
    rest = lines.pop();
    lines.forEach(take);
  };
}

/**
 * Return the failure that a response which is no stream says, or that its status and headers do.
 * @param {Response} response
 * @returns {Promise<Failure>}
 */
async function failureOf(response) {
  const body = await response.json().catch(() => ({}));
  const code = response.ok || GATEWAYS.has(response.status) ? "no_answer" : "refused";
  const retry_after = secondsOf(response.headers.get("Retry-After"));
  return { retry_after, ...failureIn(body, code), status: response.status };
}

/**
 * Return the failure in a value from elsewhere; what is of another type than it should be is left out.
 * @param {any} value
 * @param {string} [code] - if it says none
 * @returns {Failure}
 */
export function failureIn(value, code = "no_answer") {
  const known = Object.entries(FIELDS).filter(([name, type]) => typeof value?.[name] === type);
  const passed = Array.isArray(value?.fallback_from) ? value.fallback_from : [];
  return {
    code,
    ...Object.fromEntries(known.map(([name]) => [name, value[name]])),
    fallback_from: passed.filter((it) => typeof it?.engine === "string"),
    ...(Number.isInteger(value?.index) ? { index: value.index } : {}),
    ...(Number.isInteger(value?.status) ? { status: value.status } : {}),
  };
}

/** Return the seconds of a Retry-After, which may be a date; undefined if it says none. */
function secondsOf(header) {
  const seconds = Number(header ?? "") || Math.ceil((Date.parse(header ?? "") - Date.now()) / 1000);
  return seconds > 0 ? seconds : undefined;
}

/**
 * Follow a stream to its last event, over as many connections as that takes. Rejects with a Failure if there is none.
 * @param {Following} following
 * @returns {Promise<void>}
 */
export async function follow(following) {
  const { signal, onState } = following;
  const state = { lastId: following.lastId, base: 3000, tries: 0, heard: Date.now() };
  for (;;) {
    const wait = await connection(following, state);
    if (wait === null) return;
    if (signal.aborted) throw { code: "canceled" };
    if (!state.lastId && !following.repeatable) throw { code: "interrupted" };
    if (navigator.onLine && Date.now() - state.heard > GIVE_UP) throw { code: "connection_lost" };
    onState(navigator.onLine ? "lost" : "offline");
    const backoff = state.tries ? state.base * 2 ** (state.tries - 1) : FIRST_WAIT;
    state.tries += 1;
    await pause(Math.max(wait, Math.min(LONGEST_WAIT, backoff)), signal);
    if (signal.aborted) throw { code: "canceled" };
  }
}

/** Return the least milliseconds until the next connection, null if the last event was there; rejects if refused. */
async function connection(following, state) {
  const own = new AbortController();
  const abort = () => own.abort();
  following.signal.addEventListener("abort", abort);
  try {
    const response = await send(following, state, own.signal).catch(() => null);
    if (!response) return 0;
    if (response.status !== 200 || !isStream(response)) return await refusal(response, state);
    following.onResponse(response.headers.get("X-Request-ID"));
    following.onState("open");
    return (await read(response, following, state, abort)) ? null : 0;
  } finally {
    abort();
    following.signal.removeEventListener("abort", abort);
  }
}

/** Return whether it is the service's stream, and no page of a network that wants a login first. */
function isStream(response) {
  return /^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "");
}

function send(following, state, signal) {
  const [path, init] = following.address(state.lastId !== "");
  const headers = { ...init.headers, Accept: "text/event-stream" };
  if (state.lastId) headers["Last-Event-ID"] = state.lastId;
  return request(path, { ...init, headers, signal, cache: "no-store" });
}

async function refusal(response, state) {
  if (response.status === 204) throw { code: "stream_lost", status: 204 };
  const failure = await failureOf(response);
  const passes = failure.code === "no_answer" || TRANSIENT.has(failure.code);
  if (passes && (state.lastId || state.tries)) return (failure.retry_after ?? 0) * 1000;
  throw failure;
}

async function read(response, following, state, abort) {
  let ended = false;
  const push = parser((event) => (ended ||= following.onEvent(event)), {
    onId(id) {
      if (id !== state.lastId) heard(state);
      following.onId((state.lastId = id));
    },
    onRetry: (milliseconds) => (state.base = milliseconds),
  });
  const reader = response.body.getReader();
  const since = Date.now();
  while (!ended) {
    const watchdog = setTimeout(abort, SILENCE);
    const chunk = await reader.read().catch(() => null); // null: the connection broke
    clearTimeout(watchdog);
    if (!chunk || chunk.done) break;
    if (Date.now() - since > STEADY) heard(state);
    push(chunk.value);
  }
  return ended;
}

/** Note that the service has said something: more than what any connection begins with. */
function heard(state) {
  state.heard = Date.now();
  state.tries = 0;
}

/** Wait; a network that comes back ends it early. Without one a service on this machine may still answer. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      for (const [target, name] of sources) target.removeEventListener(name, end);
      resolve(undefined);
    };
    const sources = /** @type {[EventTarget, string][]} */ ([
      [window, "online"],
      [signal, "abort"],
    ]);
    const timer = setTimeout(end, milliseconds);
    for (const [target, name] of sources) target.addEventListener(name, end);
    if (signal.aborted) end();
  });
}
