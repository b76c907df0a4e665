// The timeline: a ruler with playhead and selection, rows of prompt blocks, pins and foot contacts, one element each.

const SNAP_S = 0.05;
const LEAST_S = 0.3;
const element = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};
const round = seconds => Math.round(seconds / SNAP_S) * SNAP_S;
const show = seconds => `${seconds.toFixed(2)} s`;

export class Timeline {
  /** `heard(event, detail)`: "seek", "select", "block", "remove", "split", "choose", "add", "track", "pin". */
  constructor(root, heard) {
    this.root = root;
    this.heard = heard;
    this.zoom = 90;
    this.chosen = null;
    this.gesture = 0;
    root.addEventListener("wheel", event => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.scale(event.deltaY < 0 ? 1.15 : 1 / 1.15);
    }, { passive: false });
  }
  scale(by) {
    this.zoom = Math.min(600, Math.max(20, this.zoom * by));
    if (this.last) this.draw(...this.last);
  }
  x(seconds) { return `${seconds * this.zoom}px`; }
  /** Rebuild the rows; what had the focus keeps it. */
  draw(state, motion, length) {
    this.last = [state, motion, length];
    const focus = document.activeElement?.closest?.("#timeline [data-key]")?.dataset.key;
    this.length = Math.max(length, ...state.blocks.map(block => block.end), 1);
    const wide = this.x(this.length + 1);
    this.playhead = element("div", { className: "playhead" });
    const rows = [this.ruler(wide)];
    rows.push(this.row("whole body", null, state.blocks.filter(block => !block.parts), wide));
    for (const part of state.tracks)
      rows.push(this.row(part, part, state.blocks.filter(block => block.parts?.includes(part)), wide));
    if (state.pins.length) rows.push(this.pinRow(state.pins, motion, wide));
    if (motion?.data.contacts) rows.push(this.contactRow(motion, wide));
    this.root.replaceChildren(...rows, this.playhead);
    this.selection(state.range);
    if (focus) this.root.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }
  seek(time) {
    this.time = time;
    if (!this.playhead) return;
    this.playhead.style.transform = `translateX(calc(${this.x(time)} + var(--head)))`;
    this.slider.setAttribute("aria-valuenow", time.toFixed(2));
    this.slider.setAttribute("aria-valuetext", show(time));
  }
  labelled(label, wide, ...children) {
    const lane = element("div", { className: "lane" }, ...children);
    lane.style.width = wide;
    return element("div", { className: "row" }, element("span", { className: "head", textContent: label }), lane);
  }
  ruler(wide) {
    const step = [0.1, 0.25, 0.5, 1, 2, 5, 10].find(size => size * this.zoom >= 56) ?? 10;
    const marks = [];
    for (let at = 0; at <= this.length + 1e-9; at += step) {
      const mark = element("span", { className: "tick", textContent: `${Number(at.toFixed(2))}` });
      mark.style.left = this.x(at);
      marks.push(mark);
    }
    this.band = element("div", { className: "band", hidden: true });
    const row = this.labelled("time, s", wide, ...marks, this.band);
    row.classList.add("ruler");
    const lane = this.slider = row.lastChild;
    lane.tabIndex = 0;
    lane.dataset.key = "ruler";
    lane.setAttribute("role", "slider");
    lane.setAttribute("aria-label", "playhead; arrows step frames, shift and drag selects");
    lane.setAttribute("aria-valuemin", "0");
    lane.setAttribute("aria-valuemax", this.length.toFixed(2));
    lane.setAttribute("aria-valuenow", "0");
    lane.addEventListener("pointerdown", event => {
      const start = this.timeAt(event, lane);
      lane.setPointerCapture(event.pointerId);
      const move = next => {
        const now = this.timeAt(next, lane);
        if (event.shiftKey) this.heard("select", [Math.min(start, now), Math.max(start, now)]);
        else this.heard("seek", now);
      };
      if (!event.shiftKey) move(event);
      this.until(lane, move);
    });
    return row;
  }
  timeAt(event, lane) {
    const { left } = lane.getBoundingClientRect();
    return Math.min(this.length, Math.max(0, (event.clientX - left) / this.zoom));
  }
  /** Follow a pointer until it is let go. */
  until(target, move, end = () => {}) {
    const up = event => {
      target.removeEventListener("pointermove", move);
      target.removeEventListener("pointerup", up);
      target.removeEventListener("pointercancel", up);
      end(event);
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", up);
    target.addEventListener("pointercancel", up);
  }
  row(label, part, blocks, wide) {
    const row = this.labelled(label, wide, ...blocks.map(block => this.block(block)));
    row.lastChild.addEventListener("dblclick", event => {
      if (event.target === row.lastChild) this.heard("add", { start: round(this.timeAt(event, row.lastChild)), part });
    });
    if (part) {
      const away = element("button", { type: "button", className: "quiet", textContent: "×", title: `remove the track ${part}` });
      away.setAttribute("aria-label", `remove the track ${part}`);
      away.addEventListener("click", () => this.heard("track", part));
      row.firstChild.append(away);
    }
    return row;
  }
  block(block) {
    const made = element("div", { className: "block", tabIndex: 0, title: "drag to move, drag an end to stretch, double click to edit" });
    made.dataset.key = `block${block.id}`;
    made.dataset.id = block.id;
    made.setAttribute("role", "button");
    made.setAttribute("aria-label", `prompt ${block.text || "without text"}, ${show(block.start)} to ${show(block.end)}`);
    made.setAttribute("aria-pressed", String(block.id === this.chosen));
    made.append(element("i", { className: "edge start" }), element("span", { textContent: block.text || "(free)" }),
      element("i", { className: "edge end" }));
    this.place(made, block);
    made.addEventListener("pointerdown", event => this.drag(event, made, block));
    made.addEventListener("focus", () => { this.chosen = block.id; this.heard("choose", block.id); });
    made.addEventListener("dblclick", () => this.heard("rename", block.id));
    made.addEventListener("keydown", event => this.key(event, block));
    return made;
  }
  place(made, { start, end }) { made.style.left = this.x(start); made.style.width = this.x(end - start); }
  drag(event, made, block) {
    if (event.button !== 0) return;
    const from = event.clientX, edge = event.target.classList.contains("start") ? "start" : event.target.classList.contains("end") ? "end" : null;
    const merge = `drag${++this.gesture}`;
    let next = block;
    made.setPointerCapture(event.pointerId);
    this.until(made, moved => {
      next = changed(block, edge, (moved.clientX - from) / this.zoom);
      this.place(made, next);
    }, () => { if (next !== block && (next.start !== block.start || next.end !== block.end)) this.heard("block", { block: next, merge }); });
  }
  key(event, block) {
    const by = { ArrowLeft: -0.1, ArrowRight: 0.1 }[event.key];
    if (by) this.heard("block", { block: changed(block, event.shiftKey ? "end" : null, by), merge: `keys${block.id}` });
    else if (event.key === "Delete" || event.key === "Backspace") this.heard("remove", block.id);
    else if (event.key === "Enter") this.heard("rename", block.id);
    else if (event.key.toLowerCase() === "s" && !event.ctrlKey && !event.metaKey) this.heard("split", block.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  pinRow(pins, motion, wide) {
    const fps = motion?.fps ?? 30;
    return this.labelled("pins", wide, ...pins.map(pin => {
      const made = element("button", { type: "button", className: `pin ${pin.kind}`, title: `${pin.label}, frame ${pin.frame}; click goes there` });
      made.dataset.key = `pin${pin.id}`;
      made.setAttribute("aria-label", `${pin.label} at ${show(pin.frame / fps)}; Delete removes it`);
      made.style.left = this.x(pin.frame / fps);
      made.addEventListener("click", () => this.heard("pin", { id: pin.id, time: pin.frame / fps }));
      made.addEventListener("keydown", event => {
        if (event.key !== "Delete" && event.key !== "Backspace") return;
        event.preventDefault();
        this.heard("unpin", pin.id);
      });
      return made;
    }));
  }
  contactRow(motion, wide) {
    const canvas = element("canvas", { className: "contacts", width: motion.frames, height: 2 });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "feet on the ground, left above right");
    canvas.style.width = this.x(motion.seconds);
    const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    ["left", "right"].forEach((side, row) => {
      pen.fillStyle = style.getPropertyValue(`--${side}`);
      const flags = ["ankle", "toes"].map(place => motion.data.contacts[`${side}_${place}`]).filter(Boolean);
      for (let frame = 0; frame < motion.frames; frame++) if (flags.some(flag => flag[frame])) pen.fillRect(frame, row, 1, 1);
    });
    return this.labelled("feet down", wide, canvas);
  }
  selection(range) {
    this.band.hidden = !range;
    if (!range) return;
    this.band.style.left = this.x(range[0]);
    this.band.style.width = this.x(range[1] - range[0]);
  }
}

function changed(block, edge, by) {
  if (edge === "start") return { ...block, start: Math.max(0, Math.min(round(block.start + by), block.end - LEAST_S)) };
  if (edge === "end") return { ...block, end: Math.max(block.start + LEAST_S, round(block.end + by)) };
  const start = Math.max(0, round(block.start + by));
  return { ...block, start, end: start + block.end - block.start };
}
