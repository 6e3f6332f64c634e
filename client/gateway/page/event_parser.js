// Takes server-sent events apart. EventSource can't be used, because it can't send a video.

export class EventParser {
  #rest = "";
  #onEvent;

  /** @param {function(string, object): void} onEvent gets each event's name and data */
  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  /** @param {string} text what has come since the last call */
  push(text) {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop();
    for (const block of blocks) this.#take(block);
  }

  /** @param {string} block the gateway's events have one line of each field */
  #take(block) {
    let name = "";
    let data = "";
    for (const line of block.split("\n")) {
      if (line.startsWith("event: ")) name = line.slice(7);
      if (line.startsWith("data: ")) data = line.slice(6);
    }
    if (name !== "") this.#onEvent(name, JSON.parse(data));
  }
}
