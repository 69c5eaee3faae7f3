// Puts the parts together: what is heard goes onto the tape, what the player shows goes into the picture. The only file that knows them all.
'use strict';

const THEMES = ['', 'dark', 'light'];
/// Thirty pictures a second are calm enough, and leave the processors to the tiers on the same machine.
const FRAME_MS = 31;
const BACK_SHOWN_MS = 6000, TOAST_MS = 4000;
/// After a control is used the lost ones are told aloud once they have settled.
const TELL_AFTER_MS = 3000;

class Page {
  constructor(recording) {
    this.recording = recording;
    this.verdict = null;
    this.drawn = -FRAME_MS;
    this.tape = new Tape();
    this.menu = new Menu(byId('menu'));
    this.player = new Player(this.tape, { show: (...shown) => this.show(...shown), moved: () => this.moved(), earlier: (at_us) => this.earlier(at_us) });
    this.link = new Link({ heard: (message) => this.heard(message), changed: (state, seconds) => this.lineIs(state, seconds) });
    this.controls = new Controls(byId('controls'), this.menu, { ask: (body) => this.control(body), model: () => this.tape.latest, choose: (place) => this.choose(place), refuse: (why) => this.toast(why, true) });
    const box = (side) => ({ choose: (place, anchor) => this.controls.openServer(place, anchor, side), chooseStore: (anchor) => this.controls.openStore(anchor) });
    this.tiers = Object.fromEntries(SIDES.map((side) => [side, new TierView(side, byId(`tier-${side}`), box(side))]));
    this.timeline = new Timeline(byId('timeline'), (at_us) => this.player.seek(at_us));
    this.log = new Log(byId('log'));
    this.cart = new Cart(byId('cart'), { ask: (body) => this.link.ask('cart', body), known: (shopper) => this.known(shopper), segment: () => this.running() });
    this.lesson = new Lesson(byId('lesson'), { highlight: (ids) => this.controls.highlight(ids), changed: (open) => this.banded('open-lesson', open), model: () => this.tape.latest });
    this.vote = new Vote(byId('vote'), { ask: (body) => this.control(body), model: () => this.tape.latest, kill: () => this.controls.server('kill', 'both'), changed: (open) => this.banded('open-vote', open) });
    this.wire();
  }

  start() {
    this.theme(remembered('theme') || '');
    this.still(matchMedia('(prefers-reduced-motion: reduce)'));
    if (this.recording) this.replay(this.recording);
    else {
      this.link.takeToken();
      this.link.open();
      this.askForControls();
    }
    requestAnimationFrame((now) => this.frame(now));
  }

  async askForControls() {
    if (!this.link.token) return;
    const answer = await this.link.ask('control', { do: 'hello' });
    byId('open-export').hidden = false;
    this.presents(answer.ok);
  }

  /// Whether whoever sits here may steer.
  presents(allowed) {
    this.controls.allow(allowed);
    this.vote.allowed = allowed;
    this.vote.draw();
    for (const tier of Object.values(this.tiers)) tier.shape = '';
    this.redraw();
  }

  /// A recorded run: everything is on the tape, and plays from its beginning.
  replay(messages) {
    for (const message of messages) this.tape.push(message);
    document.documentElement.classList.add('recorded');
    byId('link').dataset.state = 'recorded';
    say(byId('link'), 'recorded');
    byId('cart').hidden = true;
    byId('live').hidden = true;
    this.player.recorded = true;
    this.timeline.span = SPANS.length - 1;
    say(byId('span'), SPANS[this.timeline.span].label);
    this.player.seek(this.tape.from_us).then(() => this.player.play());
  }

  heard(message) {
    const { event, data } = message;
    const { latest } = this.tape;
    if (event === 'snapshot' && latest && new Model(data).name !== latest.name) {
      this.player.restart();
      this.cart.forget();
      this.vote.hands = null;
      this.askForControls();
    }
    const first = event === 'snapshot' && !this.tape.latest;
    this.player.heard(message);
    if (first) this.cart.resume();
    if (first && data.mode === 'recorded') return void this.fetchRecording(data);
    if (event === 'class' || event === 'snapshot') this.vote.draw();
    if (event === 'mark' && isShown(data)) this.tell(data);
    if (event === 'second') this.moved();
    if (event === 'tick' || event === 'load' || event === 'snapshot') this.controls.update();
  }

  running() {
    const { latest } = this.tape;
    return latest && latest.state === 'running' ? latest.name : null;
  }

  async fetchRecording({ end_us }) {
    const messages = [];
    for (let from = 0; from < end_us; from += 120e6) {
      const part = await this.link.history(from, Math.min(end_us, from + 120e6 - 1));
      messages.push(...(from ? part.filter(({ data }) => data.at_us === undefined || data.at_us >= from) : part));
    }
    this.tape.clear();
    this.replay(messages);
  }

  /// Older messages than the tape has, in pieces as the demo hands them out.
  async earlier(at_us) {
    while (at_us < this.tape.from_us) {
      const until = this.tape.from_us;
      const messages = await this.link.history(Math.max(0, until - 110e6), until);
      if (!messages.length || !this.tape.prepend(messages) || this.tape.from_us >= until) return;
    }
  }

  show(model, change, jump) {
    const now = performance.now();
    this.shown = model;
    say(byId('title'), model.title || 'Where does your cart live?');
    if (change || jump) this.draw(model, change, jump, now);
    this.judged(model.findings);
    if (jump) this.moved();
  }

  draw(model, change, jump, now) {
    const views = SIDES.map((side) => this.tiers[side]);
    const pitch = Math.min(...views.map((view) => view.measure(model)));
    for (const view of views) {
      view.scene.pitch = pitch;
      view.scene.show(model, now, jump);
      if (change && change[view.side]) view.scene.flow(change[view.side], now);
      view.update(model, now);
    }
    say(byId('clock'), clockText(this.player.moment_us));
    say(byId('load'), model.factor === 1 ? '' : `load ${model.factor}×`);
    byId('load').hidden = model.factor === 1;
    document.documentElement.dataset.run = model.state;
  }

  redraw() {
    if (this.shown) this.draw(this.shown, null, false, performance.now());
    this.moved();
  }

  frame(now) {
    requestAnimationFrame((next) => this.frame(next));
    if (now - this.drawn < FRAME_MS) return;
    this.drawn = now;
    for (const side of SIDES) {
      const { scene } = this.tiers[side];
      if (scene.busy) scene.draw(now);
    }
  }

  /// The moment or the mode has changed: the time line, the scrubber and the log follow.
  moved() {
    const { player, tape } = this;
    const at_us = player.moment_us;
    const live = player.mode === 'live';
    this.timeline.draw(tape.records, tape.to_us, at_us, live);
    const scrubber = byId('scrubber');
    if (this.timeline.window) {
      scrubber.min = this.timeline.window.from;
      scrubber.max = this.timeline.window.to;
    }
    scrubber.value = at_us;
    scrubber.setAttribute('aria-valuetext', live ? 'live' : clockText(at_us));
    byId('live').setAttribute('aria-pressed', String(live));
    say(byId('play'), player.mode === 'paused' ? '▶' : '❚❚');
    byId('play').setAttribute('aria-label', player.mode === 'paused' ? 'Play' : 'Pause');
    byId('speed').hidden = live;
    byId('past').hidden = live || !!this.recording;
    say(byId('speed'), `${player.speed}×`);
    document.documentElement.dataset.mode = player.mode;
    say(byId('clock'), live || this.recording ? clockText(at_us) : `${clockText(at_us)} of ${clockText(tape.to_us)}`);
    this.log.draw(tape.records.line, live ? Infinity : at_us);
  }

  lineIs(state, seconds) {
    const link = byId('link');
    clearTimeout(this.settled);
    const words = { live: 'live', waiting: `reconnecting, ${Math.round(seconds)} s without news`, back: `back, ${Math.round(seconds)} s were missed` }[state];
    // The seconds run on in silence: aloud goes what is new.
    if (link.dataset.state !== state && link.dataset.state !== 'connecting') say(byId('aloud'), words);
    link.dataset.state = state;
    say(link, words);
    if (state === 'back') this.settled = setTimeout(() => this.lineIs('live', 0), BACK_SHOWN_MS);
  }

  async control(body) {
    if (this.player.mode !== 'live') this.player.live();
    const before = BREAKING.includes(body.do) && this.vote.standing();
    const answer = await this.link.ask('control', body);
    if (answer.ok && before) this.vote.closeHands(before);
    // The token is of a lab that is no more.
    if (answer.status === 401) this.presents(false);
    if (!answer.ok) this.toast(answer.why || 'That did not work.', true);
    else if (answer.said) this.toast(answer.said);
    if (answer.ok) setTimeout(() => this.cart.look(), TELL_AFTER_MS / 2);
    return answer;
  }

  /// Leaves the run so far as one file with the visitor.
  async save() {
    const { file, why } = await this.link.recording();
    if (!file) return this.toast(why, true);
    const link = make('a', { href: URL.createObjectURL(file), download: 'demo.html' });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), TOAST_MS);
  }

  toast(text, bad = false) {
    const toast = byId('toast');
    clearTimeout(this.toasted);
    say(toast, text);
    toast.classList.toggle('bad', bad);
    toast.hidden = false;
    this.toasted = setTimeout(() => (toast.hidden = true), TOAST_MS);
  }

  /// Aloud goes what matters: what was done, and a moment later what it cost.
  tell(mark) {
    const text = `${targetWords(mark.tier) || ''}: ${mark.text}`;
    say(byId('aloud'), text);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const { tiers } = this.tape.latest;
      say(byId('aloud'), `Lost for good: stateful ${figure(tiers.a.counters.lost)}, stateless ${figure(tiers.b.counters.lost)}.`);
    }, TELL_AFTER_MS);
  }

  /// What the judge has said up to the moment that is shown; once closed it stays closed until he says something else.
  judged(findings) {
    const print = findings && JSON.stringify(findings);
    if (print === this.verdict) return;
    this.verdict = print;
    const band = byId('findings');
    band.hidden = !findings;
    if (!findings) return this.redraw();
    const { segment, a, b } = findings;
    const words = (found, name) => `${name}: ${figure(found.lost)} of ${figure(found.verified)} sessions lost, ${plural(found.writes_lost, 'write', 'writes')} lost` + (found.agrees ? '. The counters said the same.' : '. The counters said something else!');
    band.replaceChildren(make('h2', { text: `The judge has read both journals of segment ${segment}` }), ...[[a, 'Stateful', 'a'], [b, 'Stateless', 'b']].filter(([found]) => found).map(([found, name, side]) =>
      make('p', { class: side, 'data-lost': found.lost, 'data-agrees': String(found.agrees) }, make('b', { text: words(found, name) }), found.reasons && found.reasons.length ? make('span', { text: ` ${found.reasons.join('; ')}` }) : null)),
      make('button', { type: 'button', text: 'Close', on: { click: () => this.banded(null, (band.hidden = true)) } }));
    this.redraw();
  }

  known(shopper) {
    for (const side of SIDES) {
      this.tiers[side].scene.mine = shopper;
      this.tiers[side].scene.stale = true;
    }
  }

  choose(place) {
    for (const side of SIDES) this.tiers[side].chosen = place;
    if (this.shown) for (const side of SIDES) this.tiers[side].update(this.shown, performance.now());
  }

  /// A band above the tiers has come or gone, and the picture has less room or more.
  banded(button, open) {
    if (button) byId(button).setAttribute('aria-pressed', String(open));
    this.redraw();
  }

  theme(name) {
    document.documentElement.dataset.theme = name;
    remember('theme', name || null);
    say(byId('theme'), { '': 'Auto', dark: 'Dark', light: 'Light' }[name]);
    for (const side of SIDES) this.tiers[side].scene.recolour();
  }

  nextTheme() {
    const { theme } = document.documentElement.dataset;
    this.theme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
    this.redraw();
  }

  still(query) {
    const set = () => SIDES.forEach((side) => (this.tiers[side].scene.still = query.matches));
    query.addEventListener('change', set);
    set();
  }

  wire() {
    const on = (id, run) => byId(id).addEventListener('click', run);
    on('open-lesson', () => this.lesson.toggle());
    on('open-vote', () => this.vote.toggle());
    on('open-export', () => this.save());
    on('open-help', () => byId('help').showModal());
    on('theme', () => this.nextTheme());
    on('play', () => this.player.toggle());
    on('live', () => this.player.live());
    on('speed', () => this.player.faster());
    on('span', () => {
      say(byId('span'), this.timeline.widen());
      this.moved();
    });
    byId('scrubber').addEventListener('input', (event) => this.player.seek(Number(event.target.value)));
    const sized = new ResizeObserver(() => this.redraw());
    for (const side of SIDES) sized.observe(this.tiers[side].field);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.theme(document.documentElement.dataset.theme));
    buildHelp(byId('help'));
    this.wireKeys();
  }

  wireKeys() {
    const { controls, player, lesson } = this;
    const turn = (by) => (lesson.open ? lesson.go(lesson.at + by) : player.seek(player.moment_us + by * 5e6));
    const aims = ['both', 'a', 'b'];
    const keys = {
      ' ': () => player.toggle(), ArrowLeft: () => turn(-1), ArrowRight: () => turn(1), ArrowUp: () => controls.step(-1), ArrowDown: () => controls.step(1),
      k: () => controls.server('kill'), g: () => controls.server('terminate'), h: () => controls.server('pause'), s: () => controls.server('start'),
      d: () => controls.send({ do: 'roll', drain_ms: 0 }), a: () => controls.send({ do: 'add' }), e: () => controls.send({ do: 'heal' }),
      o: () => controls.outage(), '+': () => controls.load(1), '=': () => controls.load(1), '-': () => controls.load(-1),
      b: () => controls.aim(aims[(aims.indexOf(controls.target) + 1) % 3]), l: () => lesson.toggle(), p: () => this.vote.toggle(), v: () => player.live(), t: () => this.nextTheme(),
      f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()), '?': () => byId('help').showModal(), Escape: () => this.menu.close(true),
    };
    for (let place = 1; place <= 9; place++) keys[place] = () => controls.places().includes(place) && controls.pick(place);
    listenToKeys(keys);
  }
}

embeddedRecording().then((recording) => {
  const page = new Page(recording);
  page.start();
});
