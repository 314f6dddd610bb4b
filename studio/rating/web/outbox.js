// Keeps what a rater did until the server has acknowledged it, also over a closed tab.

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
const REQUEST_TIMEOUT = 30000;

export class Refused extends Error {
  constructor(content) {
    super(content.error || "");
    this.about = content.name || "";
  }
}

// Answers with the server's JSON; Refused when it will never take the request, else Error.
export async function post(path, body) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), REQUEST_TIMEOUT);
  try {
    const reply = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body), signal: stop.signal,
    });
    const content = await reply.json();
    if (reply.ok) return content;
    if (reply.status === 400) throw new Refused(content);
    throw new Error(`status ${reply.status}`);
  } finally {
    clearTimeout(timer);
  }
}

// Resolves at the next try: after the wait, or as soon as the network is back.
export function pauseBeforeRetry(attempt) {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      resolve();
    };
    const timer = setTimeout(go, Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt));
    window.addEventListener("online", go);
  });
}

export async function insist(path, body, onLost) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await post(path, body);
    } catch (error) {
      if (error instanceof Refused) throw error;
      onLost();
      await pauseBeforeRetry(attempt);
    }
  }
}

export class Outbox {
  // `key`: where the browser keeps it. `onLost` and `onSent` are told of the entry of every
  // failed and every acknowledged request.
  constructor(key, onLost, onSent) {
    Object.assign(this, { key, onLost, onSent, sending: null });
  }

  get waiting() {
    return JSON.parse(localStorage.getItem(this.key) || "[]");
  }

  // One entry a key: what was put first stays, so a double tap is one request.
  put(key, path, body) {
    const waiting = this.waiting;
    if (waiting.some((entry) => entry.key === key)) return;
    localStorage.setItem(this.key, JSON.stringify([...waiting, { key, path, body }]));
  }

  clear() {
    localStorage.removeItem(this.key);
  }

  // Sends everything in order; waits while the study is not open. Resolves with the last answer
  // to `path`, null without one.
  send(path) {
    this.sending = (this.sending || Promise.resolve(null)).then(() => this.sendAll(path));
    return this.sending;
  }

  async sendAll(path) {
    let last = null;
    let closed = 0; // tries in a row that met a study that is not open
    for (let entry = this.waiting[0]; entry; entry = this.waiting[0]) {
      try {
        const answer = await insist(entry.path, entry.body, () => this.onLost(entry));
        if (entry.path === path) last = answer;
        this.onSent(entry);
        closed = 0;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.about === "study") {
          this.onLost(entry);
          await pauseBeforeRetry(closed);
          closed += 1;
          continue;
        }
        console.warn(error.message); // what the server will never take must not block the rest
      }
      const left = this.waiting.filter((other) => other.key !== entry.key);
      localStorage.setItem(this.key, JSON.stringify(left));
    }
    return last;
  }
}
