/** The field for the key of a service that wants one: it comes forward when the service has refused a request. */

import { isKey, key, keepKey } from "./credentials.js";
import { control, focusField, setProblem } from "./fields.js";
import { text } from "./texts.js";

/** Bring the key's field to life. */
export function mountKeyField() {
  const field = control("key");
  field.value = key() ?? "";
  field.addEventListener("change", () => {
    const value = field.value.trim();
    const isUsable = !value || isKey(value);
    setProblem("key", isUsable ? "" : text("form.key_invalid"));
    if (isUsable) keepKey(value);
  });
  document.addEventListener("key-wanted", () => {
    setProblem("key", text(key() ? "form.key_refused" : "form.key_wanted"));
    if (!control("key-field").open) focusField("key");
  });
}
