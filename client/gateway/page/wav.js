// Finds the samples in the first bytes of a WAV file.

/**
 * @typedef {object} WavLayout
 * @property {number} begin where the samples begin, in bytes
 * @property {number} fileBytes the whole file
 */

/**
 * @param {Uint8Array} head
 * @returns {WavLayout | null} null: `head` ends before the samples begin
 */
export function wavLayout(head) {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (let at = 12; at + 8 <= head.length;) {
    const name = String.fromCharCode(...head.subarray(at, at + 4));
    if (name === "data") return { begin: at + 8, fileBytes: 8 + view.getUint32(4, true) };
    const length = view.getUint32(at + 4, true);
    at += 8 + length + (length % 2);
  }
  return null;
}
