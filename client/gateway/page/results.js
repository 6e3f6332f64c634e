// The songs side by side: each with its state, waveform, spectrogram and files.

import { fetchSong } from "./api.js";
import { Spectrogram } from "./spectrogram.js";
import { Waveform } from "./waveform.js";
import { errorWords } from "./words.js";

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);  // the browser may take its time
}

/**
 * What a card asks of the page.
 * @typedef {object} CardActions
 * @property {function(import("./song.js").Song): void} select
 * @property {function(import("./song.js").Song): void} again
 * @property {function(number): void} seek gets seconds
 * @property {function(): string} key
 */

/** One song's card. */
export class ResultCard {
  #song;
  #actions;
  #waveform;
  #spectrogram;
  #part;
  #drawing = false;

  /** @param {HTMLTemplateElement} template @param {import("./song.js").Song} song @param {CardActions} actions */
  constructor(template, song, actions) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.#song = song;
    this.#actions = actions;
    this.#part = (selector) => this.element.querySelector(selector);
    this.#waveform = new Waveform(this.#part(".waveform"), song);
    this.#spectrogram = new Spectrogram(this.#part(".spectrogram"), song);
    this.#label();
    this.#listen();
    this.#update();
  }

  get song() { return this.#song; }
  get radio() { return this.#part("input[type=radio]"); }

  /** @param {number | null} seconds where the song is heard; null: it isn't this one */
  showPosition(seconds) {
    const playhead = this.#part(".playhead");
    playhead.hidden = seconds === null || this.#song.seconds === 0;
    if (!playhead.hidden) playhead.style.transform = `translateX(${100 * seconds / this.#song.seconds}%)`;
  }

  /** @param {boolean} busy whether songs are made, so that no other can be begun */
  setBusy(busy) {
    this.#part(".again").disabled = busy;
  }

  /** To be called when the page's colours have changed. */
  redraw() {
    this.#waveform.redraw();
  }

  #label() {
    const { name } = this.#song;
    this.element.setAttribute("aria-label", name);
    this.#part(".waveform").setAttribute("aria-label", `Waveform of ${name}`);
    this.#part(".spectrogram").setAttribute("aria-label", `Spectrogram of ${name}`);
    this.#part("progress").setAttribute("aria-label", `Progress of ${name}`);
    for (const button of this.element.querySelectorAll(".save")) {
      button.setAttribute("aria-label", `Download ${name} as ${button.textContent}`);
    }
    this.#part(".again").setAttribute("aria-label", `Try ${name} again`);
  }

  #listen() {
    this.#song.addEventListener("change", () => this.#update());
    this.#song.addEventListener("samples", () => this.#onSamples());
    this.radio.addEventListener("change", () => this.#actions.select(this.#song));
    this.#part(".again").addEventListener("click", () => this.#actions.again(this.#song));
    this.#part(".views").addEventListener("click", (event) => {
      const box = this.#part(".views").getBoundingClientRect();
      this.radio.checked = true;
      this.#actions.select(this.#song);
      this.#actions.seek((event.clientX - box.left) / box.width * this.#song.seconds);
    });
    for (const button of this.element.querySelectorAll(".save")) {
      button.addEventListener("click", () => this.#save(button));
    }
  }

  /** Draws once a frame, however many pieces come. */
  #onSamples() {
    this.#showProgress();
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#waveform.update();
      this.#spectrogram.update();
    });
  }

  #update() {
    const { name, state, started, error, held } = this.#song;
    this.#part(".result-name").textContent = started === null ? name : `${name}, seed ${started.seed}`;
    // What can't be used now can't be used again.
    const mayGoOn = (state === "failed" && error.status !== "INVALID_ARGUMENT") || state === "cancelled";
    this.#part(".again").hidden = !mayGoOn;
    for (const button of this.element.querySelectorAll(".save")) button.disabled = state !== "finished";
    if (state === "failed") {
      this.#note(errorWords(error).title, true);
    } else {
      const isPart = state === "cancelled" && held > 0;
      this.#note(isPart ? "What was made so far can still be heard." : "", false);
    }
    this.#showProgress();
  }

  #showProgress() {
    const { state, words, made, seconds, uploaded, finished } = this.#song;
    const progress = this.#part("progress");
    progress.hidden = state !== "working";
    progress.value = made > 0 ? made : 0.1 * uploaded;
    let text = words;
    if (state === "working" && made > 0) text += `, ${Math.floor(100 * made)} %`;
    else if (state === "working" && uploaded > 0 && uploaded < 1) text += `, ${Math.floor(100 * uploaded)} %`;
    if (finished !== null) text = `${seconds.toFixed(0)} s in ${finished.seconds.total.toFixed(1)} s`;
    this.#part(".result-state").textContent = text;
  }

  #note(text, bad) {
    const note = this.#part(".result-note");
    note.textContent = text;
    note.classList.toggle("bad", bad);
  }

  /** WAV is at hand; for another format, the service decodes the song's tokens again. */
  async #save(button) {
    const song = this.#song;
    const format = button.dataset.format;
    const stem = song.video.name.replace(/\.[^.]*$/, "");
    const name = `${stem}-seed${song.started.seed}.${format}`;
    if (format === "wav") return save(song.wav(), name);
    button.disabled = true;
    this.#note(`Preparing ${button.textContent}.`, false);
    try {
      const fields = { ...song.fields, format };
      const request = { video: song.video, fields, resume: song.tokensText(), key: this.#actions.key() };
      save(await fetchSong(request), name);
      this.#note("", false);
    } catch (error) {
      const { title, details } = errorWords(error);
      this.#note(`${title} ${details}`, true);
    }
    button.disabled = false;
  }
}
