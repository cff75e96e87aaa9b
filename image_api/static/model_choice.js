/** The choice of a model: automatic, or one by its name, with its state, expected time and price. */

import { element } from "./elements.js";
import { control } from "./fields.js";
import { models } from "./models.js";
import { text } from "./texts.js";

/** @typedef {import("./models.js").Model} Model */

const AUTO = "auto";
const RETRIES_MS = [2_000, 5_000, 10_000, 20_000, 40_000];

/**
 * Bring the choice of a model to life.
 * @param {() => void} changed - called when the list has come, or another one
 */
export function mountModelChoice(changed) {
  const select = control("model");
  /** @type {Model[] | null} */
  let known = null;
  let problem = "form.models_loading";
  let failures = 0;
  let retry;

  const chosen = () => known?.find(({ name }) => name === select.value) ?? null;

  /** Load the list; it is asked for again by what the person does, not by a clock, so that a worker can fall asleep. */
  async function load() {
    clearTimeout(retry);
    try {
      const list = await models();
      if (list === known) return;
      [known, problem, failures] = [list, list.length ? "" : "form.models_empty", 0];
    } catch {
      problem = "form.models_failed";
      if (failures < RETRIES_MS.length) retry = setTimeout(load, RETRIES_MS[failures++]);
    }
    list();
    changed();
  }

  function list() {
    const before = select.value;
    const ready = (known ?? []).filter(({ state }) => state === "ready");
    const others = (known ?? []).filter(({ state }) => state !== "ready");
    if (!renamed(select, known ?? [])) {
      select.replaceChildren(
        element("option", { value: "" }, text("form.auto")),
        ...[group("form.ready", ready), group("form.not_ready", others)].filter(Boolean),
      );
    }
    fill(before);
  }

  function fill(name) {
    const wanted = !name || name.toLowerCase() === AUTO ? "" : name;
    if (![...select.options].some(({ value }) => value === wanted)) {
      select.append(element("option", { value: wanted }, wanted));
    }
    select.value = wanted;
    explain();
  }

  function explain() {
    control("model-about").textContent = about(select.value, chosen(), known, problem);
  }

  select.addEventListener("change", explain);
  control("options").addEventListener("focusin", load);
  document.addEventListener("visibilitychange", () => document.hidden || load());
  document.addEventListener("key-kept", load);
  window.addEventListener("online", load);
  explain();
  load();

  return {
    chosen,
    fill,
    /** @returns {string | undefined} */
    read: () => select.value || undefined,
    /** Return whether a name is in the list, or may be as long as that has not come. */
    mayHave: (name) => !known?.length || known.some((model) => model.name === name),
    /** Return whether it is known that no model that automatic could ask begins with a picture. */
    lacksEditor: () =>
      !select.value &&
      Boolean(known?.length) &&
      known.every((model) => model.engine && !(model.answers_auto && model.state !== "down" && edits(model))),
  };
}

function edits({ honours }) {
  return honours.includes("image");
}

/** Write new states into the options, if the models are as they were: an open list would close if it was replaced. */
function renamed(select, list) {
  const options = [...select.options].filter(({ value }) => value);
  const place = (model) => options.find(({ value }) => value === model.name);
  const isThere = (model) => place(model)?.parentElement.label === text(groupOf(model));
  if (options.length !== list.length || !list.every(isThere)) return false;
  for (const model of list) place(model).textContent = label(model);
  return true;
}

const groupOf = ({ state }) => (state === "ready" ? "form.ready" : "form.not_ready");

function group(key, list) {
  if (!list.length) return null;
  const options = list.map((model) => element("option", { value: model.name }, label(model)));
  return element("optgroup", { label: text(key) }, ...options);
}

/** Return the words about a model that fit into a line of the list. */
function label(model) {
  return [model.name, ...facts(model)].join(" · ");
}

function facts({ state, p50_seconds: seconds, price, simulated }) {
  return [
    state === "ready" ? null : stateText(state),
    seconds === undefined || seconds === null
      ? null
      : text("form.seconds", { seconds: Math.max(1, Math.round(seconds)) }),
    price ? text("form.price", { price: Number(price.toPrecision(2)) }) : null,
    simulated ? text("form.stand_in") : null,
  ].filter(Boolean);
}

function stateText(state) {
  const path = `form.states.${state}`;
  const found = text(path);
  return found === path ? state : found;
}

/** Return the sentence below the list. */
function about(name, model, known, problem) {
  if (problem && !(name && known)) return text(problem);
  if (model) {
    const words = [
      stateText(model.state),
      ...facts({ ...model, state: "ready" }),
      model.price === 0 && text("form.free"),
    ];
    return `${model.description} ${sentence(words.filter(Boolean).join(", "))}`;
  }
  if (name) return text("form.model_unlisted", { model: name });
  const next = known?.find(({ answers_auto: auto, state }) => auto && state === "ready");
  if (!next) return text("form.auto_none");
  return text("form.auto_next", { model: [next.name, ...facts({ ...next, simulated: false })].join(", ") });
}

function sentence(words) {
  return `${words[0].toUpperCase()}${words.slice(1)}.`;
}
