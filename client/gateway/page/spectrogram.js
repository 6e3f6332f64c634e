// Draws a song's spectrogram, column by column, as its samples come: low notes at the bottom, each
// octave as high as the next.

import { Spectrum } from "./fft.js";

const LOWEST_HZ = 55;
const FLOOR_DB = -75;
const MOST_PIECES = 3;  // spectra whose mean a column shows
// From silence to full scale.
const COLOURS = [[12, 11, 30], [58, 26, 110], [152, 42, 124], [232, 104, 74], [252, 222, 150]];

/** @param {number} level 0 to 1 */
function colourOf(level) {
  const at = Math.min(Math.max(level, 0), 0.999) * (COLOURS.length - 1);
  const low = COLOURS[Math.floor(at)];
  const high = COLOURS[Math.floor(at) + 1];
  return low.map((value, i) => value + (high[i] - value) * (at % 1));
}

export class Spectrogram {
  #canvas;
  #song;
  #drawn = 0;  // columns
  #spectrum = new Spectrum(2048);
  #column;

  /** @param {HTMLCanvasElement} canvas @param {import("./song.js").Song} song */
  constructor(canvas, song) {
    this.#canvas = canvas;
    this.#song = song;
    this.#column = new ImageData(1, canvas.height);
  }

  /** Draws the columns whose samples have come since the last call. */
  update() {
    const { width } = this.#canvas;
    const { total, held } = this.#song;
    if (total === 0) return;
    const pen = this.#canvas.getContext("2d");
    // A spectrum reaches beyond its column.
    const reach = held === total ? 0 : this.#spectrum.size / 2;
    const end = Math.floor(width * (held - reach) / total);
    for (; this.#drawn < end; ++this.#drawn) {
      this.#paint(this.#drawn / width * total, total / width);
      pen.putImageData(this.#column, this.#drawn, 0);
    }
  }

  #paint(begin, length) {
    const { samples, channels, sampleRate } = this.#song;
    const { size, power } = this.#spectrum;
    const pieces = Math.min(MOST_PIECES, Math.max(1, Math.round(length / size)));
    power.fill(0);
    for (let i = 0; i < pieces; ++i) {
      const middle = begin + length * (i + 0.5) / pieces;
      this.#spectrum.add(samples, Math.round(middle - size / 2), channels);
    }
    const { height } = this.#canvas;
    const octaves = Math.log2(sampleRate / 2 / LOWEST_HZ);
    const binAt = (row) => LOWEST_HZ * 2 ** (octaves * row / height) * size / sampleRate;
    for (let row = 0; row < height; ++row) {
      const loudest = this.#loudest(binAt(row), binAt(row + 1));
      const decibel = 10 * Math.log10(loudest / pieces + 1e-12) - 20 * Math.log10(size / 4);
      const colour = colourOf(1 - decibel / FLOOR_DB);
      this.#column.data.set([...colour, 255], 4 * (height - 1 - row));
    }
  }

  #loudest(from, to) {
    const { power } = this.#spectrum;
    let loudest = 0;
    const last = Math.min(Math.ceil(to), power.length);
    for (let bin = Math.floor(from); bin < last; ++bin) loudest = Math.max(loudest, power[bin]);
    return loudest;
  }
}
