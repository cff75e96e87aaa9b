/** What can be done with a picture: controls, which say it if they cannot. */

import { copied } from "./clipboard.js";
import { COPIES, addressOf, fileName, pageOf } from "./copies.js";
import { ROOT, request } from "./credentials.js";
import { element } from "./elements.js";
import { models } from "./models.js";
import { whole } from "./options.js";
import { hasSeed, isLost, localTime, recipe, rows, seedBeside, withNewSeed } from "./recipe.js";
import { text } from "./texts.js";

/** @typedef {import("./gallery.js").Entry} Entry */

/**
 * The page's actions, where to say what came of one, and what shows the picture.
 * @typedef {import("./card.js").Actions & { say: (sentence: string) => void, url: () => string }} CardActions
 */

const canShare = "share" in navigator; // on phones, mostly
const VARIED = 0.6; // how far a variation departs: half of it is kept, and it is still another picture

/**
 * Return the controls of a picture.
 * @param {Entry} entry
 * @param {CardActions} actions
 * @returns {HTMLElement[]}
 */
export function controls(entry, actions) {
  const lost = isLost(entry) ? text("pictures.no_image") : null;
  const again = () => actions.generate(withNewSeed(entry));
  const field = element("div", { className: "picture-more" });
  const row = element(
    "div",
    { className: "picture-row" },
    control("again", again, actions, lost),
    vary(entry, actions),
    control("download", () => download(entry, actions), actions),
    canShare
      ? control("share", () => share(entry, field, actions.say), actions)
      : copying("link", entry, field, actions),
    control("compare", () => actions.compare(entry), actions),
  );
  row.lastElementChild.setAttribute("aria-pressed", String(actions.isChosen(entry)));
  const details = element("div", { className: "picture-row" }, more(entry, field, actions), recipeOf(entry, actions));
  return [seeds(entry, actions), row, field, details];
}

/** Return a button; with a reason it is grey, and says that instead. */
function control(name, act, { say }, reason = null) {
  const made = element("button", { type: "button" }, text(`pictures.${name}`));
  const setReason = (why) => {
    made.title = why ?? "";
    if (why) made.setAttribute("aria-disabled", "true");
    else made.removeAttribute("aria-disabled");
    made.onclick = () => (why ? say(why) : act());
  };
  setReason(reason);
  return Object.assign(made, { setReason });
}

/** Return the seed between the buttons that lead to its neighbors. */
function seeds(entry, actions) {
  const { seed, engine, width, height } = entry.result;
  const facts = element("span", { className: "quiet" }, `${width} × ${height} · ${engine}`);
  if (!hasSeed(entry)) return element("p", { className: "seeds" }, facts);
  const reason = isLost(entry) ? text("pictures.no_image") : null;
  const beside = (step, sign, name) => {
    const found = seedBeside(seed, step);
    const button = control(
      name,
      () => actions.walk(entry, step),
      actions,
      reason ?? (found === null ? text("pictures.last_seed") : null),
    );
    button.setAttribute("aria-label", text(`pictures.${name}`, { seed: found ?? "–" }));
    button.title ||= text("pictures.by_keys");
    button.replaceChildren(sign);
    return button;
  };
  const known = element("span", {}, text("pictures.seed", { seed }));
  return element("p", { className: "seeds" }, beside(-1, "‹", "before"), known, beside(1, "›", "after"), facts);
}

function vary(entry, actions) {
  const act = () => variation(entry).then(actions.fill, () => actions.say(text("pictures.not_loaded")));
  const made = control("vary", act, actions, isElsewhere(entry) ? text("pictures.vary_elsewhere") : null);
  if (!isElsewhere(entry)) {
    const editors = models().then((found) => found.some(({ honours }) => honours.includes("image")));
    editors.then((any) => any || made.setReason(text("pictures.no_editor"))).catch(() => {}); // the form says why
  }
  return made;
}

/** Return the options by which the form varies a picture. */
async function variation(entry) {
  const file = new File([await fileOf(entry)], fileName(entry), { type: entry.result.content_type });
  const named = (await models()).find(({ name }) => name === entry.options.model);
  const model = named?.honours.includes("image") ? named.name : "auto";
  const { prompt, negative_prompt, style } = recipe(entry);
  return whole({ prompt, negative_prompt, style, model, image: file, strength: VARIED });
}

const isElsewhere = (entry) => new URL(addressOf(entry)).origin !== ROOT.origin;

async function fileOf(entry) {
  const response = await request(addressOf(entry));
  return response.ok ? response.blob() : Promise.reject(response);
}

/** Save a picture's file by a good name; one from another host, of which no page may choose the name, is opened. */
async function download(entry, { say }) {
  if (isElsewhere(entry)) {
    window.open(addressOf(entry), "_blank", "noopener");
    return say(text("pictures.opened"));
  }
  try {
    const href = URL.createObjectURL(await fileOf(entry));
    element("a", { href, download: fileName(entry) }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser reads it after the click
    say(text("pictures.downloaded", { name: fileName(entry) }));
  } catch {
    say(text("pictures.not_loaded"));
  }
}

/** Return a part that is built when it is opened: hundreds of pictures have few that are. */
function disclosure(name, build) {
  const body = element("div", { className: "picture-more" });
  const made = element("details", {}, element("summary", {}, text(`pictures.${name}`)), body);
  made.addEventListener("toggle", () => body.childElementCount || body.append(...build()));
  return made;
}

function more(entry, field, actions) {
  const link = (name, href, values = {}) =>
    element("a", { href, target: "_blank", rel: "noopener", ...values }, text(`pictures.${name}`));
  return disclosure("more", () => {
    const open = link("open", addressOf(entry));
    open.onclick = open.onauxclick = () => Object.assign(open, { href: actions.url() });
    const names = Object.keys(COPIES).filter((name) => canShare || name !== "link"); // which is above
    const copies = names.map((name) => copying(name, entry, field, actions));
    const remove = control("remove", () => actions.remove(entry), actions);
    return [open, link("page", pageOf(entry)), ...copies, remove];
  });
}

function copying(name, entry, field, actions) {
  return control(`copies.${name}`, () => copy(name, entry, field, actions.say), actions);
}

/** Hand a picture's page on, as the device does that. */
async function share(entry, field, say) {
  try {
    await navigator.share({ title: entry.options.prompt, url: pageOf(entry) });
  } catch (failure) {
    if (failure.name !== "AbortError") await copy("link", entry, field, say); // else the person thought better of it
  }
}

/** Copy a text; if the browser lets no page do that, show it selected in a field. */
async function copy(name, entry, field, say) {
  const value = COPIES[name](entry);
  const time = name === "curl" ? null : localTime(entry.result.expires_at);
  field.replaceChildren();
  if (await copied(value)) return say(time ? text("pictures.copied_until", { time }) : text("pictures.copied"));
  const shown = element("textarea", { readOnly: true, value, rows: 3, "aria-label": text("pictures.to_copy") });
  field.replaceChildren(shown);
  shown.focus();
  /** @type {HTMLTextAreaElement} */ (shown).select();
  say(text("pictures.to_copy"));
}

function recipeOf(entry, actions) {
  const use = () => {
    actions.fill(whole(recipe(entry)));
    actions.say(text(isLost(entry) ? "pictures.no_image" : "pictures.used"));
  };
  return disclosure("recipe_heading", () => {
    const pairs = rows(entry).flatMap(([name, value]) => [
      element("dt", {}, name),
      element("dd", { dir: "auto" }, value),
    ]);
    return [element("dl", {}, ...pairs), control("use", use, actions)];
  });
}
