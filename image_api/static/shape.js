/** The shape: little frames of proportions, a size of one's own, or the source picture's proportion. */

import { element } from "./elements.js";
import { control, isGrey, numberIn } from "./fields.js";
import { SIDE_STEP } from "./options.js";
import { text } from "./texts.js";

const SHAPES = { __proto__: null, square: "1:1", portrait: "2:3", landscape: "3:2" };
const NAMES = new Map(Object.entries(SHAPES).map(([name, ratio]) => [ratio, name]));
const SOURCE = "source";
const FRAME_AREA = 220; // square pixels of a frame
const USUAL_AREA = 768 * 768; // pixels
const WIDEST = 4;

/**
 * Return width divided by height, null if the text is no aspect ratio from 1:4 to 4:1.
 * @param {string} ratio
 */
export function proportionOf(ratio) {
  const found = /^(\d{1,4}(?:\.\d{1,4})?):(\d{1,4}(?:\.\d{1,4})?)$/.exec(ratio);
  const proportion = found ? Number(found[1]) / Number(found[2]) : NaN;
  return proportion >= 1 / WIDEST && proportion <= WIDEST ? proportion : null;
}

/** Return the name of the shape that is nearest to a size. */
export function nearestShape(width, height) {
  const distance = (name) => Math.abs(Math.log(width / height / proportionOf(SHAPES[name])));
  return Object.keys(SHAPES).reduce((best, name) => (distance(name) < distance(best) ? name : best));
}

/** Bring the frames to life. */
export function mountShape() {
  const group = control("shape");
  const chosen = () => group.querySelector("input[type=radio]:checked").value;
  const radio = (ratio) => [...group.querySelectorAll("input[type=radio]")].find(({ value }) => value === ratio);
  let before = SHAPES.square;
  let latest = before; // of what the person chose

  function frame(ratio, name) {
    const drawn = element("span", { className: "frame" });
    const input = element("input", { type: "radio", name: "aspect_ratio", value: ratio });
    const made = element("label", { className: "pick" }, input, drawn, element("span", {}, name));
    control("own").parentElement.before(made);
    draw(drawn, ratio);
  }

  function choose(ratio) {
    if (!radio(ratio)) frame(ratio, ratio);
    radio(ratio).checked = true;
    latest = ratio;
    control("sides").hidden = ratio !== "";
  }

  function setSides(width, height, proportion) {
    const other = (side, factor) => (side && proportion ? Math.round((side * factor) / SIDE_STEP) * SIDE_STEP : "");
    control("width").value = width ?? other(height, proportion);
    control("height").value = height ?? other(width, 1 / proportion);
  }

  group.querySelectorAll(".frame").forEach((drawn) => draw(drawn, drawn.dataset.ratio));
  group.addEventListener("change", ({ target }) => {
    const { name, value: ratio } = /** @type {HTMLInputElement} */ (target);
    if (name !== "aspect_ratio") return;
    control("sides").hidden = ratio !== "";
    if (ratio === "" && !control("width").value && !control("height").value) setSides(...sidesOf(latest));
    latest = ratio;
  });
  control("own").addEventListener("click", (event) => isGrey("own") && event.preventDefault());

  return {
    /** Return the options of the shape. A square is left out, which is what the service makes, unless it is asked of
     * a source picture, whose proportion the service would take.
     * @returns {Partial<import("./options.js").Options>} */
    read(hasSource) {
      const ratio = chosen();
      if (ratio === "") return { width: numberIn("width"), height: numberIn("height") };
      if (ratio === SOURCE || (ratio === SHAPES.square && !hasSource)) return {};
      return NAMES.has(ratio) ? { shape: NAMES.get(ratio) } : { aspect_ratio: ratio };
    },
    /** Return whether a size of one's own is chosen. */
    isOwn: () => chosen() === "",
    /** Choose what options ask for; without any, the source's proportion or a square. */
    fill({ shape, aspect_ratio: ratio, width, height }, hasSource) {
      const proportion = ratio ? proportionOf(ratio) : null;
      if (width || height) {
        setSides(width, height, proportion);
        choose("");
      } else if (proportion) choose(ratio);
      else choose(SHAPES[shape?.toLowerCase()] ?? (hasSource ? SOURCE : SHAPES.square));
    },
    /** Offer the source picture's proportion, and choose it; or take it away with the picture. */
    setSource(hasSource) {
      if (hasSource && !radio(SOURCE)) {
        before = chosen();
        frame(SOURCE, text("form.as_source"));
        choose(SOURCE);
      } else if (!hasSource && radio(SOURCE)) {
        if (chosen() === SOURCE) choose(before);
        radio(SOURCE).parentElement.remove();
      }
    },
  };
}

/** Return a usual size of an aspect ratio, in multiples of 8. */
function sidesOf(ratio) {
  const width = Math.sqrt(USUAL_AREA * (proportionOf(ratio) ?? 1));
  return [width, USUAL_AREA / width].map((side) => Math.round(side / SIDE_STEP) * SIDE_STEP);
}

function draw(drawn, ratio) {
  const proportion = proportionOf(ratio);
  drawn.classList.toggle("open", !proportion);
  drawn.style.width = `${Math.sqrt(FRAME_AREA * (proportion ?? 1))}px`;
  drawn.style.aspectRatio = String(proportion ?? 1);
}
