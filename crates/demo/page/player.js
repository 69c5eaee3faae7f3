// Which moment is shown: the newest, a fixed one, or one that moves as in a replay. It owns the clock of the view and nothing else.
'use strict';

const PLAY_STEP_MS = 200;
const SPEEDS = [1, 2, 4, 8];

class Player {
  /// `show(model, change, jump)` draws; `moved()` is told when the mode or the moment has changed;
  /// `earlier(at_us)` brings older messages onto the tape, and answers whether there were any.
  constructor(tape, { show, moved, earlier }) {
    Object.assign(this, { tape, showModel: show, moved, earlier, mode: 'live', speed: 1, at_us: 0, timer: null, view: null });
  }

  get model() {
    return this.mode === 'live' ? this.tape.latest : this.view && this.view.model;
  }

  get moment_us() {
    return this.mode === 'live' ? this.tape.to_us : this.at_us;
  }

  /// A message has come from the tier.
  heard(message) {
    const change = this.tape.push(message);
    if (this.mode === 'live' && this.tape.latest) this.showModel(this.tape.latest, change, message.event === 'snapshot');
  }

  live() {
    this.stop();
    this.mode = 'live';
    this.tape.held = false;
    if (this.tape.latest) this.showModel(this.tape.latest, null, true);
    this.moved();
  }

  pause() {
    if (this.mode === 'live') return this.seek(this.tape.to_us, false);
    this.stop();
    this.mode = 'paused';
    this.moved();
  }

  async seek(at_us, jump = true) {
    const wanted = Math.max(0, Math.min(at_us, this.tape.to_us));
    if (this.mode !== 'playing') this.mode = 'paused';
    this.tape.held = true;
    this.at_us = wanted;
    this.moved();
    if (wanted < this.tape.from_us) await this.earlier(wanted);
    if (this.mode === 'live' || this.at_us !== wanted) return;
    this.view = this.tape.seek(wanted);
    if (this.view) this.showModel(this.view.model, null, jump);
  }

  async play() {
    if (this.mode === 'live' || this.mode === 'playing') return;
    if (this.at_us >= this.tape.to_us) await this.seek(this.tape.from_us);
    if (!this.view) await this.seek(this.at_us);
    this.mode = 'playing';
    this.timer = this.timer || setInterval(() => this.step(), PLAY_STEP_MS);
    this.moved();
  }

  step() {
    if (!this.view) return;
    this.at_us += PLAY_STEP_MS * 1000 * this.speed;
    const { tape, view } = this;
    while (view.next < tape.end && tape.message(view.next).at_us <= this.at_us) {
      const message = tape.message(view.next++);
      const change = view.model.apply(message);
      this.showModel(view.model, change, false);
    }
    if (view.next >= tape.end) this.ended();
    else this.moved();
  }

  /// At the end of what there is: a live run goes on live, a recorded one stops.
  ended() {
    if (this.recorded) {
      this.at_us = this.tape.to_us;
      this.pause();
    } else this.live();
  }

  faster() {
    this.speed = SPEEDS[(SPEEDS.indexOf(this.speed) + 1) % SPEEDS.length];
    this.moved();
  }

  toggle() {
    if (this.mode === 'paused') this.play();
    else this.pause();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
  }

  /// Another segment has begun, and the tape with it.
  restart() {
    this.tape.clear();
    this.stop();
    this.view = null;
    this.mode = 'live';
    this.moved();
  }
}
