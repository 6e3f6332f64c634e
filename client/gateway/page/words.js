// What the page says: stages, errors with what to do about them, times.

const STAGES = {
  GENERATION_STAGE_UPLOAD: "Sending the video",
  GENERATION_STAGE_DECODE: "Looking at the video",
  GENERATION_STAGE_ENCODE: "Taking in the pictures",
  GENERATION_STAGE_QUEUE: "Waiting for a free place",
  GENERATION_STAGE_GENERATE: "Making music",
  GENERATION_STAGE_DELIVER: "Finishing",
};

/** @param {object} progress GenerationProgress */
export function stageWords(progress) {
  let words = STAGES[progress.stage] ?? "Working";
  if (progress.queue_position > 0) words += `, number ${progress.queue_position} in the queue`;
  if (progress.estimated_queue_seconds > 0) {
    words += `, about ${Math.ceil(progress.estimated_queue_seconds)} s`;
  }
  return words;
}

const ADVICE = {
  LOST: ["The connection was lost.", "Check the network, then try again. What was made so far is kept."],
  INVALID_ARGUMENT: ["This can't be used.", "Choose another video, or change the settings."],
  FAILED_PRECONDITION: ["The song can't go on.", "Make it again."],
  UNAUTHENTICATED: ["An API key is needed.", "Enter a valid key, then try again."],
  PERMISSION_DENIED: ["This key may not do that.", "Enter another key, then try again."],
  RESOURCE_EXHAUSTED: ["The service is busy.", "Try again in a moment."],
  UNAVAILABLE: ["The service can't be reached.", "Try again in a moment. What was made so far is kept."],
  DEADLINE_EXCEEDED: ["It took too long.", "Try again, or ask for a shorter song."],
  UNIMPLEMENTED: ["The service can't do this.", "Choose another format or other settings."],
};

/**
 * @param {Error & {status?: string}} error
 * @returns {{title: string, details: string}} what happened; why, and what to do
 */
export function errorWords(error) {
  const [title, advice] = ADVICE[error.status] ?? ["Something went wrong.", "Try again."];
  const { message } = error;
  const reason = `${message.charAt(0).toUpperCase()}${message.slice(1).replace(/\.?$/, ".")} `;
  return { title, details: (error.status === "LOST" ? "" : reason) + advice };
}

/** @param {number} seconds */
export function clockWords(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
