// What the user gives: the video, by file dialog or drop, and the settings.

const OPTIONAL = ["seed", "duration", "cfg_coef", "window_overlap"];

/**
 * @param {HTMLFormElement} form
 * @returns {{fields: Object<string, string>, variants: number} | null} null: a setting is out of its
 *     range, and the browser says which
 */
export function readSettings(form) {
  for (const element of form.elements) {
    if (element.willValidate) element.setAttribute("aria-invalid", String(!element.checkValidity()));
  }
  const wrong = form.querySelector("[aria-invalid=true]");
  if (wrong !== null) {
    wrong.closest("details")?.setAttribute("open", "");
    wrong.reportValidity();
    return null;
  }
  const fields = { loudness: form.elements.loudness.value };
  for (const name of OPTIONAL) {
    const value = form.elements[name].value.trim();
    if (value !== "") fields[name] = value;
  }
  // Left out if it is the default, since older servers don't know it.
  if (form.elements.alignment.value !== "reference") fields.alignment = form.elements.alignment.value;
  return { fields, variants: Number(form.elements.variants.value) };
}

/**
 * Calls `onVideo` with each video that is chosen or dropped.
 * @param {HTMLElement} drop @param {HTMLInputElement} input @param {function(File): void} onVideo
 */
export function watchVideoInput(drop, input, onVideo) {
  input.addEventListener("change", () => {
    if (input.files.length > 0) onVideo(input.files[0]);
  });
  // A file that is dropped beside the zone must not replace the page.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => event.preventDefault());
  drop.addEventListener("dragover", () => drop.classList.add("over"));
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length > 0) onVideo(event.dataTransfer.files[0]);
  });
}
