/** Changes of a list that move what is there smoothly, which is no layout shift: nothing jumps. */

const MS = 250;

/**
 * Make a change, and have everything that it moves slide to its new place.
 * @param {HTMLElement} root - of the list items and what else is marked to slide
 * @param {() => void} change
 */
export function slide(root, change) {
  const before = new Map(moving(root).map((item) => [item, item.getBoundingClientRect()]));
  change();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const [item, { left, top }] of before) {
    const now = item.getBoundingClientRect();
    const [x, y] = [left - now.left, top - now.top];
    const from = { transform: `translate(${x}px, ${y}px)` };
    if (x || y) item.animate([from, { transform: "none" }], { duration: MS, easing: "ease-out" });
  }
}

/** @returns {HTMLElement[]} */
const moving = (root) => [...root.querySelectorAll(".cards > li, .slides")];
