// The page's parts put together: the video and its settings in, songs out, heard and compared.

import { ApiError, readModel } from "./api.js";
import { readSettings, watchVideoInput } from "./form.js";
import { Player } from "./player.js";
import { ResultCard } from "./results.js";
import { makeSongs, planSongs } from "./variants.js";
import { clockWords, errorWords } from "./words.js";

const MOST_SONGS = 8;  // that are kept; the oldest go first

const part = (id) => document.getElementById(id);
const video = part("video");
const form = part("settings");

export const player = new Player(video);
/** @type {ResultCard[]} */
export let cards = [];

let file = null;
let model = null;
let songsPlanned = 0;
/** @type {AbortController | null} while songs are made */
let making = null;
let frame = 0;
let wantsStart = false;  // to play by itself as soon as it can't run dry

const key = () => part("key").value.trim();
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function showProblem(error) {
  const problem = part("problem");
  problem.hidden = error === null;
  if (error === null) return;
  const { title, details } = errorWords(error);
  const strong = document.createElement("strong");
  strong.textContent = title;
  problem.replaceChildren(strong, details);
  if (error.status === "UNAUTHENTICATED") part("key-field").hidden = false;
}

async function showModel() {
  try {
    model = await readModel(key());
    showProblem(null);
  } catch (error) {
    showProblem(error);
    return;
  }
  const { max_video_bytes: bytes, max_video_seconds: seconds } = model.limits;
  part("video-hint").textContent =
    `Its pictures decide what the music is like. Up to ${clockWords(seconds)} min and ${Math.floor(bytes / 1e6)} MB.`;
  const licence = model.license_note === "" ? "" : ` ${model.license_note}`;
  part("about").textContent = `The music is made by a machine, the model "${model.name}".${licence}`;
}

function takeVideo(chosen) {
  if (making !== null) making.abort();
  player.select(null);
  for (const card of cards) card.element.remove();
  cards = [];
  songsPlanned = 0;
  file = chosen;
  URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(chosen);
  video.hidden = false;
  part("no-picture").hidden = true;
  part("drop").classList.add("chosen");
  part("drop").querySelector("strong").textContent = "Choose another video";
  part("video-name").textContent = chosen.name;
  part("video-name").hidden = false;
  part("results-section").hidden = true;
  part("transport").hidden = true;
  part("stage-text").textContent = "";
  showProblem(null);
}

function select(song) {
  player.select(song);
  for (const card of cards) card.radio.checked = card.song === song;
  part("transport").hidden = false;
  showPlayback();
}

const actions = {
  select,
  key,
  seek: (seconds) => player.seek(seconds),
  again: (song) => {
    player.unlock();
    // Songs that have begun have seeds of their own; the others still belong together.
    make(song.started === null ? song.companions : [song]);
  },
};

function addCards(songs) {
  for (const song of songs) {
    const card = new ResultCard(part("result-template"), song, actions);
    song.addEventListener("change", () => tellStage(song));
    song.addEventListener("samples", () => onSamples(song));
    cards.push(card);
    part("results").append(card.element);
  }
  while (cards.length > MOST_SONGS) {
    const [oldest] = cards.splice(0, 1);
    oldest.element.remove();
  }
  part("results-section").hidden = false;
}

/** Says each stage once, for the eye and the screen reader. */
function tellStage(song) {
  if (!cards.some((card) => card.song === song)) return;
  const text = cards.length > 1 ? `${song.name}: ${song.words}` : song.words;
  if (part("stage-text").textContent !== text) part("stage-text").textContent = text;
}

function onSamples(song) {
  if (player.song !== song) return;
  if (wantsStart && !calm.matches && song.secondsToSafe(player.position) === 0) startPlaying();
  showPlayback();
  showPosition();
}

function startPlaying() {
  wantsStart = false;
  player.play();
}

async function make(songs) {
  if (making !== null) return;
  making = new AbortController();
  showProblem(null);
  showMaking();
  await makeSongs(songs, key(), making.signal);
  making = null;
  showMaking();
  showPlayback();
  const [{ state, error }] = songs;
  if (state === "failed") showProblem(error);
  if (error?.status === "UNAUTHENTICATED") part("key").focus();
  if (state === "finished" && wantsStart && !calm.matches) startPlaying();
}

function showMaking() {
  part("make").textContent = making === null ? "Make music" : "Cancel";
  part("make").classList.toggle("busy", making !== null);
  for (const card of cards) card.setBusy(making !== null);
}

/** Why the video can't be sent; null: it can. */
function videoProblem() {
  if (file === null) return new ApiError("INVALID_ARGUMENT", "There is no video yet");
  const most = Number(model?.limits.max_video_bytes ?? Infinity);
  if (file.size <= most) return null;
  const megabytes = (bytes) => Math.ceil(bytes / 1e6);
  return new ApiError("INVALID_ARGUMENT", `The video has ${megabytes(file.size)} MB; ${megabytes(most)} MB is the most`);
}

function onSubmit(event) {
  event.preventDefault();
  if (making !== null) {
    making.abort();
    return;
  }
  const problem = videoProblem();
  if (problem !== null) {
    showProblem(problem);
    part("video-file").focus();
    return;
  }
  const settings = readSettings(form);
  if (settings === null) return;
  player.unlock();
  const songs = planSongs(file, settings, songsPlanned + 1);
  songsPlanned += songs.length;
  addCards(songs);
  select(songs[0]);
  player.seek(0);
  wantsStart = true;
  make(songs);
}

/** Says how far playback can go. */
function showPlayback() {
  const { song } = player;
  let text = "";
  if (player.state === "waiting") {
    text = "Waiting for more music; sound and picture go on by themselves.";
  } else if (song !== null && song.state === "working" && song.held > 0) {
    const wait = song.secondsToSafe(player.position);
    if (wait === 0) text = "Playback can't run dry any more.";
    else if (wait < Infinity) text = `Made more slowly than it plays: from here without a pause in about ${Math.ceil(wait)} s.`;
  }
  if (part("playback").textContent !== text) part("playback").textContent = text;
}

function showPlayer() {
  const isPlaying = player.state !== "paused";
  part("play").classList.toggle("playing", isPlaying);
  part("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  showPlayback();
  showPosition();
}

function showPosition() {
  const { song } = player;
  const seconds = song?.seconds ?? 0;
  const slider = part("position");
  const words = `${clockWords(player.position)} / ${clockWords(seconds)}`;
  slider.max = String(seconds);
  slider.value = String(player.position);
  slider.setAttribute("aria-valuetext", words.replace("/", "of"));
  if (part("time").value !== words) part("time").value = words;
  for (const card of cards) card.showPosition(card.song === song ? player.heardPosition : null);
  cancelAnimationFrame(frame);
  if (player.state === "playing") frame = requestAnimationFrame(showPosition);
}

watchVideoInput(part("drop"), part("video-file"), takeVideo);
form.addEventListener("submit", onSubmit);
part("key").addEventListener("change", showModel);
part("play").addEventListener("click", () => {
  wantsStart = false;
  if (player.state === "paused") player.play();
  else player.pause();
});
part("position").addEventListener("input", () => player.seek(Number(part("position").value)));
player.addEventListener("change", showPlayer);
video.addEventListener("error", () => {
  part("no-picture").hidden = false;
  video.hidden = true;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const card of cards) card.redraw();
});
showModel();
