// What the studio asks of the server: every change of a motion, its result put into the project as one step.
import { Motion } from "./motion.js";

/** Prompt blocks as the body of a generate request: one prompt, or the segments of a timeline. */
export function generateBody({ blocks, settings }, limits) {
  const told = blocks.filter(block => block.text.trim());
  if (!told.length) throw new Error("Write a prompt first.");
  const { seed, samples } = settings;
  const ordered = [...told].sort((a, b) => a.start - b.start), end = Math.max(...told.map(block => block.end));
  if (limits && end > limits.max_seconds) throw new Error(`The timeline is ${end.toFixed(1)} s long; this server makes at most ${limits.max_seconds} s.`);
  const only = ordered[0];
  if (ordered.length === 1 && !only.parts && only.start === 0)
    return { prompt: only.text.trim(), seconds: only.end, seed, samples, preview: true };
  const segments = ordered.map(({ text, start, end: stop, parts }) => ({ text: text.trim(), start, end: stop, ...(parts ? { parts } : {}) }));
  const whole = segments.filter(segment => !segment.parts);
  let covered = 0;
  for (const segment of [...whole]) {
    if (segment.start > covered + 1e-6) segments.push({ text: null, start: covered, end: segment.start });
    covered = Math.max(covered, segment.end);
  }
  if (covered < end - 1e-6) segments.push({ text: null, start: covered, end });
  return { segments: segments.sort((a, b) => a.start - b.start), seed, samples };
}

/** The selection as options of an edit: frames [first, end) and parts. */
export function regionOptions(state, motion, parts) {
  const options = {};
  if (state.range) {
    const frames = state.range.map(time => Math.round(time * motion.fps));
    options.frames = [Math.min(frames[0], motion.frames - 1), Math.max(frames[0] + 1, Math.min(frames[1], motion.frames))];
  }
  if (parts.length) options.parts = parts;
  return options;
}

/** Pins and path as the constraints of a control request. */
export function constraintsOf(state, motion) {
  const constraints = state.pins.map(pin => (pin.kind === "pose"
    ? { pose: pin.pose, pose_frame: 0, frame: pin.frame, place: "world" }
    : { joint: pin.joint, frame: pin.frame, position: pin.position }));
  if (state.path.length > 1) constraints.push({ path: thin(state.path), frames: [0, motion.frames - 1], facing: "along" });
  return { at: "world", constraints };
}

const thin = path => {
  const step = Math.max(1, Math.ceil(path.length / 24));
  return path.filter((_, i) => i % step === 0 || i === path.length - 1);
};

/** Clips of a result, numbered in the project from `next` on. */
export function clipsOf(result, next, title, parent = null) {
  return result.motions.map((motion, i) => ({
    id: next + i, motion, title: result.motions.length > 1 ? `${title} (${i + 1})` : title, locked: false, parent,
    seed: result.seeds?.[i] ?? motion.meta?.seed ?? null,
  }));
}

/** The result of an edit as clips after their source, the first of them current, all shown. */
export function added(state, clips) {
  const ids = clips.map(clip => clip.id);
  return { clips: [...state.clips, ...clips], current: ids[0], shown: ids, next: state.next + clips.length };
}

/** How much of an edited clip equals its source number by number. */
export function exactness(before, after) {
  const old = new Motion(before.motion), made = new Motion(after.motion);
  const flags = made.equalFrames(old), kept = flags.filter(Boolean).length;
  if (kept === made.frames) return "Nothing changed.";
  return kept ? `${kept} of ${made.frames} frames are as they were, number by number.` : "All frames changed.";
}
