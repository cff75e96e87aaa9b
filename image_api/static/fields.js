/** The form's fields, and the notes below each: why it is not sent, and what is wrong with it. */

/**
 * Return an element of the form, such as the control of a field.
 * @param {string} id
 * @returns {any}
 */
export function control(id) {
  return document.getElementById(id);
}

/** Show a text in an element of the form, which is hidden if there is none. */
export function show(id, text) {
  const element = control(id);
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/** Show what is wrong with a field; an empty sentence takes that back. */
export function setProblem(name, sentence) {
  show(`${name}-problem`, sentence);
  const entry = ENTRIES[name] ?? name;
  if (sentence) control(entry).setAttribute("aria-invalid", "true");
  else control(entry).removeAttribute("aria-invalid");
}

/**
 * Grey the controls of a field, with the reason below them. They keep their values and can be reached, so that a
 * screen reader tells the reason.
 * @param {string} name
 * @param {string} reason - the field is as usual if it is empty
 */
export function setReason(name, reason) {
  show(`${name}-reason`, reason);
  for (const id of CONTROLS[name] ?? [name]) {
    if (reason) control(id).setAttribute("aria-disabled", "true");
    else control(id).removeAttribute("aria-disabled");
    control(id).readOnly = Boolean(reason);
  }
}

/** Return whether a control is greyed. */
export function isGrey(id) {
  return control(id).getAttribute("aria-disabled") === "true";
}

/** Move the focus to a field, which is opened if it is folded away. */
export function focusField(name) {
  const entry = control(ENTRIES[name] ?? name);
  const folded = entry?.closest("details");
  if (folded) folded.open = true;
  entry?.focus();
}

/**
 * Return the number in a field; undefined if it is empty, NaN if it has something else.
 * @param {string} id
 * @returns {number | undefined}
 */
export function numberIn(id) {
  const field = control(id);
  if (field.validity.badInput) return NaN;
  return field.value === "" ? undefined : Number(field.value);
}

const ENTRIES = { image: "source-choose", shape: "own", aspect_ratio: "own", n: "count" };
const CONTROLS = {
  seed: ["seed", "dice", "lock"],
  image: ["source-choose"],
  own: ["own", "width", "height"],
};
