// The server's interface under /v1: jobs with progress by server-sent events, errors as sentences.

const RETRY_MS = [500, 1000, 2000, 4000];

export class Refused extends Error {}
/** The server cannot be reached. */
export class Lost extends Error {}

export class Api {
  constructor(base = "", token = null) { this.base = base; this.token = token; this.onlost = () => {}; this.onfound = () => {}; }

  async request(path, { body, headers, method, signal } = {}) {
    const own = { ...headers };
    if (this.token) own.Authorization = `Bearer ${this.token}`;
    let content = body;
    if (body !== undefined && !(body instanceof ArrayBuffer)) { content = JSON.stringify(body); own["Content-Type"] = "application/json"; }
    let answer;
    try {
      answer = await fetch(this.base + path, { method: method ?? (body === undefined ? "GET" : "POST"), body: content, headers: own, signal });
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      this.onlost();
      throw new Lost("The server does not answer. Your work is kept in this browser.");
    }
    this.onfound();
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }
  async json(path, options) { return (await this.request(path, options)).json(); }

  /** Run a job and return its result; `heard` gets ("progress" | "preview" | "state", data). Aborting cancels it. */
  async job(path, body, heard, signal) {
    const job = await this.json(path, { body, signal });
    const cancel = () => this.request(`/v1/jobs/${job.id}`, { method: "DELETE" }).catch(() => {});
    signal?.addEventListener("abort", cancel);
    try {
      return await this.follow(job, heard, signal);
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }
  /** Follow the events to the end; a broken stream is taken up again where it broke. */
  async follow(job, heard, signal) {
    let after = 0;
    for (let failures = 0; ;) {
      try {
        const answer = await this.request(`${job.events}?after=${after}`, { signal });
        for await (const { id, event, data } of events(answer.body)) {
          after = id ?? after;
          failures = 0;
          if (event === "done") return data.result;
          if (event === "failed" || event === "cancelled") throw new Refused(data.error?.message ?? "The server gave the job up.");
          heard?.(event, data);
        }
        throw new Lost("The server ended the connection.");
      } catch (problem) {
        if (!(problem instanceof Lost) && problem.name !== "TypeError") throw problem;
        if (failures >= RETRY_MS.length) throw problem;
        await new Promise(done => setTimeout(done, RETRY_MS[failures++]));
      }
    }
  }
  /** A file's bytes as {motion, notes, ...}. */
  read(bytes, suffix, options = {}) {
    const query = new URLSearchParams({ suffix, ...options });
    return this.json(`/v1/convert?${query}`, { body: bytes, headers: { "Content-Type": "application/octet-stream" } });
  }
  /** A motion as a file's bytes. */
  async write(motion, to, options = {}) {
    return (await this.request("/v1/convert", { body: { motion, to, ...options } })).blob();
  }
}

async function refusal(answer) {
  let said = null;
  try { said = (await answer.json()).error; } catch { /* not the server's own answer */ }
  const wait = answer.headers.get("Retry-After");
  const message = said?.message ?? `The server answered ${answer.status}.`;
  return new Refused(wait ? `${message} Try again in ${wait} s.` : message);
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      waiting += value.replaceAll("\r", "");
      for (let at; (at = waiting.indexOf("\n\n")) >= 0; waiting = waiting.slice(at + 2)) {
        const found = { event: "message", data: "" };
        for (const line of waiting.slice(0, at).split("\n")) {
          const cut = line.indexOf(":");
          if (cut <= 0) continue;
          const key = line.slice(0, cut), text = line.slice(cut + 1).replace(/^ /, "");
          if (key === "data") found.data += text;
          else if (key === "id") found.id = Number(text);
          else if (key === "event") found.event = text;
        }
        if (found.data) yield { ...found, data: JSON.parse(found.data) };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
