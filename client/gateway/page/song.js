// One song: what was asked for, and what has arrived of it. It keeps the WAV file as it came, so
// that the file can be saved and its samples heard and drawn without a copy.

import { stageWords } from "./words.js";
import { wavLayout } from "./wav.js";

/** @param {string} base64 */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * Sends "change" when its state or words change, and "samples" when there are more of them.
 */
export class Song extends EventTarget {
  /** @type {"waiting" | "working" | "finished" | "failed" | "cancelled"} */
  state = "waiting";
  words = "Waiting for its turn";
  /** The sent part of the upload, 0 to 1. */
  uploaded = 0;
  /** @type {Error | null} why it failed */
  error = null;
  /** @type {Song[]} those that were asked for together, with this one */
  companions = [this];
  /** @type {object | null} GenerationStarted, with this song's own seed */
  started = null;
  /** @type {object | null} GenerationFinished */
  finished = null;
  /** @type {Int16Array} the samples, interleaved; those that have not come yet are 0 */
  samples = new Int16Array(0);
  sampleRate = 0;
  channels = 1;
  /** Samples per channel: of the whole song, and those that have come. */
  total = 0;
  held = 0;

  #file = new Uint8Array(0);
  #head = new Uint8Array(0);
  #begin = 0;
  #received = 0;
  #skip = 0;  // bytes of an attempt that an earlier one has brought
  #tokens = new Uint16Array(0);
  #heldTokens = 0;
  #firstSamples = null;  // when they came, and how many

  /** @param {File} video @param {Object<string, string>} fields @param {string} name */
  constructor(video, fields, name) {
    super();
    this.video = video;
    this.fields = { ...fields };
    this.name = name;
  }

  get seconds() { return this.sampleRate > 0 ? this.total / this.sampleRate : 0; }
  get heldSeconds() { return this.sampleRate > 0 ? this.held / this.sampleRate : 0; }
  /** The part whose tokens have come, 0 to 1: with some settings they come long before the samples. */
  get made() { return this.#tokens.length > 0 ? this.#heldTokens / this.#tokens.length : 0; }
  /** Whether no more of it will come unless it is made again. */
  get over() { return this.state !== "waiting" && this.state !== "working"; }

  /**
   * Seconds to wait until playback from `position` on can't run dry, if the song goes on at the pace
   * so far. 0: it can't any more. Infinity: the pace isn't known.
   * @param {number} position in seconds
   */
  secondsToSafe(position) {
    if (this.state === "finished") return 0;
    if (this.#firstSamples === null) return Infinity;
    const passed = (performance.now() - this.#firstSamples.time) / 1000;
    const rate = (this.held - this.#firstSamples.held) / this.sampleRate / passed;
    if (!(passed > 0.5 && rate > 0)) return Infinity;
    const margin = 1.25;
    const toMake = margin * (this.seconds - this.heldSeconds) / rate;
    return Math.max(0, toMake - (this.seconds - position));
  }

  /** To be called before each attempt to make it. */
  begin() {
    this.error = null;
    this.uploaded = 0;
    this.#firstSamples = null;
    this.#skip = this.#received;
    this.#set("working", "Sending the video");
  }

  /** @param {number} part the sent part of the upload */
  onUpload(part) {
    this.uploaded = part;
    this.#tell("change");
  }

  /** @param {string} name @param {object} data an event for this song */
  onEvent(name, data) {
    if (name === "progress") this.#set(this.state, stageWords(data));
    if (name === "started") this.#onStarted(data);
    if (name === "chunk") this.#onChunk(data);
    if (name === "finished") this.finished = data;
  }

  /** The attempt has ended. @param {Error | null} error @param {boolean} cancelled */
  end(error, cancelled) {
    this.error = error;
    if (error === null) this.#set("finished", "Done");
    else if (cancelled) this.#set("cancelled", "Cancelled");
    else this.#set("failed", "Stopped");
  }

  /** The text of a tokens file with the tokens that have come. */
  tokensText() {
    const codebooks = this.started?.codebooks ?? 1;
    const lines = [];
    for (let i = 0; i < this.#heldTokens; i += codebooks) {
      lines.push(`${this.#tokens.subarray(i, i + codebooks).join(" ")}\n`);
    }
    return lines.join("");
  }

  /** The finished song as a file. */
  wav() {
    return new Blob([this.#file], { type: "audio/wav" });
  }

  #onStarted(started) {
    const before = this.started;
    this.started = started;
    this.fields.seed = started.seed;  // should it be made again
    this.sampleRate = started.sample_rate;
    this.channels = started.channels;
    this.total = Number(started.total_samples);
    if (before === null) {
      this.#tokens = new Uint16Array(Number(started.total_frames) * started.codebooks);
    } else if (before.fingerprint !== started.fingerprint) {
      this.#forgetSamples();  // another kind of server may round in another way
    }
    this.#tell("change");
  }

  #forgetSamples() {
    this.#head = new Uint8Array(0);
    this.#begin = this.#received = this.#skip = this.held = 0;
  }

  #onChunk(chunk) {
    this.#addTokens(bytesOf(chunk.tokens), Number(chunk.first_frame));
    this.#tell("change");
    const bytes = bytesOf(chunk.data);
    const known = Math.min(this.#skip, bytes.length);
    this.#skip -= known;
    this.#addBytes(bytes.subarray(known));
  }

  #addTokens(bytes, firstFrame) {
    const view = new DataView(bytes.buffer);
    const first = firstFrame * this.started.codebooks;
    for (let i = 0; 2 * i < bytes.length; ++i) this.#tokens[first + i] = view.getUint16(2 * i, true);
    if (bytes.length > 0) this.#heldTokens = first + bytes.length / 2;
  }

  #addBytes(bytes) {
    if (bytes.length === 0) return;
    if (this.#begin === 0) {
      this.#addHead(bytes);
    } else {
      this.#file.set(bytes, this.#received);
      this.#received += bytes.length;
    }
    if (this.#begin === 0) return;
    this.held = Math.floor((this.#received - this.#begin) / (2 * this.channels));
    if (this.held === 0) return;
    this.#firstSamples ??= { time: performance.now(), held: this.held };
    this.#tell("samples");
  }

  #addHead(bytes) {
    const head = new Uint8Array(this.#head.length + bytes.length);
    head.set(this.#head);
    head.set(bytes, this.#head.length);
    this.#head = head;
    this.#received = head.length;
    const layout = wavLayout(head);
    if (layout === null) return;
    this.#file = new Uint8Array(Math.max(layout.fileBytes, head.length));
    this.#file.set(head);
    this.#begin = layout.begin;
    // WAV is little-endian, as every machine is that a browser runs on.
    this.samples = new Int16Array(this.#file.buffer, layout.begin, this.total * this.channels);
  }

  #set(state, words) {
    this.state = state;
    this.words = words;
    this.#tell("change");
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}
