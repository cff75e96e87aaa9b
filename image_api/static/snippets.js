/** The form as code: what asks the service for just that picture, quoted so that every text stays text. */

import { copied } from "./clipboard.js";
import { key, ROOT } from "./credentials.js";
import { element } from "./elements.js";
import { control } from "./fields.js";
import { toQuery } from "./options.js";
import { text } from "./texts.js";

/** @typedef {import("./options.js").Options} Options */

const KEY = "API_KEY";
const TO_FILE = ["--fail-with-body", "-o", "picture.png"]; // an error is no picture: curl's status says so
const COPIED_MS = 2000;

/**
 * Return what asks for the picture of some options; a key stays a variable of the shell's or the program's.
 * @param {Options} options
 * @returns {{ curl: string, python: string, javascript: string, img: string }}
 */
export function snippets(options) {
  const fields = Object.fromEntries(toQuery(options));
  return {
    curl: curl(options, fields),
    python: python(options, fields),
    javascript: javascript(options, fields),
    img: img(options, fields),
  };
}

/** Show the snippets of what is in the form as long as they are open. */
export function mountSnippets(read) {
  const details = control("snippets");
  const list = details.querySelector(".snippets");
  const names = ["curl", "python", "javascript", "img"];
  const codes = Object.fromEntries(names.map((name) => [name, element("code")]));

  function update() {
    if (!details.open) return;
    if (!list.childElementCount) list.append(...names.map((name) => block(name, codes[name])));
    const options = read();
    const found = snippets({ ...options, prompt: options.prompt || text("form.snippet_prompt") });
    for (const name of names) codes[name].textContent = found[name];
  }

  details.addEventListener("toggle", update);
  document.addEventListener("key-kept", update);
  return { update };
}

function block(name, code) {
  const title = text(`form.snippet_names.${name}`);
  const copy = element(
    "button",
    { type: "button", "aria-label": `${text("form.copy_code")} ${title}` },
    text("form.copy_code"),
  );
  const said = element("span", { role: "status", className: "quiet" });
  copy.onclick = async () => {
    const done = await copied(code.textContent);
    if (!done) getSelection().selectAllChildren(code);
    said.textContent = text(done ? "form.copied" : "form.copy_failed");
    setTimeout(() => (said.textContent = ""), COPIED_MS);
  };
  const head = element("div", { className: "snippet" }, element("span", { className: "label" }, title), said, copy);
  return element("div", {}, head, element("pre", { tabIndex: 0, role: "region", "aria-label": title }, code));
}

/** Return the address of the picture itself, of a contact sheet for several, with the query in readable form. */
function pictureAddress({ n, ...fields }) {
  const query = new URLSearchParams(n > 1 ? { ...fields, seeds: n } : fields);
  return new URL(`${n > 1 ? "sheet" : "generate"}.png?${readable(query)}`, ROOT).href;
}

/** Return a query with %20 for spaces; all else that a shell or HTML could read is percent-encoded. */
function readable(query) {
  return String(query).replaceAll("+", "%20");
}

function curl(options, fields) {
  const bearer = key() ? [`-H "Authorization: Bearer $${KEY}"`] : [];
  const head = ["curl", ...TO_FILE, ...bearer];
  if (!options.image) return [...head, shell(pictureAddress(fields))].join(" ");
  const texts = Object.entries(fields).map(([name, value]) => `--form-string ${shell(`${name}=${value}`)}`);
  const file = `-F ${shell(`image=@${formPath(options.image.name)}`)}`;
  const format = Number(fields.n) > 1 ? head.filter((word) => !TO_FILE.includes(word)) : head;
  const wanted = format === head ? ["--form-string 'format=image'"] : [];
  return [...format, ...texts, ...wanted, file, shell(new URL("generate", ROOT).href)].join(" ");
}

/** Return a word of a POSIX shell. */
function shell(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Return a file's name in quotes as curl reads it, so that ; and , stay in it. */
function formPath(name) {
  return `"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** Return the fields as literals, a line each, which Python and JavaScript read alike. */
function literals(options, fields, asText = false) {
  const value = (name) =>
    typeof options[name] === "number" && !asText ? String(options[name]) : literal(fields[name]);
  return Object.keys(fields).map((name) => [literal(name), value(name)]);
}

/** Return a literal of a text in Python and JavaScript. */
function literal(value) {
  return JSON.stringify(value);
}

function python(options, fields) {
  const asForm = Boolean(options.image);
  const lines = literals(options, fields, asForm).map(([name, value]) => `        ${name}: ${value},`);
  const file = asForm ? [`    files={"image": open(${literal(options.image.name)}, "rb")},`] : [];
  const bearer = key() ? [`    headers={"Authorization": f"Bearer {os.environ['${KEY}']}"},`] : [];
  return [
    ...(key() ? ["import os", ""] : []),
    "import requests",
    "",
    "result = requests.post(",
    `    ${literal(new URL("generate", ROOT).href)},`,
    `    ${asForm ? "data" : "json"}={`,
    ...lines,
    "    },",
    ...file,
    ...bearer,
    ").json()",
    fields.n > 1
      ? 'print([picture["image_url"] for picture in result.get("images", [])] or result["error"])'
      : 'print(result.get("image_url") or result["error"])',
  ].join("\n");
}

function javascript(options, fields) {
  const pairs = literals(options, fields, Boolean(options.image));
  const headers = [
    ...(options.image ? [] : ['"Content-Type": "application/json"']),
    ...(key() ? [`Authorization: \`Bearer \${${KEY}}\``] : []),
  ];
  const form = ["const body = new FormData();", ...pairs.map(([name, value]) => `body.append(${name}, ${value});`)];
  const json = ["const body = JSON.stringify({", ...pairs.map(([name, value]) => `  ${name}: ${value},`), "});"];
  const lines = [
    ...(options.image ? [...form, 'body.append("image", file); // a File, as an <input type="file"> has it'] : json),
    `const response = await fetch(${literal(new URL("generate", ROOT).href)}, {`,
    '  method: "POST",',
    ...(headers.length ? [`  headers: { ${headers.join(", ")} },`] : []),
    "  body,",
    "});",
    "const result = await response.json();",
    fields.n > 1
      ? "console.log(result.images?.map((picture) => picture.image_url) ?? result.error);"
      : "console.log(result.image_url ?? result.error);",
  ];
  return inScript(lines.join("\n"));
}

/** Return a script whose texts end no <script> that it is put into. */
function inScript(code) {
  return code.replaceAll("</", "<\\/").replaceAll("<!--", "<\\!--");
}

function img(options, fields) {
  const attributes = { src: pictureAddress(fields), alt: options.prompt };
  const words = Object.entries(attributes).map(([name, value]) => `${name}="${attribute(value)}"`);
  const note = options.image ? [`<!-- ${text("form.img_no_source")} -->`] : [];
  return [...note, `<img ${words.join(" ")}>`].join("\n");
}

function attribute(value) {
  const named = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return value.replace(/[&<>"']/g, (character) => named[character]);
}
