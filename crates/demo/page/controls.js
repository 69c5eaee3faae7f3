// What a presenter can do. Every button is one request to the demo, which does it to real processes; the page only asks, and what came of
// it is seen in the picture and in the log. Without the token there are no controls.
'use strict';

const SERVER_ACTIONS = [
  { do: 'kill', label: 'Kill', hint: 'at once, without a warning', danger: true, fits: (state) => state !== 'dead' },
  { do: 'terminate', label: 'Stop gracefully', hint: 'it finishes what it has begun', danger: true, fits: (state) => state !== 'dead' },
  { do: 'pause', label: 'Hang', hint: 'it is there and does not answer', danger: true, fits: (state) => state !== 'dead' && state !== 'paused' },
  { do: 'resume', label: 'Go on', hint: 'after a hang', fits: (state) => state === 'paused' },
  { do: 'start', label: 'Start again', hint: 'a new process in its place', fits: (state) => state === 'dead' },
  { do: 'drain', label: 'Drain', hint: 'no new sessions', fits: (state) => state === 'up' },
  { do: 'undrain', label: 'Stop draining', hint: 'it takes new sessions again', fits: (state) => state === 'draining' },
  { do: 'remove', label: 'Remove', hint: 'drained, then taken away', danger: true, fits: () => true },
];

const STORE_ACTIONS = [
  { do: 'kill-store', label: 'Kill the store', danger: true, fits: (state) => state !== 'stopped', process: true },
  { do: 'pause-store', label: 'Hang the store', danger: true, fits: (state) => state === 'up' || state === 'slow', process: true },
  { do: 'slow-store', label: 'Slow the store down', hint: 'each answer takes 0.4 s longer', danger: true, fits: (state) => state === 'up', process: true },
  { do: 'resume-store', label: 'Let it go on', hint: 'after a hang', fits: (state) => state === 'paused', process: true },
  { do: 'start-store', label: 'Start it again', fits: (state) => state === 'stopped', process: true },
  { do: 'calm-store', label: 'As fast as before', fits: (state) => state === 'slow', process: true },
];

/// What may cost sessions: a vote is closed before it.
const BREAKING = ['kill', 'terminate', 'pause', 'drain', 'remove', 'add', 'roll', 'policy', 'kill-store', 'pause-store', 'slow-store'];
const TARGETS = [{ tier: 'both', label: 'Both' }, { tier: 'a', label: 'Stateful' }, { tier: 'b', label: 'Stateless' }];
const LOADS = [0.25, 0.5, 1, 2, 4, 8];
const RESET_AGAIN_MS = 4000;

class Controls {
  /// `ask(body)` sends, `model()` is the newest state, `choose(place)` marks a server in both pictures, `refuse(why)` says why not.
  constructor(root, menu, { ask, model, choose, refuse }) {
    Object.assign(this, { root, menu, ask, model, mark: choose, refuse, target: 'both', place: 1, allowed: false });
    this.build();
  }

  build() {
    const button = (id, text, run, more = {}) => make('button', { type: 'button', id: `do-${id}`, ...more, on: { click: run } }, ...(typeof text === 'string' ? [text] : text));
    this.targets = TARGETS.map(({ tier, label }) => make('button', { type: 'button', class: tier, 'data-tier': tier, 'aria-pressed': String(tier === 'both'), text: label, on: { click: () => this.aim(tier) } }));
    this.killWord = make('span');
    this.factor = make('span', { class: 'factor', text: '1×' });
    this.resetButton = button('reset', 'Reset', () => this.reset());
    const menus = { 'aria-haspopup': 'menu' };
    this.root.append(
      make('div', { class: 'group target', role: 'group', 'aria-label': 'Who is hit' }, ...this.targets),
      make('div', { class: 'group' }, button('kill', ['Kill ', this.killWord], () => this.server('kill'), { class: 'danger' }),
        button('server', '▾', (event) => this.openServer(this.place, event.currentTarget, null), { ...menus, 'aria-label': 'More that can be done to this server' })),
      make('div', { class: 'group' }, button('roll', 'Deploy ▾', (event) => this.openRoll(event.currentTarget), menus), button('add', 'Add', () => this.send({ do: 'add' }), { title: 'Add a server' })),
      make('div', { class: 'group' }, button('store', 'Store ▾', (event) => this.openStore(event.currentTarget), menus), button('policy', 'Routing ▾', (event) => this.openPolicy(event.currentTarget), menus)),
      make('div', { class: 'group load', role: 'group', 'aria-label': 'Load' }, button('less', '−', () => this.load(-1), { 'aria-label': 'Less load' }), this.factor, button('more', '+', () => this.load(1), { 'aria-label': 'More load' })),
      make('div', { class: 'group' }, button('heal', 'Heal', () => this.send({ do: 'heal' })), this.resetButton),
    );
    this.aim('both');
  }

  /// Controls are for whoever has the token; an older moment cannot be changed by anybody.
  allow(allowed) {
    this.allowed = allowed;
    this.root.hidden = !allowed;
    this.pick(this.place);
    document.documentElement.classList.toggle('presenter', allowed);
  }

  aim(tier) {
    this.target = tier;
    for (const button of this.targets) button.setAttribute('aria-pressed', String(button.dataset.tier === tier));
    this.update();
  }

  pick(place) {
    this.place = place;
    this.mark(place);
    this.update();
  }

  /// The next server up or down, among all that either tier has.
  step(by) {
    const places = this.places();
    const at = places.indexOf(this.place);
    if (places.length) this.pick(places[(at + by + places.length) % places.length]);
  }

  places() {
    const model = this.model();
    if (!model) return [];
    return [...new Set(SIDES.flatMap((side) => model.tiers[side].servers.map((server) => server.place)))].sort((x, y) => x - y);
  }

  update() {
    say(this.killWord, `server ${this.place}`);
    const model = this.model();
    if (!model) return;
    const places = this.places();
    if (places.length && !places.includes(this.place)) this.pick(places[0]);
    say(this.factor, `${model.factor}×`);
    byId('do-less').disabled = model.factor <= LOADS[0];
    byId('do-more').disabled = model.factor >= LOADS[LOADS.length - 1];
  }

  send(body) {
    if (!this.allowed) return Promise.resolve({ ok: false, why: 'Only the presenter can do that.' });
    const ofBoth = body.do === 'load' || body.do === 'reset';
    return this.ask(ofBoth ? body : { tier: this.target, ...body });
  }

  server(what, tier) {
    return this.send({ do: what, server: this.place, ...(tier ? { tier } : {}) });
  }

  sides(tier) {
    return tier === 'both' ? SIDES : [tier];
  }

  openServer(place, anchor, side) {
    if (!this.allowed) return;
    this.pick(place);
    const model = this.model();
    const states = (tier) => this.sides(tier).map((id) => serverAt(model.tiers[id], place)).filter(Boolean).map((server) => server.state);
    const tier = this.target;
    const items = [`Server ${place}, ${targetWords(tier)}`];
    for (const action of SERVER_ACTIONS) {
      items.push({ ...action, off: !states(tier).some(action.fits), run: () => this.server(action.do) });
    }
    if (side && tier === 'both') {
      items.push(`${targetWords(side)} only`);
      items.push({ ...SERVER_ACTIONS[0], off: !states(side).some(SERVER_ACTIONS[0].fits), run: () => this.server('kill', side) });
      items.push({ ...SERVER_ACTIONS[4], off: !states(side).some(SERVER_ACTIONS[4].fits), run: () => this.server('start', side) });
    }
    this.menu.show(anchor, items);
  }

  /// Kills the store, or starts it again.
  outage() {
    const { store } = this.model().tiers.b;
    const why = noOutage(store);
    if (why) return this.refuse(why);
    return this.send({ do: store.state === 'stopped' ? 'start-store' : 'kill-store' });
  }

  openStore(anchor) {
    const store = this.model().tiers.b.store;
    if (!this.allowed || !store) return;
    if (store.kind === 'cookie') return void this.refuse(noOutage(store));
    const items = [`${store.name}. The stateful tier has none, and is spared`];
    for (const action of STORE_ACTIONS) {
      const cannot = action.process && store.process === false;
      items.push({ ...action, hint: cannot ? 'a file is no process' : action.hint, off: cannot || !action.fits(store.state), run: () => this.send({ do: action.do }) });
    }
    this.menu.show(anchor, items);
  }

  openRoll(anchor) {
    this.menu.show(anchor, [`A new version, server by server, ${targetWords(this.target)}`,
      { label: 'Deploy', hint: 'each server is stopped and replaced', danger: true, run: () => this.send({ do: 'roll', drain_ms: 0 }) },
      { label: 'Deploy with draining', hint: 'each takes no new sessions for 4 s first', run: () => this.send({ do: 'roll', drain_ms: 4000 }) }]);
  }

  openPolicy(anchor) {
    const model = this.model();
    const [first] = this.sides(this.target);
    const tier = model.tiers[first];
    this.menu.show(anchor, [`How the router chooses, ${targetWords(this.target)}`,
      ...tier.policies.map((policy) => ({ label: policy, hint: policyWords(policy), on: this.sides(this.target).every((side) => model.tiers[side].policy === policy), run: () => this.send({ do: 'policy', policy }) }))]);
  }

  load(by) {
    const { factor } = this.model();
    const nearest = LOADS.reduce((best, load, index) => (Math.abs(load - factor) < Math.abs(LOADS[best] - factor) ? index : best), 0);
    const to = LOADS[Math.max(0, Math.min(LOADS.length - 1, nearest + by))];
    return this.send({ do: 'load', factor: to });
  }

  /// Twice, for everybody's sessions go.
  reset() {
    if (!this.sure) {
      this.sure = setTimeout(() => this.calmReset(), RESET_AGAIN_MS);
      say(this.resetButton, 'Sure?');
      this.resetButton.classList.add('danger');
      return Promise.resolve({ ok: true });
    }
    this.calmReset();
    return this.send({ do: 'reset' });
  }

  calmReset() {
    clearTimeout(this.sure);
    this.sure = null;
    say(this.resetButton, 'Reset');
    this.resetButton.classList.remove('danger');
  }

  /// Draws the eye to what a step of the lesson needs.
  highlight(ids) {
    for (const button of this.root.querySelectorAll('button')) button.classList.toggle('needed', ids.includes(button.id.replace('do-', '')));
  }
}

/// Why this store cannot be broken; null when it can.
function noOutage(store) {
  if (!store || store.process !== false) return null;
  const what = store.kind === 'cookie' ? 'Clients hold these sessions themselves: there is no store to break.' : 'This store is a file, and no process that can be broken.';
  return `${what} Start the demo with --stack stateless-redis to see an outage.`;
}

function targetWords(tier) {
  return { both: 'both tiers', a: 'stateful', b: 'stateless' }[tier];
}
