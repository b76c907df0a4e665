// Puts the page together: clips out of the page's data, the view, the bar below it, keys, and the clock that plays.
import { Clip } from "../shared/clip.js";
import { hue } from "../shared/palette.js";
import { View } from "../shared/view.js";

const $ = id => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const MORPH_S = 0.18;

const clips = JSON.parse($("data").textContent).map(data => new Clip(data));
const fps = Math.max(...clips.map(clip => clip.fps));
const last = Math.max(...clips.map(clip => clip.last));
const top = Math.max(...clips.map(clip => clip.tracks.length)) - 1;
const state = { time: 0, playing: false, level: top, shown: top, stamp: null };
let view = null, dirty = true;

const changed = () => { dirty = true; };
const settings = () => ({
  time: state.time, level: state.shown, follow: $("follow").checked, path: $("trail").checked, overlay: $("overlay").checked,
  ghost: $("ghost").checked,
});

// Texts are set as text, never as markup.
function caption(titles, notes) {
  const figure = document.createElement("figure"), text = document.createElement("figcaption");
  for (const { title, color } of titles) {
    const line = document.createElement("b");
    if (color) {
      const key = document.createElement("i");
      key.className = "key"; key.style.background = `#${color.getHexString()}`;
      line.append(key);
    }
    line.append(title);
    text.append(line);
  }
  const small = document.createElement("small");
  small.textContent = notes;
  text.append(small); figure.append(text); $("panels").append(figure);
}

function captions() {
  $("panels").replaceChildren();
  if ($("overlay").checked)
    caption(clips.map((clip, i) => ({ title: clip.title, color: hue(i, clips.length, dark.matches) })), "");
  else for (const clip of clips) caption([{ title: clip.title }], clip.notes);
}

function layout() {
  const box = $("stage").getBoundingClientRect(), count = $("panels").children.length;
  const columns = Math.min(count, Math.max(1, Math.round(Math.sqrt(count * (box.width / Math.max(box.height, 1)) * 1.4))));
  const even = Math.ceil(count / Math.ceil(count / columns)), rows = Math.ceil(count / even);
  $("panels").style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${even}, minmax(0, 1fr))`;
  const panels = [...$("panels").children].map(figure => {
    const place = figure.getBoundingClientRect();
    figure.classList.toggle("small", place.width < 300 || place.height < 260);
    return { left: place.left - box.left, top: place.top - box.top, width: place.width, height: place.height };
  });
  view?.resize(box.width, box.height, panels);
  dirty = true;
}

function restyle(home) {
  // There every motion has its own hue, in which left is the lighter side.
  $("bar").classList.toggle("laid", $("overlay").checked);
  captions(); layout();
  view?.paint(dark.matches, $("overlay").checked);
  if (home !== undefined) view?.frame($("follow").checked, home);
  dirty = true;
}

function play(on) {
  state.playing = on && last > 0;
  if (on && state.time >= last) state.time = 0;
  state.stamp = null;
  $("play").textContent = state.playing ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", String(state.playing));
  dirty = true;
}
function jump(time) { state.time = Math.min(last, Math.max(0, time)); dirty = true; }
function step(frames) { play(false); jump((Math.round(state.time * fps) + frames) / fps); }
function scale(level) { state.level = Math.min(top, Math.max(0, level)); $("scale").value = state.level; dirty = true; }
function tick(id) { $(id).click(); }
function faster(by) {
  const menu = $("speed");
  menu.selectedIndex = Math.min(menu.options.length - 1, Math.max(0, menu.selectedIndex + by));
}

const KEYS = {
  " ": () => play(!state.playing),
  ArrowRight: e => step(e.shiftKey ? 10 : 1), ArrowLeft: e => step(e.shiftKey ? -10 : -1),
  Home: () => jump(0), End: () => { play(false); jump(last); },
  ArrowUp: () => scale(state.level + 1), ArrowDown: () => scale(state.level - 1),
  "]": () => scale(state.level + 1), "[": () => scale(state.level - 1),
  ".": () => faster(1), ",": () => faster(-1),
  l: () => tick("loop"), f: () => tick("follow"), t: () => tick("trail"), o: () => tick("overlay"), g: () => tick("ghost"),
  r: () => tick("home"),
  a: () => view.turn(-0.12, 0), d: () => view.turn(0.12, 0), w: () => view.turn(0, 0.08), s: () => view.turn(0, -0.08),
  z: () => view.turn(0, 0, 1.12), x: () => view.turn(0, 0, 1 / 1.12),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, { target } = event;
  // What an element does itself with a key stays its own.
  const range = target.matches("input[type=range]") && /^(Arrow|Home|End|Page)/.test(key);
  const own = target.matches("select") || range || (key === " " && target.matches("button, input[type=checkbox]"));
  if (own || !KEYS[key]) return;
  event.preventDefault();
  KEYS[key](event);
}

function name() {
  const at = Math.round(state.level), labels = clips.map(clip => clip.tracks[Math.min(at, clip.tracks.length - 1)].label);
  return labels.find((label, i) => label && clips[i].tracks.length === top + 1) ?? "";
}

function run(stamp) {
  const passed = state.stamp === null ? 0 : Math.min(0.25, (stamp - state.stamp) / 1000);
  state.stamp = stamp;
  if (state.playing) {
    state.time += passed * Number($("speed").value);
    dirty = true;
    if (state.time > last) {
      if ($("loop").checked) state.time %= last;
      else { state.time = last; play(false); }
    }
  }
  if (state.shown !== state.level) {
    const most = still.matches ? Infinity : passed / MORPH_S, left = state.level - state.shown;
    state.shown = Math.abs(left) <= most ? state.level : state.shown + Math.sign(left) * most;
    dirty = true;
  }
  if (dirty) {
    dirty = false;
    view.draw(settings());
    $("scrub").value = Math.round(state.time * fps);
    $("clock").textContent = `${state.time.toFixed(2)} / ${last.toFixed(2)} s`;
    $("scrub").setAttribute("aria-valuetext", `${state.time.toFixed(2)} seconds`);
    $("scale-name").textContent = name();
    $("scale").setAttribute("aria-valuetext", name());
    document.documentElement.dataset.drawn = "yes";
  }
  requestAnimationFrame(run);
}

function wire() {
  $("scrub").max = Math.round(last * fps);
  $("scrub").addEventListener("input", e => { play(false); jump(Number(e.target.value) / fps); });
  $("play").addEventListener("click", () => play(!state.playing));
  $("back").addEventListener("click", () => step(-1));
  $("forward").addEventListener("click", () => step(1));
  $("scale").addEventListener("input", e => scale(Number(e.target.value)));
  $("home").addEventListener("click", () => restyle(true));
  for (const id of ["trail", "ghost"]) $(id).addEventListener("change", changed);
  $("follow").addEventListener("change", () => restyle(false));
  $("overlay").addEventListener("change", () => restyle(false));
  $("bar").addEventListener("submit", e => e.preventDefault());
  $("canvas").addEventListener("dblclick", () => restyle(true));
  $("canvas").addEventListener("webglcontextrestored", () => restyle());
  $("scale-row").hidden = top === 0;
  $("scale").max = top; $("scale").value = top;
  for (let i = 0; i <= top; i++) $("scale-ticks").append(Object.assign(document.createElement("option"), { value: i }));
  $("overlay-label").hidden = clips.length < 2;
  addEventListener("keydown", pressed);
  dark.addEventListener("change", () => restyle());
  new ResizeObserver(layout).observe($("stage"));
}

try {
  view = new View($("canvas"), clips, changed);
} catch (problem) {
  $("trouble").hidden = false;
  $("canvas").hidden = true;
  $("trouble").textContent = "This browser offers no WebGL 2, which the 3-D view needs. Another browser or switching hardware "
    + "acceleration on may help; kinescale render also writes .gif, .mp4 and .png.";
  $("bar").hidden = true;
  captions(); layout();
}
if (view) {
  wire();
  restyle(true);
  play(true);
  requestAnimationFrame(run);
}
