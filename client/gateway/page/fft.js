// The power spectrum of a piece of sound: a Hann window and a radix-2 transform.

export class Spectrum {
  /** @param {number} size samples a piece, a power of two */
  constructor(size) {
    this.size = size;
    this.power = new Float32Array(size / 2);
    this.#real = new Float32Array(size);
    this.#imaginary = new Float32Array(size);
    this.#window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / size));
    this.#cosine = Float32Array.from({ length: size / 2 }, (_, i) => Math.cos(2 * Math.PI * i / size));
    this.#sine = Float32Array.from({ length: size / 2 }, (_, i) => Math.sin(2 * Math.PI * i / size));
  }
  #real;
  #imaginary;
  #window;
  #cosine;
  #sine;

  /**
   * Adds to `power` what the samples from `begin` on have; those beyond the ends are silence.
   * @param {Int16Array} samples interleaved @param {number} begin @param {number} channels
   */
  add(samples, begin, channels) {
    const re = this.#real;
    const im = this.#imaginary;
    for (let i = 0; i < this.size; ++i) {
      re[i] = (samples[(begin + i) * channels] ?? 0) / 32768 * this.#window[i];
      im[i] = 0;
    }
    this.#transform(re, im);
    for (let i = 0; i < this.power.length; ++i) this.power[i] += re[i] * re[i] + im[i] * im[i];
  }

  #transform(re, im) {
    const size = this.size;
    for (let i = 1, j = 0; i < size; ++i) {
      let bit = size >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let half = 1; half < size; half *= 2) {
      for (let i = 0; i < size; i += 2 * half) this.#butterflies(re, im, i, half);
    }
  }

  #butterflies(re, im, first, half) {
    const step = this.size / (2 * half);
    for (let k = 0; k < half; ++k) {
      const a = first + k;
      const b = a + half;
      const c = this.#cosine[k * step];
      const s = this.#sine[k * step];
      const r = re[b] * c + im[b] * s;
      const i = im[b] * c - re[b] * s;
      re[b] = re[a] - r;
      im[b] = im[a] - i;
      re[a] += r;
      im[a] += i;
    }
  }
}
