// Draws a song's waveform, column by column, as its samples come.

export class Waveform {
  #canvas;
  #song;
  #drawn = 0;  // columns

  /** @param {HTMLCanvasElement} canvas @param {import("./song.js").Song} song */
  constructor(canvas, song) {
    this.#canvas = canvas;
    this.#song = song;
  }

  /** Draws all columns again, for other colours. */
  redraw() {
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#drawn = 0;
    this.update();
  }

  /** Draws the columns whose samples have come since the last call. */
  update() {
    const { width, height } = this.#canvas;
    const { total, held } = this.#song;
    if (total === 0) return;
    const pen = this.#canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(this.#canvas).color;
    const end = Math.floor(width * held / total);
    for (; this.#drawn < end; ++this.#drawn) {
      const [low, high] = this.#range(this.#drawn / width * total, (this.#drawn + 1) / width * total);
      const top = (1 - high) / 2 * height;
      pen.fillRect(this.#drawn, top, 1, Math.max(1, (high - low) / 2 * height));
    }
  }

  #range(begin, end) {
    const { samples, channels } = this.#song;
    let low = 0;
    let high = 0;
    for (let i = Math.floor(begin) * channels; i < Math.floor(end) * channels; ++i) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    return [low / 32768, high / 32768];
  }
}
