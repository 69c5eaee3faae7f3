// Latency and errors of both tiers on one clock, and what was done to them. An SVG that is drawn anew once a second.
'use strict';

const SPANS = [{ us: 180e6, label: '3 min' }, { us: 600e6, label: '10 min' }, { us: Infinity, label: 'all' }];
const TWINS_WITHIN_US = 1.5e6;
const LATENCY_FLOOR_MS = 5, LATENCY_TOP_MS = 5000;

class Timeline {
  constructor(root, seek) {
    this.root = root;
    this.span = 0;
    this.svg = drawn('svg', { role: 'img', class: 'chart' });
    this.words = make('p', { class: 'unseen' });
    root.append(this.svg, this.words);
    this.svg.addEventListener('click', (event) => {
      const box = this.svg.getBoundingClientRect();
      const share = (event.clientX - box.left - this.left) / Math.max(1, box.width - this.left - this.right);
      if (this.window) seek(this.window.from + Math.min(1, Math.max(0, share)) * (this.window.to - this.window.from));
    });
  }

  widen() {
    this.span = (this.span + 1) % SPANS.length;
    return SPANS[this.span].label;
  }

  /// The stretch of time that is shown.
  windowOf(to_us, at_us) {
    const span = SPANS[this.span].us;
    let from = Math.max(0, to_us - span);
    let to = Math.max(to_us, from + 30e6);
    if (at_us < from) {
      from = Math.max(0, at_us - span / 4);
      to = from + span;
    }
    return { from, to };
  }

  draw(records, to_us, at_us, live) {
    const { width, height } = this.svg.getBoundingClientRect();
    if (!width) return;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.left = rem * 4.3;
    this.right = rem * 0.6;
    this.window = this.windowOf(to_us, at_us);
    const { from, to } = this.window;
    const x = (us) => this.left + ((us - from) / (to - from)) * (width - this.left - this.right);
    const top = rem * 1.25;
    const split = top + (height - top) * 0.6;
    const seconds = records.second.filter((entry) => entry.at_us >= from && entry.at_us <= to);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const content = [];
    const latencyY = (ms) => split - rem * 0.3 - (Math.log(Math.min(LATENCY_TOP_MS, Math.max(LATENCY_FLOOR_MS, ms)) / LATENCY_FLOOR_MS) / Math.log(LATENCY_TOP_MS / LATENCY_FLOOR_MS)) * (split - top - rem * 0.3);
    const room = latencyY(10) - latencyY(100) > rem * 1.1;
    for (const ms of room ? [10, 100, 1000] : [10, 1000]) content.push(...gridLine(latencyY(ms), this.left, width - this.right, milliseconds(ms), rem));
    const worst = Math.max(10, ...seconds.flatMap((entry) => SIDES.map((side) => (entry[side] ? entry[side].errors : 0))));
    const errorsY = (errors) => height - 2 - (errors / worst) * (height - split - rem * 0.5);
    content.push(...gridLine(errorsY(worst), this.left, width - this.right, `${figure(worst)}/s`, rem), ...gridLine(errorsY(0), this.left, width - this.right, '', rem));
    content.push(caption('latency, 99th percentile', this.left + rem * 0.4, top + rem * 1.1), caption('errors a second', this.left + rem * 0.4, split + rem * 1.2));
    content.push(...this.marks(records.mark, x, rem, height, from, to));
    for (const side of SIDES) {
      content.push(line(seconds, side, x, (entry) => entry.p99_ms, latencyY), line(seconds, side, x, (entry) => entry.errors, errorsY));
    }
    if (!live) content.push(drawn('line', { class: 'now', x1: x(at_us), x2: x(at_us), y1: 0, y2: height }));
    this.svg.replaceChildren(...content);
    this.describe(seconds, records.mark);
  }

  marks(marks, x, rem, height, from, to) {
    const elements = [];
    const end = x(to);
    let free = -Infinity;
    for (const mark of together(marks.filter(isShown))) {
      if (mark.at_us < from || mark.at_us > to) continue;
      const at = x(mark.at_us);
      elements.push(drawn('line', { class: `mark ${mark.kind}`, x1: at, x2: at, y1: rem * 1.1, y2: height }));
      if (at < free) continue;
      const wide = mark.text.length * rem * 0.57;
      const turned = at + wide > end;
      if (turned && at - wide < free) continue;
      const text = drawn('text', { class: `mark ${mark.kind} ${mark.tier}${turned ? ' turned' : ''}`, x: at, y: rem * 0.85 });
      text.textContent = mark.text;
      elements.push(text);
      free = turned ? at : at + wide + rem;
    }
    return elements;
  }

  describe(seconds, marks) {
    const last = seconds[seconds.length - 1];
    const parts = last ? SIDES.map((side) => (last[side] ? `${side === 'a' ? 'stateful' : 'stateless'}: 99th percentile ${milliseconds(last[side].p99_ms)}, ${plural(last[side].errors, 'error', 'errors')} in the last second` : '')) : [];
    const latest = together(marks.filter(isShown)).slice(-3).map((mark) => `${mark.text} at ${clockText(mark.at_us)}`);
    const text = [...parts, ...latest].join('; ');
    say(this.words, text);
    this.svg.setAttribute('aria-label', `Latency and errors over time. ${text}`);
  }
}

/// What was done stands where it was begun; that it landed is in the log.
function isShown({ kind, stage }) {
  return stage === 'called' || stage === 'failed' || !['fault', 'heal'].includes(kind);
}

/// The same thing done to both tiers at once is one mark.
function together(marks) {
  const merged = [];
  for (const mark of marks) {
    let at = merged.length - 1;
    while (at >= 0 && mark.at_us - merged[at].at_us < TWINS_WITHIN_US && !(merged[at].text === mark.text && merged[at].tier !== mark.tier)) at--;
    const twin = at >= 0 && mark.at_us - merged[at].at_us < TWINS_WITHIN_US ? merged[at] : null;
    if (twin) twin.tier = 'both';
    else merged.push({ ...mark });
  }
  return merged;
}

function caption(text, x, y) {
  const element = drawn('text', { class: 'caption', x, y });
  element.textContent = text;
  return element;
}

function gridLine(y, from, to, label, rem) {
  const rule = drawn('line', { class: 'grid', x1: from, x2: to, y1: y, y2: y });
  if (!label) return [rule];
  const text = drawn('text', { class: 'scale', x: from - rem * 0.4, y: y + rem * 0.3 });
  text.textContent = label;
  return [rule, text];
}

/// A line with a gap wherever nothing is known.
function line(seconds, side, x, value, y) {
  let path = '', pen = false;
  for (const entry of seconds) {
    const known = entry[side] ? value(entry[side]) : null;
    if (known === null || known === undefined) {
      pen = false;
      continue;
    }
    path += `${pen ? 'L' : 'M'}${x(entry.at_us).toFixed(1)} ${y(known).toFixed(1)}`;
    pen = true;
  }
  return drawn('path', { class: `series ${side}`, d: path });
}
