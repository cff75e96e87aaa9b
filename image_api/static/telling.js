/** What is told beside the page itself: the window's title, and a line for screen readers that does not interrupt. */

import { text } from "./texts.js";

const BETWEEN = 3000; // milliseconds between two lines that are read aloud
const SHOWN = 4000; // that the title says of an end that is seen

/**
 * Return what tells.
 * @param {HTMLElement} line - with role=status
 * @returns {{ title: (news: string) => void, ends: (news: string) => void, say: (sentence: string, atOnce?: boolean) => void }}
 *   `title` shows news, none if they are empty; `ends` until they were seen; `say` reads aloud, the latest alone if
 *   there is much that need not be said at once
 */
export function telling(line) {
  const own = document.title;
  let titleTimer;
  let lineTimer;
  let latest = "";

  function title(news) {
    clearTimeout(titleTimer);
    document.title = news ? text("making.title", { news, title: own }) : own;
  }

  function seen() {
    if (!document.hidden && document.title !== own) titleTimer = setTimeout(() => title(""), SHOWN);
  }

  function show() {
    clearTimeout(lineTimer);
    lineTimer = undefined;
    if (line.textContent !== latest) line.textContent = latest;
  }

  return {
    title,
    ends(news) {
      title(news);
      if (!document.hidden) seen();
      else document.addEventListener("visibilitychange", seen, { once: true });
    },
    say(sentence, atOnce = false) {
      latest = sentence;
      if (atOnce) show();
      else lineTimer ??= setTimeout(show, line.textContent ? BETWEEN : 0);
    },
  };
}
