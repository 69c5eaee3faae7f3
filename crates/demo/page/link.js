// The line to the demo: what it says arrives as server-sent events, what is asked of it leaves as small POSTs. When the line breaks it
// is taken up again without anybody's doing, and the page says so. An exported page has no line.
'use strict';

const EVENTS = ['snapshot', 'tick', 'second', 'mark', 'line', 'load', 'guests', 'class', 'findings'];
/// A running tier says something five times a second: after this long the line counts as broken, whatever the socket says.
const SILENCE_MS = 4000;
const TURNS_AT_MOST = 40, TURN_AGAIN_MS = 300;

class Link {
  /// `heard(message)` for every message, `changed(state, words)` with live, waiting or back.
  constructor({ heard, changed }) {
    Object.assign(this, { heard, changed, source: null, lastHeard: null, lostAt: null, quiet: false, token: null });
  }

  /// The token comes in the fragment, which no log and no Referer sees, and leaves the address bar at once.
  takeToken() {
    const found = /[#&]token=([^&]+)/.exec(location.hash);
    try {
      if (found) sessionStorage.setItem('token', decodeURIComponent(found[1]));
      this.token = sessionStorage.getItem('token');
    } catch {
      this.token = found ? decodeURIComponent(found[1]) : null;
    }
    if (found) history.replaceState(null, '', location.pathname + location.search);
  }

  open() {
    this.connect();
    setInterval(() => this.watch(), 1000);
    window.addEventListener('online', () => this.connect());
  }

  connect() {
    if (this.source) this.source.close();
    const source = new EventSource('events');
    this.source = source;
    this.openedAt = Date.now();
    for (const event of EVENTS) {
      source.addEventListener(event, ({ data }) => {
        if (this.source === source) this.receive(event, data);
      });
    }
    source.addEventListener('error', () => {
      if (this.source === source) this.broken();
    });
  }

  receive(event, text) {
    const data = JSON.parse(text);
    const missed_s = this.lostAt === null ? 0 : (Date.now() - this.lastHeard) / 1000;
    const wasLost = this.lostAt !== null;
    this.lostAt = null;
    this.lastHeard = Date.now();
    if (event === 'snapshot') this.quiet = data.mode === 'recorded' || data.state === 'over';
    this.heard({ event, data });
    if (wasLost) this.changed('back', missed_s);
    else if (event === 'snapshot') this.changed('live', 0);
  }

  broken() {
    if (this.lastHeard === null) this.lastHeard = Date.now();
    if (this.lostAt === null) this.lostAt = Date.now();
    this.changed('waiting', (Date.now() - this.lastHeard) / 1000);
  }

  watch() {
    if (this.quiet) return;
    const silent = this.lastHeard !== null && Date.now() - this.lastHeard > SILENCE_MS;
    if (silent || this.lostAt !== null) this.broken();
    const stuck = this.source.readyState === EventSource.CLOSED || silent;
    if (stuck && Date.now() - this.openedAt > 2000) this.connect();
  }

  /// Asks for something. Answers `{ ok, status, said | why, ... }` whatever happens; without an answer the status is 0.
  async ask(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    if (path === 'control' && this.token) headers.Authorization = `Bearer ${this.token}`;
    try {
      const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
      return { ...(await answer.json()), status: answer.status };
    } catch {
      return { ok: false, status: 0, why: 'The demo does not answer.' };
    }
  }

  /// What was said in a span of time. Only so many may look back at once: others wait for their turn.
  async history(from_us, to_us) {
    try {
      for (let tries = 0; tries < TURNS_AT_MOST; tries++) {
        const answer = await fetch(`history?from_us=${Math.floor(from_us)}&to_us=${Math.ceil(to_us)}`);
        if (answer.ok) return (await answer.json()).messages;
        if (answer.status !== 429) break;
        await new Promise((go) => setTimeout(go, TURN_AGAIN_MS));
      }
    } catch { /* the line is broken, which is said elsewhere */ }
    return [];
  }

  /// The run so far as one file: its contents, or why there is none.
  async recording() {
    try {
      const answer = await fetch('export');
      return answer.ok ? { file: await answer.blob() } : { why: (await answer.json()).why };
    } catch {
      return { why: 'The demo does not answer.' };
    }
  }
}

/// The messages of an exported page, or null when this is a live one.
async function embeddedRecording() {
  const element = byId('recording');
  if (!element) return null;
  const packed = Uint8Array.from(atob(element.textContent.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text()).messages;
}
