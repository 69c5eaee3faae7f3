// Everything that was said in this segment, in order, so that any moment can be shown again. The page keeps what it heard; what
// happened before it was opened is fetched when somebody asks for it. It neither draws nor decides when to play.
'use strict';

const KEYFRAME_EVERY_US = 10e6;
/// Half an hour of ticks: what is older is forgotten, and can be fetched again.
const KEPT_AT_MOST = 12000;
/// Marks and sentences that are kept, of each kind; seconds are few.
const RECORDS_AT_MOST = 2000;

class Tape {
  constructor() {
    this.clear();
  }

  clear() {
    this.messages = [];
    /// The number of the first message that is kept. Numbers stay while messages come and go at both ends.
    this.first = 0;
    this.keyframes = [];
    /// Somebody is looking at the past: nothing is forgotten meanwhile.
    this.held = false;
    this.records = { second: [], mark: [], line: [] };
    this.latest = null;
  }

  get from_us() {
    return this.messages.length ? this.messages[0].at_us : 0;
  }

  get to_us() {
    return this.latest ? this.latest.at_us : 0;
  }

  /// Takes a message in and brings the newest model up to date. Answers what changed, as `Model.apply` does.
  push(message) {
    const at_us = message.data.at_us !== undefined ? message.data.at_us : this.to_us;
    const kept = { ...message, at_us };
    let change = null;
    if (message.event === 'snapshot') {
      this.latest = new Model(message.data);
      this.addRecords(message.data);
    } else if (this.latest) {
      change = this.latest.apply(message);
      if (message.event in this.records) this.records[message.event].push(message.data);
      for (const list of [this.records.mark, this.records.line]) if (list.length > RECORDS_AT_MOST && !this.held) list.splice(0, RECORDS_AT_MOST / 4);
    } else {
      return null;
    }
    this.messages.push(kept);
    const newest = this.keyframes[this.keyframes.length - 1];
    if (message.event === 'snapshot' || at_us - newest.at_us >= KEYFRAME_EVERY_US) {
      this.keyframes.push({ at_us, next: this.end, model: this.latest.copy() });
    }
    if (this.messages.length > KEPT_AT_MOST && !this.held) this.forget();
    return change;
  }

  /// A snapshot brings the last minutes of seconds, marks and lines along: those that are news are taken over.
  addRecords({ series, marks, log }) {
    const { second, mark, line } = this.records;
    const after = (list, item) => !list.length || item.at_us > list[list.length - 1].at_us;
    const seconds = new Map();
    for (const side of SIDES) {
      for (const entry of (series || {})[side] || []) {
        const at_us = entry.at_us !== undefined ? entry.at_us : (entry.s + 1) * 1e6;
        if (!seconds.has(at_us)) seconds.set(at_us, { at_us });
        seconds.get(at_us)[side] = entry;
      }
    }
    for (const entry of [...seconds.values()].sort((x, y) => x.at_us - y.at_us)) if (after(second, entry)) second.push(entry);
    const newMarks = (marks || []).filter((item) => after(mark, item));
    const newLines = (log || []).filter((item) => after(line, item));
    mark.push(...newMarks);
    line.push(...newLines);
  }

  /// Forgets the oldest keyframe and what belongs to it.
  forget() {
    if (this.keyframes.length < 2) return;
    this.keyframes.shift();
    const { next } = this.keyframes[0];
    // The keyframe itself knows what the message before it said.
    this.messages.splice(0, next - 1 - this.first);
    this.first = next - 1;
  }

  /// Puts older messages before those that are here. They begin with a snapshot.
  prepend(messages) {
    const until = this.from_us;
    const older = new Tape();
    for (const message of messages) {
      const at_us = message.data.at_us;
      if (at_us === undefined || at_us < until) older.push(message);
    }
    if (!older.messages.length) return false;
    const first = this.first - older.messages.length;
    for (const keyframe of older.keyframes) keyframe.next += first;
    this.messages = older.messages.concat(this.messages);
    this.keyframes = older.keyframes.concat(this.keyframes);
    this.first = first;
    for (const kind of Object.keys(this.records)) {
      const have = new Set(this.records[kind].map((item) => `${item.at_us} ${item.text} ${item.tier}`));
      const missing = older.records[kind].filter((item) => !have.has(`${item.at_us} ${item.text} ${item.tier}`));
      this.records[kind] = missing.concat(this.records[kind]).sort((x, y) => x.at_us - y.at_us);
    }
    return true;
  }

  /// The number after the last message's.
  get end() {
    return this.first + this.messages.length;
  }

  /// The message with that number.
  message(number) {
    return this.messages[number - this.first];
  }

  /// The model at that moment, and the number of the next message; null when nothing is kept.
  seek(at_us) {
    let keyframe = null;
    for (const candidate of this.keyframes) if (candidate.at_us <= at_us) keyframe = candidate;
    keyframe = keyframe || this.keyframes[0];
    if (!keyframe) return null;
    const model = keyframe.model.copy();
    let { next } = keyframe;
    while (next < this.end && this.message(next).at_us <= at_us) model.apply(this.message(next++));
    return { model, next };
  }
}
