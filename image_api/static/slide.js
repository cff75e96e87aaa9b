/** Changes that move what is on the page smoothly, which is no layout shift: nothing jumps. */

const MS = 250;
const CHANGES = { childList: true, subtree: true, attributes: true, characterData: true };

/**
 * Make a change, and have every item of a list that it moves slide to its new place.
 * @param {HTMLElement} root - of the items, and of what else has the class `slides`
 * @param {() => void} change
 */
export function slide(root, change) {
  const items = [...root.querySelectorAll(".cards > li, .slides")];
  const before = items.map((item) => item.getBoundingClientRect());
  change();
  const after = items.map((item) => item.getBoundingClientRect());
  items.forEach((item, index) => {
    const [from, to] = [before[index], after[index]];
    if ([from, to].some(isInView)) slideFrom(item, from.left - to.left, from.top - to.top);
  });
}

const isInView = ({ top, bottom }) => bottom > 0 && top < innerHeight;

/**
 * Have a part of the page slide whenever a change of the one above it moves it.
 * @param {HTMLElement} part
 */
export function slideBelow(part) {
  let top = part.offsetTop;
  const follow = () => {
    slideFrom(part, 0, top - part.offsetTop);
    top = part.offsetTop;
  };
  // A ResizeObserver would be too late: Chromium counts the shift before it.
  new MutationObserver(follow).observe(part.previousElementSibling, CHANGES);
  addEventListener("resize", () => (top = part.offsetTop));
}

/** Have an element, at a new place already, slide to it from one so far away. */
function slideFrom(item, x, y) {
  if ((!x && !y) || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const path = [{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }];
  item.animate(path, { duration: MS, easing: "ease-out", composite: "add" }); // to those that still run
}
