// Several songs for one video. They are asked for one by one, each with a seed of its own.

import { Song } from "./song.js";

const SEEDS = 1n << 64n;

/**
 * The songs, not made yet.
 * @param {File} video
 * @param {{fields: Object<string, string>, variants: number}} settings
 * @param {number} first the first song's number
 * @returns {Song[]}
 */
export function planSongs(video, { fields, variants }, first) {
  return Array.from({ length: variants }, (_, i) => {
    const own = { ...fields };
    if (own.seed !== undefined) own.seed = String((BigInt(own.seed) + BigInt(i)) % SEEDS);
    return new Song(video, own, `Song ${first + i}`);
  });
}

/**
 * Makes the songs, up to the first that fails.
 * @param {Song[]} songs @param {string} key @param {AbortSignal} signal
 * @returns {Promise<Song | null>} the one that failed or was cancelled
 */
export async function makeSongs(songs, key, signal) {
  let failed = null;
  for (const song of songs) {
    if (failed === null) await song.make(key, signal);
    else song.giveUp();
    if (song.state !== "finished") failed ??= song;
  }
  return failed;
}
