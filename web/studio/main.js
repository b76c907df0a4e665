// The studio: project, timeline, 3-D view and the server's answers put together.
import { hue } from "../shared/palette.js";
import { added, clipsOf, constraintsOf, exactness, generateBody, regionOptions } from "./actions.js";
import { Api } from "./api.js";
import { Motion, reach } from "./motion.js";
import * as q from "./quaternion.js";
import { Project, empty } from "./project.js";
import { Timeline } from "./timeline.js";
import { raised, VIEWS, Viewport } from "./viewport.js";

const $ = id => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const LIMBS = /_(wrist|ankle|toes)$/;
const MOST_SHOWN = 6;

const api = new Api("", token);
const project = new Project(state => refresh(state));
const now = { time: 0, playing: false, level: 0, shown: 0, stamp: null, tool: "view", joint: null, draft: null, task: null, dirty: true };
let bundle = null, viewport = null, timeline = null;
const motions = new WeakMap();
const preview = { motions: [], clip: null };

const dirty = () => { now.dirty = true; };
const motionOf = clip => {
  if (!motions.has(clip.motion)) motions.set(clip.motion, new Motion(clip.motion));
  return motions.get(clip.motion);
};
const drawnClips = new WeakMap();
/** What the view draws of a clip, made once, again when its scales came. */
function drawn(clip) {
  const known = drawnClips.get(clip.motion);
  if (known && known.scales === clip.scales && known.title === clip.title) return known.made;
  const made = motionOf(clip).clip(clip.title, (clip.scales ?? []).map(scale => new Motion(scale)));
  drawnClips.set(clip.motion, { scales: clip.scales, title: clip.title, made });
  return made;
}
const current = () => project.state.clips.find(clip => clip.id === project.state.current) ?? null;
const chosenBlock = () => project.state.blocks.find(block => block.id === timeline.chosen) ?? project.state.blocks[0] ?? null;
const chosenParts = () => [...$("parts").querySelectorAll("input:checked")].map(box => box.value);

function say(text, wrong = false) {
  $("said").textContent = $("said").title = text;
  if (wrong) trouble(text);
}
function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
  clearTimeout(trouble.timer);
  if (text) trouble.timer = setTimeout(() => { $("trouble").hidden = true; }, 12000);
}

// ---- what is shown ------------------------------------------------------------------------------------------------------

function refresh(state) {
  const clip = current(), motion = clip && motionOf(clip);
  if (!clip || clip.id !== now.draftOf) now.draft = null;
  if (document.activeElement !== $("project-name")) $("project-name").value = state.name;
  $("undo").disabled = !project.done.length;
  $("redo").disabled = !project.undone.length;
  $("undo").title = project.done.length ? `Ctrl+Z: undo ${project.done.at(-1).label}` : "Ctrl+Z";
  $("samples").value = state.settings.samples;
  $("seed").value = state.settings.seed;
  showBlock(state);
  showClips(state);
  showPins(state);
  showSelection(state);
  for (const id of ["regenerate", "fill", "loop-it", "extend", "extend-before", "export", "describe", "pin-pose", "show-scales"]) $(id).disabled = !clip;
  const others = state.clips.filter(other => other !== clip);
  for (const id of ["compose", "then"]) $(id).disabled = !clip || !others.length;
  options($("other"), others.map(other => [other.id, other.title]));
  timeline.draw(state, motion, motion?.seconds ?? 0);
  timeline.seek(now.time);
  showMotions(state);
  document.title = `${state.name} – Kinescale studio`;
}
function options(menu, entries) {
  const old = menu.value;
  menu.replaceChildren(...entries.map(([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text })));
  if (entries.some(([value]) => String(value) === old)) menu.value = old;
}
function showBlock() {
  const block = chosenBlock();
  for (const id of ["prompt", "block-start", "block-end"]) $(id).disabled = !block;
  if (!block) { $("prompt").value = ""; return; }
  if (document.activeElement !== $("prompt") || $("prompt").dataset.block !== String(block.id)) $("prompt").value = block.text;
  $("prompt").dataset.block = block.id;
  if (document.activeElement !== $("block-start")) $("block-start").value = Number(block.start.toFixed(2));
  if (document.activeElement !== $("block-end")) $("block-end").value = Number(block.end.toFixed(2));
}
function showClips(state) {
  $("no-clips").hidden = state.clips.length > 0;
  const focus = document.activeElement?.dataset?.clip;
  $("clips").replaceChildren(...state.clips.map(clip => {
    const row = document.createElement("li");
    row.className = clip.id === state.current ? "current" : "";
    const button = (text, label, act, pressed) => {
      const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, className: "quiet" });
      made.setAttribute("aria-label", `${label} ${clip.title}`);
      made.title = label;
      if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
      made.addEventListener("click", act);
      return made;
    };
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: state.shown.includes(clip.id) });
    box.setAttribute("aria-label", `show ${clip.title} side by side`);
    box.addEventListener("change", () => showBeside(clip.id, box.checked));
    const name = button(clip.title, "choose", () => choose(clip.id));
    name.className = "name";
    name.title = `${clip.title}; F2 renames`;
    name.dataset.clip = `name${clip.id}`;
    name.addEventListener("keydown", event => { if (event.key === "F2") rename(clip); });
    name.addEventListener("dblclick", () => rename(clip));
    const lock = button(clip.locked ? "locked" : "lock", clip.locked ? "unlock" : "lock", () => project.commit("lock", s => ({
      clips: s.clips.map(other => (other.id === clip.id ? { ...other, locked: !other.locked } : other)),
    })), clip.locked);
    const away = button("×", "remove", () => remove(clip));
    away.disabled = clip.locked;
    const small = document.createElement("small"), motion = motionOf(clip);
    small.textContent = `${motion.seconds.toFixed(1)} s · ${Number(motion.fps.toFixed(2))} fps${clip.seed === null ? "" : ` · seed ${clip.seed}`}`;
    row.append(box, name, lock, away, small);
    return row;
  }));
  if (focus) $("clips").querySelector(`[data-clip="${focus}"]`)?.focus();
}
function showPins(state) {
  $("apply").disabled = !current() || (!state.pins.length && state.path.length < 2);
  $("path-clear").hidden = state.path.length < 2;
  $("pins").replaceChildren(...state.pins.map(pin => {
    const row = document.createElement("li"), error = state.errors?.[pin.id];
    const text = Object.assign(document.createElement("span"), { textContent: `${pin.label}, frame ${pin.frame}` });
    const away = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "×" });
    away.setAttribute("aria-label", `remove the pin ${pin.label}`);
    away.addEventListener("click", () => unpin(pin.id));
    row.append(text);
    if (error) row.append(Object.assign(document.createElement("small"), { textContent: `${(100 * error.worst_m).toFixed(1)} cm off`, className: error.met ? "" : "missed" }));
    row.append(away);
    return row;
  }));
  if (state.path.length > 1) {
    const row = document.createElement("li"), error = state.errors?.path;
    row.append(`path over the ground, ${state.path.length} points`);
    if (error) row.append(Object.assign(document.createElement("small"), { textContent: `${(100 * error.worst_m).toFixed(1)} cm off`, className: error.met ? "" : "missed" }));
    $("pins").append(row);
  }
}
function showSelection(state) {
  const length = current() ? motionOf(current()).seconds : 0;
  const [start, end] = state.range ?? [0, length];
  if (document.activeElement !== $("range-start")) $("range-start").value = Number(start.toFixed(2));
  if (document.activeElement !== $("range-end")) $("range-end").value = Number(end.toFixed(2));
  $("range-clear").disabled = !state.range;
  $("fill").disabled ||= !state.range;
}
/** Clips side by side, or the preview of what is being made. */
function showMotions(state) {
  if (!viewport) return;
  const shown = state.clips.filter(clip => state.shown.includes(clip.id) || clip.id === state.current).slice(0, MOST_SHOWN);
  now.clips = shown;
  const clips = preview.clip ? [preview.clip] : shown.map(drawn);
  const before = viewport.clips;
  viewport.show(clips);
  now.last = clips.length ? Math.max(...clips.map(clip => clip.last)) : 0;
  const top = clips.length ? Math.max(...clips.map(clip => clip.tracks.length)) - 1 : 0;
  if (now.top !== top) { now.top = top; now.level = now.shown = top; $("scale").max = top; $("scale").value = top; }
  $("scale-box").hidden = top === 0;
  now.time = Math.min(now.time, now.last);
  $("welcome").hidden = clips.length > 0;
  layout(before.length !== clips.length || !before.length);
  showTools();
}
function layout(home = false) {
  if (!viewport) return;
  const { clientWidth: width, clientHeight: height } = $("stage"), count = Math.max(1, viewport.clips.length);
  const columns = count === 1 ? 1 : Math.min(count, Math.max(1, Math.round(Math.sqrt(count * width / Math.max(1, height)))));
  const rows = Math.ceil(count / columns);
  const panels = Array.from({ length: count }, (_, i) => ({
    left: (i % columns) * width / columns, top: Math.floor(i / columns) * height / rows, width: width / columns - (columns > 1 ? 1 : 0), height: height / rows - (rows > 1 ? 1 : 0),
  }));
  viewport.resize(width, height, panels);
  viewport.paint(dark.matches, false);
  if (viewport.clips.length) viewport.frame($("follow").checked, home);
  $("captions").style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  $("captions").replaceChildren(...viewport.clips.map((clip, i) => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    caption.textContent = clip.title;
    figure.className = now.clips?.[i]?.id === project.state.current ? "current" : "";
    figure.append(caption);
    return figure;
  }));
  dirty();
}
const NOTHING = [];
/** A function that keeps its last result for the arguments it had: lines are the same in every frame that is drawn. */
function kept(make) {
  let last = [], made;
  return (...given) => {
    if (given.length !== last.length || given.some((value, i) => value !== last[i])) { last = given; made = make(...given); }
    return made;
  };
}
const pathLine = kept(path => path.map(raised));
const trailLine = kept((motion, joint) => motion.poses.map(({ positions }) => positions[joint]));
/** Handles, gizmo, pins, path and trail for the tool and the frame. */
function showTools() {
  if (!viewport) return;
  const clip = current(), single = clip && viewport.clips.length === 1 && !preview.clip;
  const editing = single && (now.tool === "move" || now.tool === "turn");
  for (const tool of ["view", "move", "turn", "path"]) $(`tool-${tool}`).setAttribute("aria-pressed", String(now.tool === tool));
  viewport.showPath(pathLine(project.state.path));
  if (!clip) { viewport.showJoints(null); viewport.hold(null); viewport.showPins([]); viewport.showOnion(null); viewport.showTrail(NOTHING); return; }
  const motion = motionOf(clip), frame = motion.frameAt(now.time);
  const pose = now.draft?.frame === frame ? motion.world(frame, now.draft.rotations, now.draft.root) : motion.poses[frame];
  viewport.showJoints(editing ? pose.positions.slice(0, motion.joints) : null, now.joint, motion.body.size);
  const joint = editing && now.joint !== null && now.joint < motion.joints ? now.joint : null;
  if (joint === null) viewport.hold(null);
  else viewport.hold(pose.positions[joint], now.tool === "move" ? "translate" : "rotate", pose.turns[joint]);
  viewport.showPins(project.state.pins.filter(pin => pin.position).map(pin => ({ position: pin.position, now: pin.frame === frame })));
  viewport.showOnion(single && $("onion").checked ? drawn(clip) : null, now.time, now.shown);
  const traced = Math.min(now.joint ?? motion.body.body, motion.joints - 1);
  viewport.showTrail(single && $("trails").checked ? trailLine(motion, traced) : NOTHING);
  if (editing && now.draft?.frame === frame) viewport.figures[0].body.pose({ points: Float64Array.from(pose.positions.flat()), face: null });
}

// ---- clips --------------------------------------------------------------------------------------------------------------

function choose(id) {
  project.view({ current: id, shown: [id], errors: null });
}
function showBeside(id, on) {
  const { shown, current: chosen } = project.state;
  const next = on ? [...shown.filter(other => other !== id), id] : shown.filter(other => other !== id);
  if (next.length > MOST_SHOWN) say(`At most ${MOST_SHOWN} clips are shown side by side.`, true);
  project.view({ shown: next.slice(-MOST_SHOWN), current: !on && chosen === id ? next[0] ?? id : chosen });
}
function rename(clip) {
  const title = window.prompt("Name of the clip", clip.title)?.trim();
  if (title) project.commit("rename", s => ({ clips: s.clips.map(other => (other.id === clip.id ? { ...other, title: title.slice(0, 200) } : other)) }));
}
function remove(clip) {
  project.commit("remove clip", s => {
    const clips = s.clips.filter(other => other.id !== clip.id), shown = s.shown.filter(id => id !== clip.id);
    const chosen = s.current === clip.id ? shown[0] ?? clips.at(-1)?.id ?? null : s.current;
    return { clips, shown: shown.length || chosen === null ? shown : [chosen], current: chosen };
  });
}

// ---- work for the server ------------------------------------------------------------------------------------------------

/** Run one job; while it runs a second is refused, Cancel ends it, and what comes back is one step of the project. */
async function work(label, path, body, accept) {
  if (now.task) { say("Something is being made already; wait or cancel it.", true); return; }
  trouble("");
  now.task = new AbortController();
  $("cancel").hidden = $("progress").hidden = false;
  $("progress").removeAttribute("value");
  document.body.dataset.working = label;
  say(`${label} …`);
  preview.motions = [];
  try {
    const result = await api.job(path, typeof body === "function" ? body() : body, heard, now.task.signal);
    preview.clip = null;
    accept(result);
    say([`${label}: done.`, ...(result.notes ?? [])].join(" ").slice(0, 600));
  } catch (problem) {
    preview.clip = null;
    refresh(project.state);
    say(problem.name === "AbortError" ? `${label}: cancelled.` : problem.message, problem.name !== "AbortError");
  } finally {
    now.task = null;
    $("cancel").hidden = $("progress").hidden = true;
    delete document.body.dataset.working;
  }
}
function heard(event, data) {
  if (event === "progress") {
    $("progress").max = data.total;
    $("progress").value = data.done;
    say(data.stage === "scale" ? `scale ${data.done} of ${data.total}${data.draw > 1 ? `, draw ${data.draw}` : ""}` : `step ${data.done} of ${data.total}`);
  }
  if (event === "state" && data.state === "queued" && data.position > 0) say(`waiting, ${data.position} before this one`);
  if (event === "preview" && data.sample === 0) {
    preview.motions = [...preview.motions.slice(0, data.scale), new Motion(data.motion)];
    preview.clip = preview.motions.at(-1).clip(`${data.prompt ?? ""} (scale ${data.scale + 1} of ${data.scales})`);
    showMotions(project.state);
    if (!now.playing) play(true);
  }
}
function generate() {
  const { state } = project, title = state.blocks.filter(block => block.text.trim()).map(block => block.text.trim()).join(", then ");
  const scales = () => preview.motions.map(motion => motion.data);
  work("generate", "/v1/generate", () => generateBody(state, bundle?.limits), result => {
    const made = clipsOf(result, project.id(), title);
    const coarse = scales().slice(0, -1);
    if (made.length && coarse.length && coarse.at(-1).root.length === made[0].motion.root.length) made[0].scales = coarse;
    project.commit("generate", s => ({ ...added(s, made), errors: null, range: null }));
    play(true);
  });
}
/** An edit of the current clip that gives new clips beside it. */
function change(label, path, extra, title = label) {
  const clip = current();
  if (!clip) return;
  const { settings } = project.state;
  work(label, path, () => ({ seed: settings.seed, ...extra(motionOf(clip), clip) }), result => {
    const made = clipsOf(result, project.id(), `${clip.title} · ${title}`, clip.id);
    project.commit(label, s => ({ ...added(s, made), shown: made.length > 1 ? made.map(one => one.id) : [made[0].id], errors: null }));
    $("exact").textContent = exactness(clip, made[0]);
  });
}
const region = motion => regionOptions(project.state, motion, chosenParts());
function regenerate() {
  const prompt = $("edit-prompt").value.trim(), keep = Number($("keep").value);
  change("regenerate", "/v1/edit", (motion, clip) => ({
    motion: clip.motion, samples: project.state.settings.samples,
    ...(prompt ? { task: "edit", options: { ...region(motion), prompt, ...(keep ? { keep_scales: keep } : {}) } }
      : { task: "inpaint", options: { ...wholeIfNone(motion), ...(keep ? { keep_scales: keep } : {}) } }),
  }), prompt || "regenerated");
}
const wholeIfNone = motion => {
  const options = region(motion);
  return Object.keys(options).length ? options : { frames: [0, motion.frames] };
};
const extend = before => change("extend", "/v1/extend", (_, clip) => {
  const prompt = $("edit-prompt").value.trim();
  return { motion: clip.motion, seconds: Number($("extend-by").value), before, ...(prompt ? { prompt } : {}) };
}, before ? "extended before" : "extended");
const otherClip = () => project.state.clips.find(clip => String(clip.id) === $("other").value);
const compose = () => change("compose", "/v1/compose", (_, clip) => {
  const parts = chosenParts();
  if (!parts.length) throw new Error("Choose the parts of the body that this clip gives, under Selection.");
  return { first: clip.motion, second: otherClip().motion, parts };
}, "composed");
const then = () => change("then", "/v1/edit", (_, clip) => ({ task: "then", first: clip.motion, second: otherClip().motion, options: {} }), "then");
function applyPins() {
  const clip = current(), { state } = project;
  work("apply pins", "/v1/control", () => ({
    constraints: constraintsOf(state, motionOf(clip)), motion: clip.motion, frames: [0, motionOf(clip).frames], steps: "fast", seed: state.settings.seed,
  }), result => {
    const made = clipsOf(result, project.id(), `${clip.title} · pinned`, clip.id), errors = {};
    (result.errors?.[0] ?? []).forEach((error, i) => { errors[state.pins[i]?.id ?? "path"] = error; });
    project.commit("apply pins", s => ({ ...added(s, made), errors }));
    $("exact").textContent = exactness(clip, made[0]);
  });
}
async function showScales() {
  const clip = current();
  await work("scales", "/v1/scales", () => ({ motion: clip.motion }), result => {
    project.commit("scales", s => ({ clips: s.clips.map(other => (other.id === clip.id ? { ...other, scales: result.motions } : other)) }));
    if (!now.top) say("This clip is too long to be shown scale by scale at once.", true);
  });
}
const describe = () => work("describe", "/v1/describe", () => ({ motion: current().motion }), result => { $("described").textContent = result.sentence; });

async function exportFile() {
  const clip = current(), suffix = $("format").value, skeleton = $("skeleton").value;
  try {
    say(`writing ${suffix} …`);
    const chosen = skeleton.startsWith("clip") ? project.state.clips.find(other => `clip${other.id}` === skeleton)?.motion.skeleton : skeleton;
    const blob = await api.write(clip.motion, suffix, chosen ? { skeleton: chosen } : {});
    download(blob, `${clip.title.replaceAll(/[^\p{L}\p{N} _-]+/gu, "").trim().slice(0, 80).replaceAll(" ", "_") || "motion"}${suffix}`);
    say(`${suffix}: written.`);
  } catch (problem) { say(problem.message, true); }
}
function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// ---- files --------------------------------------------------------------------------------------------------------------

async function openFiles(files) {
  for (const file of files) {
    try {
      if (/\.(json|kinescale)$/i.test(file.name)) { project.open(await file.text()); say(`opened ${file.name}`); continue; }
      const most = bundle?.limits?.max_request_bytes;
      if (most && file.size > most) throw new Error(`${file.name} has ${(file.size / 2 ** 20).toFixed(0)} MB; this server takes ${(most / 2 ** 20).toFixed(0)} MB.`);
      const suffix = /(\.[a-z0-9]+)$/i.exec(file.name)?.[1]?.toLowerCase();
      if (!suffix) throw new Error(`${file.name} has no suffix; is it .bvh, .glb or .npz?`);
      say(`reading ${file.name} …`);
      const read = await api.read(await file.arrayBuffer(), suffix);
      const clip = { id: project.id(), motion: read.motion, title: file.name.replace(/\.[^.]+$/, ""), locked: false, parent: null, seed: null };
      project.commit(`open ${file.name}`, s => added(s, [clip]));
      say([`${file.name}: read.`, ...(read.notes ?? [])].join(" ").slice(0, 600));
      if (read.roles?.warnings?.length) showRoles(read, clip);
    } catch (problem) { say(problem.message, true); }
  }
}
/** The joints' roles as the file's names gave them, to be corrected. */
function showRoles(read, clip) {
  const { skeleton } = read.motion, roles = bundle?.skeleton?.roles ?? skeleton.roles ?? {};
  $("roles-said").textContent = read.roles.warnings.join(" ");
  $("roles-list").replaceChildren(...Object.keys(roles).map(role => {
    const label = document.createElement("label"), menu = document.createElement("select");
    menu.dataset.role = role;
    menu.append(new Option("–", ""), ...skeleton.names.map(name => new Option(name, name)));
    menu.value = skeleton.roles?.[role] ?? "";
    label.append(role.replaceAll("_", " "), menu);
    return label;
  }));
  now.roles = clip.id;
  $("roles").showModal();
}
async function applyRoles() {
  const clip = project.state.clips.find(one => one.id === now.roles), roles = {};
  for (const menu of $("roles-list").querySelectorAll("select")) if (menu.value) roles[menu.dataset.role] = menu.value;
  $("roles").close();
  if (!clip) return;
  try {
    const read = await api.json("/v1/convert", { body: { motion: clip.motion, to: "json", roles } });
    project.commit("roles", s => ({ clips: s.clips.map(other => (other.id === clip.id ? { ...other, motion: read.motion } : other)) }));
    say(["Roles taken over.", ...(read.notes ?? [])].join(" "));
  } catch (problem) { say(problem.message, true); }
}
function saveFile() {
  download(new Blob([project.text()], { type: "application/json" }), `${project.state.name || "project"}.kinescale`);
  say("Project saved.");
}

// ---- pins and poses -----------------------------------------------------------------------------------------------------

function tool(name) {
  now.tool = name;
  if (viewport) {
    viewport.drawing = name === "path" ? "ready" : null;
    viewport.controls.enabled = true;
  }
  if (name === "move" || name === "turn") {
    play(false);
    if (project.state.shown.length > 1) project.view({ shown: [project.state.current] });
  }
  showTools();
  dirty();
}
function startDraft() {
  const clip = current(), motion = motionOf(clip), frame = motion.frameAt(now.time);
  if (now.draft?.frame === frame) return now.draft;
  now.draftOf = clip.id;
  now.draft = { frame, root: [...motion.data.root[frame]], rotations: motion.data.rotations[frame].map(turn => [...turn]) };
  return now.draft;
}
/** The gizmo moved: hands and feet by the two joints above them, the root as a whole, other joints by the one above. */
function dragged(target) {
  const clip = current();
  if (!clip || now.joint === null) return;
  const motion = motionOf(clip), draft = startDraft(), { parents } = motion.skeleton, joint = now.joint;
  if (now.tool === "turn") {
    const { turns } = motion.world(draft.frame, draft.rotations, draft.root), world = target.quaternion.toArray();
    draft.rotations[joint] = q.normalized(parents[joint] < 0 ? world : q.multiply(q.conjugate(turns[parents[joint]]), world));
  } else if (parents[joint] < 0 || joint === motion.body.body) draft.root = q.add(draft.root, q.subtract(target.position.toArray(), motion.world(draft.frame, draft.rotations, draft.root).positions[joint]));
  else draft.rotations = reach(motion, draft.rotations, draft.root, joint, target.position.toArray(), chainOf(motion, joint));
  showTools();
  dirty();
}
const chainOf = (motion, joint) => (Object.entries(motion.body.roles).some(([role, at]) => at === joint && LIMBS.test(role)) ? 2 : 1);
function pinDragged() {
  const clip = current();
  if (!clip || !now.draft || now.joint === null) return;
  const motion = motionOf(clip), { frame, rotations, root } = now.draft;
  if (now.tool === "turn") { pinPose(); return; }
  const position = motion.world(frame, rotations, root).positions[now.joint].map(value => Number(value.toFixed(4)));
  const joint = Object.entries(motion.body.roles).find(([, at]) => at === now.joint)?.[0] ?? motion.skeleton.names[now.joint];
  project.commit("pin joint", s => ({
    pins: [...s.pins.filter(pin => pin.joint !== joint || pin.frame !== frame), { id: s.next, kind: "joint", joint, label: joint.replaceAll("_", " "), frame, position }],
    next: s.next + 1, errors: null,
  }));
  say(`${joint.replaceAll("_", " ")} pinned at frame ${frame}; Apply makes the motion go there.`);
}
function pinPose() {
  const clip = current();
  if (!clip) return;
  const motion = motionOf(clip), frame = motion.frameAt(now.time), draft = now.draft?.frame === frame ? now.draft : null;
  project.commit("pin pose", s => ({
    pins: [...s.pins.filter(pin => pin.kind !== "pose" || pin.frame !== frame), { id: s.next, kind: "pose", label: "pose", frame, pose: motion.still(frame, draft?.rotations, draft?.root) }],
    next: s.next + 1, errors: null,
  }));
}
const unpin = id => project.commit("remove pin", s => ({ pins: s.pins.filter(pin => pin.id !== id), errors: null }));

// ---- blocks -------------------------------------------------------------------------------------------------------------

function addBlock({ start, part = null } = {}) {
  const { blocks } = project.state, same = blocks.filter(block => (part ? block.parts?.includes(part) : !block.parts));
  const from = start ?? Math.max(0, ...same.map(block => block.end));
  const id = project.id();
  timeline.chosen = id;
  project.commit("add block", s => ({ blocks: [...s.blocks, { id, text: "", start: from, end: from + 2, parts: part ? [part] : null }], next: s.next + 1 }));
  $("prompt").focus();
}
function editBlock(change, label, merge) {
  const block = chosenBlock();
  if (block) setBlock({ ...block, ...change }, label, merge);
}
const setBlock = (block, label = "move block", merge = null) => project.commit(label, s => ({ blocks: s.blocks.map(other => (other.id === block.id ? block : other)) }), merge);
function splitBlock(id) {
  const block = project.state.blocks.find(other => other.id === id), at = Math.round(now.time / 0.05) * 0.05;
  if (!block || at < block.start + 0.3 || at > block.end - 0.3) { say("Put the playhead inside the block, 0.3 s from its ends, to split it there.", true); return; }
  project.commit("split block", s => ({
    blocks: s.blocks.flatMap(other => (other.id === id ? [{ ...other, end: at }, { ...other, id: s.next, start: at }] : [other])), next: s.next + 1,
  }));
}
const TIMELINE = {
  seek: time => { play(false); seek(time); },
  select: range => project.view({ range: range[1] - range[0] > 0.02 ? range : null }),
  block: ({ block, merge }) => setBlock(block, "move block", merge),
  remove: id => project.commit("remove block", s => ({ blocks: s.blocks.filter(block => block.id !== id) })),
  split: splitBlock,
  choose: () => { showBlock(); for (const block of $("timeline").querySelectorAll(".block")) block.setAttribute("aria-pressed", String(Number(block.dataset.id) === timeline.chosen)); },
  rename: () => { $("prompt").focus(); $("prompt").select(); },
  add: addBlock,
  track: part => project.commit("remove track", s => ({ tracks: s.tracks.filter(other => other !== part), blocks: s.blocks.filter(block => !block.parts?.includes(part)) })),
  pin: ({ time }) => seek(time),
  unpin,
};

// ---- the clock ----------------------------------------------------------------------------------------------------------

function play(on) {
  now.playing = on && now.last > 0;
  if (now.playing && now.time >= now.last) now.time = 0;
  now.stamp = null;
  $("play").textContent = now.playing ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", String(now.playing));
  dirty();
}
function seek(time) {
  now.time = Math.min(Math.max(0, time), Math.max(now.last ?? 0, 0));
  showTools();
  dirty();
}
const fps = () => viewport?.clips[0]?.fps ?? 30;
const stepFrames = count => { play(false); seek((Math.round(now.time * fps()) + count) / fps()); };
function setLevel(level) { now.level = Math.min(now.top ?? 0, Math.max(0, level)); $("scale").value = now.level; dirty(); }

function run(stamp) {
  const passed = now.stamp === null ? 0 : Math.min(0.25, (stamp - now.stamp) / 1000);
  now.stamp = stamp;
  if (now.playing) {
    now.time += passed * Number($("speed").value);
    if (now.time > now.last) {
      if ($("loop").checked) now.time %= now.last || 1;
      else { now.time = now.last; play(false); }
    }
    dirty();
  }
  if (now.shown !== now.level) { now.shown += Math.sign(now.level - now.shown) * Math.min(Math.abs(now.level - now.shown), passed / 0.18); dirty(); }
  if (now.dirty && viewport) {
    now.dirty = false;
    const chosen = Math.max(0, now.clips?.findIndex(clip => clip.id === project.state.current) ?? 0);
    viewport.draw({ time: now.time, level: now.shown, follow: $("follow").checked, path: true, ghost: now.top > 0, overlay: false, current: chosen });
    if (now.playing || now.draft) showTools();
    $("clock").textContent = `${now.time.toFixed(2)} / ${(now.last ?? 0).toFixed(2)} s`;
    timeline.seek(now.time);
    document.documentElement.dataset.drawn = "yes";
  }
  requestAnimationFrame(run);
}

// ---- keys ---------------------------------------------------------------------------------------------------------------

const KEYS = [
  ["space", "play or pause", " ", () => play(!now.playing)],
  ["← →", "one frame; with shift ten", "ArrowLeft", event => stepFrames(event.shiftKey ? -10 : -1)],
  [null, null, "ArrowRight", event => stepFrames(event.shiftKey ? 10 : 1)],
  ["Home, End", "first and last frame", "Home", () => seek(0)], [null, null, "End", () => seek(now.last)],
  ["I, O", "selection begins, ends here", "i", () => setRange(0)], [null, null, "o", () => setRange(1)],
  ["Esc", "nothing selected; cancel", "Escape", () => { now.task?.abort(); now.draft = null; project.view({ range: null }); tool("view"); }],
  ["R", "regenerate the selection", "r", () => { if (!$("regenerate").disabled) regenerate(); }],
  ["V, M, T, P", "view, move joint, turn joint, draw path", "v", () => tool("view")],
  [null, null, "m", () => tool("move")], [null, null, "t", () => tool("turn")], [null, null, "p", () => tool("path")],
  ["J", "next joint; with shift the one before", "j", event => nextJoint(event.shiftKey ? -1 : 1)],
  ["K", "pin the pose", "k", () => { if (!$("pin-pose").disabled) pinPose(); }],
  ["[ ]", "coarser, finer", "[", () => setLevel(now.level - 1)], [null, null, "]", () => setLevel(now.level + 1)],
  ["1 2 3 4", "camera: front, left, back, right", "1", () => look("front")],
  [null, null, "2", () => look("left")], [null, null, "3", () => look("back")], [null, null, "4", () => look("right")],
  ["W A S D, Z X", "turn the camera, zoom", "a", () => viewport.turn(-0.12, 0)],
  [null, null, "d", () => viewport.turn(0.12, 0)], [null, null, "w", () => viewport.turn(0, 0.08)], [null, null, "s", () => viewport.turn(0, -0.08)],
  [null, null, "z", () => viewport.turn(0, 0, 1.12)], [null, null, "x", () => viewport.turn(0, 0, 1 / 1.12)],
  ["?", "this sheet", "?", () => $("key-sheet").showModal()],
  ["Ctrl+Enter", "generate", null, null], ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo", null, null], ["Ctrl+S, Ctrl+O", "save, open", null, null],
  ["on a block", "arrows move, with shift stretch, S splits at the playhead, Enter edits, Delete removes", null, null],
];
const CONTROL = {
  z: event => (event.shiftKey ? redo() : undo()), y: () => redo(), s: () => saveFile(), o: () => $("file").click(), enter: () => generate(),
};
const undo = () => { const label = project.undo(); say(label ? `undone: ${label}` : "Nothing to undo."); };
const redo = () => { const label = project.redo(); say(label ? `redone: ${label}` : "Nothing to redo."); };
function setRange(which) {
  const length = now.last ?? 0, range = [...(project.state.range ?? [0, length])];
  range[which] = now.time;
  project.view({ range: range[0] < range[1] ? range : which ? [0, now.time] : [now.time, length] });
}
function nextJoint(by) {
  const clip = current();
  if (!clip) return;
  const { joints, skeleton } = motionOf(clip);
  now.joint = now.joint === null ? 0 : (now.joint + by + joints) % joints;
  if (now.tool === "view") tool("move");
  say(skeleton.names[now.joint]);
  showTools();
  dirty();
}
function look(name) {
  if (!viewport) return;
  if (name === "home") viewport.frame($("follow").checked, true);
  else viewport.look(VIEWS[name]);
  dirty();
}
function pressed(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, { target } = event;
  if (event.ctrlKey || event.metaKey) {
    const act = CONTROL[key.toLowerCase()];
    const typing = target.matches("textarea, input:not([type]), input[type=number]") && (key === "z" || key === "y");
    if (!act || typing) return;
    event.preventDefault();
    act(event);
    return;
  }
  const ruler = target.matches('[role="slider"]');
  if (!ruler && (event.altKey || target.matches("textarea, input:not([type=checkbox]), select, dialog *") || target.closest("[role=button]"))) return;
  if (key === " " && target.matches("button, input")) return;
  const found = KEYS.find(([, , own]) => own === key);
  if (!found) return;
  event.preventDefault();
  found[3](event);
}

// ---- start --------------------------------------------------------------------------------------------------------------

const on = (id, event, act) => $(id).addEventListener(event, act);
const number = (id, low, high) => Math.min(high, Math.max(low, Number($(id).value) || low));
function wire() {
  on("undo", "click", undo); on("redo", "click", redo);
  on("new", "click", () => project.commit("new project", () => empty()));
  on("open", "click", () => $("file").click());
  on("file", "change", event => { openFiles([...event.target.files]); event.target.value = ""; });
  on("save", "click", saveFile);
  on("keys", "click", () => $("key-sheet").showModal());
  on("project-name", "change", event => project.commit("rename project", { name: event.target.value.trim() || "untitled" }));
  on("prompt", "input", event => editBlock({ text: event.target.value }, "edit prompt", `text${chosenBlock()?.id}`));
  on("block-start", "change", () => { const block = chosenBlock(); editBlock({ start: number("block-start", 0, block.end - 0.3) }, "move block"); });
  on("block-end", "change", () => { const block = chosenBlock(); editBlock({ end: number("block-end", block.start + 0.3, 600) }, "stretch block"); });
  on("samples", "change", () => project.commit("variants", s => ({ settings: { ...s.settings, samples: Math.round(number("samples", 1, bundle?.limits?.max_samples ?? 16)) } })));
  on("seed", "change", () => project.commit("seed", s => ({ settings: { ...s.settings, seed: Math.round(number("seed", 0, 2 ** 31 - 1)) } })));
  on("add-block", "click", () => addBlock());
  on("add-track", "change", event => {
    const part = event.target.value;
    event.target.value = "";
    if (part && !project.state.tracks.includes(part)) project.commit("add track", s => ({ tracks: [...s.tracks, part] }));
    if (part) addBlock({ start: 0, part });
  });
  on("generate", "click", generate);
  for (const id of ["range-start", "range-end"]) on(id, "change", () => {
    const range = [number("range-start", 0, 600), number("range-end", 0, 600)];
    project.view({ range: range[1] > range[0] ? range : null });
  });
  on("range-clear", "click", () => project.view({ range: null }));
  on("keep", "input", () => { $("keep-said").textContent = $("keep").value; });
  on("regenerate", "click", regenerate);
  on("fill", "click", () => change("fill gap", "/v1/edit", (motion, clip) => ({ task: "inpaint", motion: clip.motion, options: region(motion) }), "filled"));
  on("loop-it", "click", () => change("loop", "/v1/loop", (_, clip) => ({ motion: clip.motion, seconds: 0.5 }), "cycle"));
  on("extend", "click", () => extend(false)); on("extend-before", "click", () => extend(true));
  on("compose", "click", compose); on("then", "click", then);
  on("pin-pose", "click", pinPose); on("apply", "click", applyPins);
  on("path-clear", "click", () => project.commit("clear path", { path: [], errors: null }));
  on("export", "click", exportFile); on("describe", "click", describe); on("show-scales", "click", showScales);
  for (const name of ["view", "move", "turn", "path"]) on(`tool-${name}`, "click", () => tool(name));
  for (const id of ["onion", "trails"]) on(id, "change", () => { showTools(); dirty(); });
  on("follow", "change", () => layout(false));
  on("camera", "change", event => { look(event.target.value); event.target.value = ""; });
  on("play", "click", () => play(!now.playing));
  on("back", "click", () => stepFrames(-1)); on("forward", "click", () => stepFrames(1));
  on("scale", "input", event => setLevel(Number(event.target.value)));
  on("cancel", "click", () => now.task?.abort());
  on("wider", "click", () => timeline.scale(1.25)); on("narrower", "click", () => timeline.scale(0.8));
  on("roles-apply", "click", applyRoles); on("roles-close", "click", () => $("roles").close());
  addEventListener("keydown", pressed);
  addEventListener("dragover", event => { event.preventDefault(); document.body.classList.add("dropping"); });
  addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  addEventListener("drop", event => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    openFiles([...event.dataTransfer.files]);
  });
  dark.addEventListener("change", () => layout());
  new ResizeObserver(() => layout(false)).observe($("stage"));
  for (const [label, text] of KEYS) if (label) $("key-list").append(Object.assign(document.createElement("dt"), { textContent: label }), Object.assign(document.createElement("dd"), { textContent: text }));
}
const VIEW = {
  view: dirty,
  pick: joint => { now.joint = joint; if (joint !== null) say(motionOf(current()).skeleton.names[joint]); showTools(); dirty(); },
  grab: () => startDraft(), drag: dragged, dragged: pinDragged,
  ground: path => {
    tool("view");
    if (path.length > 1) project.commit("draw path", { path: path.map(place => place.map(value => Number(value.toFixed(3)))), errors: null });
    else say("Draw with the pointer held down on the ground.", true);
  },
};

function connected(found) {
  bundle = found;
  $("server").textContent = `${found.bundle} · ${Number(found.fps.toFixed(2))} fps`;
  $("server").classList.remove("lost");
  $("keep").max = found.scales;
  options($("format"), [...found.formats.write, ...found.formats.picture].map(suffix => [suffix, suffix]));
  $("format").value = found.formats.write.includes(".glb") ? ".glb" : found.formats.write[0];
  options($("skeleton"), [["", "own skeleton"], ...found.skeletons.map(name => [name, name])]);
  options($("add-track"), [["", "part track…"], ...Object.keys(found.parts).map(name => [name, name.replaceAll("_", " ")])]);
  $("parts").replaceChildren(...Object.keys(found.parts).map(part => {
    const label = document.createElement("label"), box = Object.assign(document.createElement("input"), { type: "checkbox", value: part });
    box.addEventListener("change", () => { $("parts-said").textContent = chosenParts().map(name => name.replaceAll("_", " ")).join(", ") || "all"; });
    label.append(box, part.replaceAll("_", " "));
    return label;
  }));
  $("examples").replaceChildren(...found.acts.slice(0, 6).map(({ example }) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: example });
    made.addEventListener("click", () => editBlock({ text: example }, "example"));
    return made;
  }));
}
async function connect() {
  try {
    connected(await api.json("/v1/bundle"));
  } catch (problem) {
    $("server").textContent = problem.message;
    $("server").classList.add("lost");
    setTimeout(connect, 3000);
  }
}
api.onlost = () => {
  if ($("server").classList.contains("lost")) return;
  $("server").textContent = "server lost, trying again …";
  $("server").classList.add("lost");
  setTimeout(connect, 2000);
};

timeline = new Timeline($("timeline"), (event, detail) => TIMELINE[event]?.(detail));
try {
  viewport = new Viewport($("canvas"), (event, detail) => VIEW[event]?.(detail));
} catch {
  trouble("This browser offers no WebGL 2, which the 3-D view needs; everything else works.");
}
$("welcome").textContent = "Write a prompt and press Generate, or drop a motion file here.";
wire();
layout(true);
await project.restore();
refresh(project.state);
await connect();
document.documentElement.dataset.ready = "yes";
requestAnimationFrame(run);
