// Talks with the gateway: the model's description, a song as events while it is made, a song as a
// file. Nothing here knows of the page's elements.

import { EventParser } from "./event_parser.js";

/**
 * A song to ask for.
 * @typedef {object} SongRequest
 * @property {File} video
 * @property {Object<string, string>} fields named as the query's
 * @property {string} resume the text of a tokens file with the song's first tokens; "": none
 * @property {string} key the API key; "": none
 */

/** What the gateway, or the way to it, has refused. `status` is a gRPC status or LOST. */
export class ApiError extends Error {
  /** @param {string} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} text an answer's body @param {number} code its HTTP code */
function errorOf(text, code) {
  try {
    const { status, message } = JSON.parse(text).error;
    return new ApiError(status, message);
  } catch {
    return new ApiError("UNKNOWN", `The answer was HTTP ${code}.`);
  }
}

const lost = () => new ApiError("LOST", "The connection was lost.");

/** @param {string} key */
const keyHeaders = (key) => (key === "" ? {} : { authorization: `Bearer ${key}` });

/**
 * The model and its limits, as GetModelInfoResponse in music.proto.
 * @param {string} key
 * @returns {Promise<object>}
 */
export async function readModel(key) {
  const answer = await fetch("v1/model", { headers: keyHeaders(key) }).catch(() => { throw lost(); });
  const text = await answer.text();
  if (!answer.ok) throw errorOf(text, answer.status);
  return JSON.parse(text);
}

/**
 * The body of a request, and its query. With tokens it is a form, else the video alone, which the
 * gateway can pass on while it arrives.
 * @param {SongRequest} request
 */
function bodyOf({ video, fields, resume }) {
  if (resume === "") return { query: `?${new URLSearchParams(fields)}`, body: video };
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("resume", resume);
  body.append("video", video);
  return { query: "", body };
}

/**
 * Makes a song and tells of it while it is made. Resolves after `finished`. An XMLHttpRequest,
 * because `fetch` doesn't tell how much of an upload is done.
 * @param {SongRequest} request
 * @param {AbortSignal} signal
 * @param {{upload: function(number): void, event: function(string, object): void}} on `upload` gets
 *     the sent part of the upload, `event` the name and data of each event
 * @returns {Promise<void>}
 */
export function streamSong(request, signal, on) {
  return new Promise((resolve, reject) => {
    const { query, body } = bodyOf(request);
    const call = new XMLHttpRequest();
    let seen = 0;
    let outcome = lost();  // unless an event says otherwise
    const parser = new EventParser((name, data) => {
      if (name === "finished") outcome = null;
      if (name === "error") outcome = new ApiError(data.status, data.message);
      on.event(name, data);
    });
    const read = () => {
      if (call.status !== 200) return;
      parser.push(call.responseText.slice(seen));
      seen = call.responseText.length;
    };
    const abort = () => call.abort();
    const end = (error) => {
      signal.removeEventListener("abort", abort);
      if (error === null) resolve();
      else reject(error);
    };
    call.open("POST", `v1/music${query}`);
    call.setRequestHeader("accept", "text/event-stream");
    for (const [name, value] of Object.entries(keyHeaders(request.key))) call.setRequestHeader(name, value);
    call.upload.onprogress = (event) => on.upload(event.total > 0 ? event.loaded / event.total : 0);
    call.onprogress = read;
    call.onload = () => {
      read();
      end(call.status === 200 ? outcome : errorOf(call.responseText, call.status));
    };
    call.onerror = () => end(lost());
    call.onabort = () => end(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", abort);
    call.send(body);
  });
}

/**
 * A song as a whole file.
 * @param {SongRequest} request
 * @returns {Promise<Blob>}
 */
export async function fetchSong(request) {
  const { query, body } = bodyOf(request);
  const options = { method: "POST", headers: keyHeaders(request.key), body };
  const answer = await fetch(`v1/music${query}`, options).catch(() => { throw lost(); });
  if (!answer.ok) throw errorOf(await answer.text(), answer.status);
  return answer.blob().catch(() => { throw lost(); });
}
