// Plays a song by Web Audio while it is made, with the video in step. The sound's clock leads: the
// video goes a little faster or slower after it. Where the song hasn't come yet, both wait.

const AHEAD_SECONDS = 2.5;  // that are handed to Web Audio before they are heard
const PIECE_SECONDS = 0.5;
const LEAD_SECONDS = 0.03;  // from the decision to play to the first sample
const TICK_MS = 50;
const FADE_SECONDS = 0.005;
const ENOUGH_SECONDS = 1.5;  // of music at hand to go on after a wait
// The video is this late or early at most before it jumps; below, its pace is bent.
const JUMP_SECONDS = 0.25;

/** Sends "change" when its state changes. */
export class Player extends EventTarget {
  /** @type {"paused" | "starting" | "playing" | "waiting"} */
  #state = "paused";
  #video;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {GainNode | null} */
  #output = null;
  /** @type {import("./song.js").Song | null} */
  #song = null;
  #position = 0;  // while not playing; else that at #beginTime of the sound's clock
  #beginTime = 0;
  #from = 0;  // where playing began
  #scheduled = 0;  // samples handed over
  #voice = null;  // the gain of what is handed over
  #nodes = new Set();
  #timer = 0;
  #videoTimer = 0;
  #turn = 0;  // counts starts, so that a late one is dropped

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    super();
    this.#video = video;
  }

  get state() { return this.#state; }
  get song() { return this.#song; }
  /** All sound goes through it, once there is any. */
  get output() { return this.#output; }
  /** Seconds of the song that have been played. */
  get position() {
    if (this.#state !== "playing") return this.#position;
    return Math.min(this.#at(this.#context.currentTime), this.#scheduled / this.#song.sampleRate);
  }
  /** Seconds of the song that have reached the ear: the sound's way out takes time. */
  get heardPosition() {
    if (this.#state !== "playing") return this.#position;
    return Math.min(this.#at(this.#heardTime()), this.position);
  }

  /** Browsers let sound begin only after a click or a key: to be called from one. */
  unlock() {
    if (this.#context === null) {
      this.#context = new AudioContext({ sampleRate: 32000, latencyHint: "playback" });
      this.#output = this.#context.createGain();
      this.#output.connect(this.#context.destination);
    }
    return this.#context.resume();
  }

  /** Takes another song, at the same position. @param {import("./song.js").Song | null} song */
  select(song) {
    if (song === this.#song) return;
    const position = this.position;
    this.#silence();
    this.#position = position;
    this.#song = song;
    if (song === null) this.pause();
    else if (this.#state === "playing") this.#sound();
    else this.dispatchEvent(new Event("change"));
  }

  async play() {
    if (this.#song === null || (this.#state !== "paused" && this.#state !== "waiting")) return;
    if (this.#position >= this.#end() && this.#song.over) this.#position = 0;
    const turn = ++this.#turn;
    this.#setState("starting");
    await this.unlock();
    if (turn !== this.#turn) return;
    if (Math.abs(this.#video.currentTime - this.#position) > 0.02) this.#placeVideo();
    this.#sound();
    this.#startVideo();
  }

  pause() {
    this.#stop("paused");
  }

  /** @param {number} seconds */
  async seek(seconds) {
    const goesOn = this.#state !== "paused";
    this.#stop("paused");
    this.#position = Math.min(Math.max(seconds, 0), this.#end());
    this.#placeVideo();
    if (goesOn) await this.play();
    else this.dispatchEvent(new Event("change"));
  }

  /** The position at a time of the sound's clock. */
  #at(time) {
    return Math.max(this.#from, this.#position + time - this.#beginTime);
  }

  /** Seconds of the song that can be played now. */
  #end() {
    return this.#song === null ? 0 : this.#song.heldSeconds;
  }

  #setState(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }

  #stop(state) {
    ++this.#turn;
    const position = this.position;
    this.#silence();
    this.#position = position;
    clearInterval(this.#timer);
    clearTimeout(this.#videoTimer);
    this.#video.pause();
    this.#setState(state);
  }

  #canShow() {
    const video = this.#video;
    return video.error === null && video.readyState >= HTMLMediaElement.HAVE_METADATA && this.#position < video.duration;
  }

  #placeVideo() {
    if (this.#canShow()) this.#video.currentTime = this.#position;
  }

  /** Lets the picture begin to move when the first sample is heard. */
  #startVideo() {
    if (!this.#canShow()) return;
    const start = () => this.#video.play().catch(() => {});  // paused again, or it can't be shown
    this.#video.playbackRate = 1;
    this.#videoTimer = setTimeout(start, 1000 * (this.#beginTime - this.#heardTime()));
  }

  /** What is heard now, by the sound's clock. It is even, while `currentTime` moves in steps. */
  #heardTime() {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    if (performanceTime === 0) return this.#context.currentTime;  // nothing has been heard yet
    return contextTime + (performance.now() - performanceTime) / 1000;
  }

  #sound() {
    this.#beginTime = this.#context.currentTime + LEAD_SECONDS;
    if (this.#state === "playing") this.#position += LEAD_SECONDS;
    else this.#from = this.#position;
    this.#scheduled = Math.round(this.#position * this.#song.sampleRate);
    this.#voice = this.#context.createGain();
    this.#voice.gain.setValueAtTime(0, this.#beginTime);
    this.#voice.gain.linearRampToValueAtTime(1, this.#beginTime + FADE_SECONDS);
    this.#voice.connect(this.#output);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#setState("playing");
    this.#tick();
  }

  #silence() {
    if (this.#voice === null) return;
    const end = this.#context.currentTime + LEAD_SECONDS;
    this.#voice.gain.setTargetAtTime(0, this.#context.currentTime, FADE_SECONDS);
    for (const node of this.#nodes) node.stop(end);
    this.#nodes.clear();
    this.#voice = null;
  }

  #tick() {
    if (this.#state === "waiting") {
      const ready = this.#end() - this.#position >= ENOUGH_SECONDS || this.#song.over;
      if (ready) this.play();
    }
    if (this.#state !== "playing") return;
    this.#schedule();
    if (this.position < this.#end()) {
      this.#follow();
    } else if (this.#song.over) {
      this.#stop("paused");
    } else {
      this.#wait();
    }
  }

  /** The song hasn't come this far: the sound has run dry. */
  #wait() {
    this.#stop("waiting");
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #schedule() {
    const { sampleRate, held } = this.#song;
    const until = Math.min(held, (this.position + AHEAD_SECONDS) * sampleRate);
    while (this.#scheduled < until) {
      const count = Math.min(Math.round(PIECE_SECONDS * sampleRate), held - this.#scheduled);
      this.#hand(this.#scheduled, count);
      this.#scheduled += count;
    }
  }

  /** Hands samples over to Web Audio. */
  #hand(first, count) {
    const { samples, sampleRate, channels } = this.#song;
    const buffer = this.#context.createBuffer(channels, count, sampleRate);
    for (let channel = 0; channel < channels; ++channel) {
      const data = buffer.getChannelData(channel);
      for (let i = 0; i < count; ++i) data[i] = samples[(first + i) * channels + channel] / 32768;
    }
    const node = this.#context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.#voice);
    node.onended = () => this.#nodes.delete(node);
    this.#nodes.add(node);
    node.start(this.#beginTime + first / sampleRate - this.#position);
  }

  /** Keeps the video in step with the sound. */
  #follow() {
    const video = this.#video;
    if (video.paused || video.seeking || video.ended) return;
    const late = this.heardPosition - video.currentTime;
    if (Math.abs(late) > JUMP_SECONDS) {
      video.currentTime = this.heardPosition;
    } else {
      const bend = Math.abs(late) < 0.01 ? 0 : Math.min(Math.max(late, -0.1), 0.1);
      video.playbackRate = 1 + 2 * bend;
    }
  }
}
