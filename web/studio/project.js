// The project: clips, prompt blocks, pins and a path, in one plain object that is replaced and never changed; undo, autosave.

const VERSION = 1;
const MOST_STEPS = 200;
const STORE = "kinescale-studio", TABLE = "projects", KEY = "last";

export const empty = () => ({
  kind: "kinescale-project", version: VERSION, name: "untitled", clips: [], current: null, shown: [], tracks: [],
  blocks: [{ id: 1, text: "a person walks forward", start: 0, end: 4, parts: null }], pins: [], path: [],
  settings: { seed: 0, samples: 1 }, next: 2,
});

export class Project {
  constructor(changed) {
    this.changed = changed;
    this.state = empty();
    this.done = [];
    this.undone = [];
  }
  /** Replace fields of the state as one step that can be undone. A `merge` key joins steps of one gesture. */
  commit(label, change, merge = null) {
    const next = { ...this.state, ...(typeof change === "function" ? change(this.state) : change) };
    const joined = merge !== null && this.done.at(-1)?.merge === merge;
    if (!joined) this.done.push({ label, merge, state: this.state });
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
    this.set(next);
  }
  /** Change what is only shown; no step of its own. */
  view(change) { this.set({ ...this.state, ...change }); }
  undo() { return this.step(this.done, this.undone); }
  redo() { return this.step(this.undone, this.done); }
  step(from, to) {
    const entry = from.pop();
    if (!entry) return null;
    to.push({ label: entry.label, merge: null, state: this.state });
    this.set(entry.state);
    return entry.label;
  }
  set(state) {
    this.state = state;
    this.changed(state);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), 400);
  }
  id() { return this.state.next; }
  text() { return JSON.stringify(this.state); }
  /** Open a saved project; an Error in one sentence for any other file. */
  open(text) {
    let data;
    try { data = JSON.parse(text); } catch { throw new Error("This is not a project file: it is not JSON."); }
    if (data?.kind !== "kinescale-project") throw new Error("This is not a project file of the studio.");
    if (data.version !== VERSION) throw new Error(`This project is of version ${data.version}; this studio reads version ${VERSION}.`);
    const whole = { ...empty(), ...data };
    for (const key of ["clips", "blocks", "pins", "path", "shown", "tracks"])
      if (!Array.isArray(whole[key])) throw new Error(`This project is damaged: '${key}' is no list.`);
    if (!whole.clips.every(clip => Array.isArray(clip?.motion?.root) && Array.isArray(clip.motion.rotations)
      && clip.motion.root.length === clip.motion.rotations.length && Array.isArray(clip.motion.skeleton?.parents)))
      throw new Error("This project is damaged: a clip in it is no motion.");
    this.commit("open project", whole);
  }
  async save() {
    try {
      const table = await store("readwrite");
      table.put(this.state, KEY);
    } catch { /* private windows may have no store; the file menu saves */ }
  }
  async restore() {
    try {
      const found = await result((await store("readonly")).get(KEY));
      if (found?.version === VERSION) this.set({ ...empty(), ...found });
    } catch { /* nothing kept */ }
  }
}

const result = request => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});

async function store(mode) {
  const opening = indexedDB.open(STORE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  return (await result(opening)).transaction(TABLE, mode).objectStore(TABLE);
}
