/** Blurred pictures of a few characters: https://github.com/woltapp/blurhash/blob/master/Algorithm.md. */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

const number = (text) => [...text].reduce((value, digit) => value * 83 + DIGITS.indexOf(digit), 0);
const signedSquare = (value) => value * Math.abs(value);

/** Return a channel of sRGB, 0 to 255, as linear light, 0 to 1. */
function toLinear(channel) {
  const value = channel / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** Return linear light, 0 to 1, as a channel of sRGB, 0 to 255. */
function toChannel(light) {
  const value = Math.min(1, Math.max(0, light));
  return 255 * (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055);
}

/** Return the components of a blurhash, each red, green and blue; null if it is none. */
function components(hash) {
  if ([...hash].some((digit) => !DIGITS.includes(digit))) return null;
  const flags = number(hash.slice(0, 1));
  const across = (flags % 9) + 1;
  const down = Math.floor(flags / 9) + 1;
  if (hash.length !== 4 + 2 * across * down) return null;
  const mean = number(hash.slice(2, 6));
  const colors = [[mean >> 16, (mean >> 8) & 255, mean & 255].map(toLinear)];
  const largest = (number(hash[1]) + 1) / 166;
  for (let at = 6; at < hash.length; at += 2) {
    const value = number(hash.slice(at, at + 2));
    const levels = [Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19];
    colors.push(levels.map((level) => signedSquare((level - 9) / 9) * largest));
  }
  return { across, down, colors };
}

/** Return the waves of one axis: for each of its pixels that of each component. */
function waves(pixels, count) {
  const wave = (at, index) => Math.cos((Math.PI * at * index) / pixels);
  return Array.from({ length: pixels }, (_, at) => Array.from({ length: count }, (_, index) => wave(at, index)));
}

/**
 * Return the pixels of a blurhash as RGBA; null if it is none.
 * @param {string} hash
 * @param {number} width
 * @param {number} height
 * @returns {Uint8ClampedArray | null}
 */
export function decode(hash, width, height) {
  const found = components(hash);
  if (!found) return null;
  const horizontal = waves(width, found.across);
  const vertical = waves(height, found.down);
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let at = 0; at < width * height; at++) {
    const [x, y] = [horizontal[at % width], vertical[Math.floor(at / width)]];
    for (let channel = 0; channel < 3; channel++) {
      const part = (sum, color, index) =>
        sum + color[channel] * x[index % found.across] * y[Math.floor(index / found.across)];
      pixels[at * 4 + channel] = toChannel(found.colors.reduce(part, 0));
    }
  }
  return pixels;
}

/**
 * Draw a blurhash on a canvas of a few pixels, which the page enlarges; what is none leaves it empty.
 * @param {HTMLCanvasElement} canvas
 * @param {string | undefined} hash
 */
export function drawBlurhash(canvas, hash) {
  const pixels = decode(hash ?? "", canvas.width, canvas.height);
  if (!pixels) return;
  const image = canvas.getContext("2d").createImageData(canvas.width, canvas.height);
  image.data.set(pixels);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
