// Several songs for one video, made together by one call. They share the work on the video.

import { streamSong } from "./api.js";
import { Song } from "./song.js";

/**
 * The songs, not made yet. The first has the seed that is set, if one is; the service draws the
 * others.
 * @param {File} video
 * @param {{fields: Object<string, string>, variants: number}} settings
 * @param {number} first the first song's number
 * @returns {Song[]}
 */
export function planSongs(video, { fields, variants }, first) {
  const songs = Array.from({ length: variants }, (_, i) => new Song(video, fields, `Song ${first + i}`));
  for (const song of songs) song.companions = songs;
  return songs;
}

/** Hands an event of a call to the songs that it is for. */
function deliver(songs, name, data) {
  if (name === "chunk") {
    songs[data.variant].onEvent(name, data);
  } else {
    songs.forEach((song, i) => {
      song.onEvent(name, name === "started" ? { ...data, seed: data.seeds[i] } : data);
    });
  }
}

/**
 * Makes the songs, or goes on with one. Never throws: see their `state` and `error`.
 * @param {Song[]} songs none of which has begun, or a single one
 * @param {string} key @param {AbortSignal} signal
 */
export async function makeSongs(songs, key, signal) {
  const [first] = songs;
  const fields = { ...first.fields, format: "wav", tokens: "true" };
  if (songs.length > 1) fields.variants = String(songs.length);
  for (const song of songs) song.begin();
  let failure = null;
  try {
    await streamSong({ video: first.video, fields, resume: first.tokensText(), key }, signal, {
      upload: (part) => songs.forEach((song) => song.onUpload(part)),
      event: (name, data) => deliver(songs, name, data),
    });
  } catch (error) {
    failure = error;
  }
  for (const song of songs) song.end(failure, signal.aborted);
}
