// One side of the page: its name, its counters, the boxes of router, servers and store, and the moving picture over them.
'use strict';

const STATE_WORDS = { starting: 'starting', up: '', down: 'down', paused: 'hangs', draining: 'draining', dead: 'dead', stopped: 'dead', slow: 'slow' };

/// `also`: what stands below in small, where there is any.
const COUNTERS = [
  { key: 'alive', label: 'alive', large: true, also: ({ strayed }) => (strayed ? `${figure(strayed)} strayed` : '') },
  { key: 'lost', label: 'lost for good', large: true, bad: true },
  { key: 'carts_lost', label: 'carts lost', bad: true, also: ({ lines_lost }) => (lines_lost ? plural(lines_lost, 'line', 'lines') : '') },
  { key: 'writes_lost', label: 'writes lost', bad: true, also: ({ unknown }) => (unknown ? `${figure(unknown)} unknown` : '') },
  { key: 'slo_percent', label: 'answered in time', unit: '%' },
];

class TierView {
  /// `choose(place)` when a server's box is clicked, `chooseStore()` when the store's is.
  constructor(side, root, { choose, chooseStore }) {
    this.side = side;
    this.root = root;
    this.choose = choose;
    this.chooseStore = chooseStore;
    this.boxes = new Map();
    this.chosen = null;
    this.build();
    this.scene = new Scene(side, this.canvas);
  }

  build() {
    this.name = make('h2');
    this.holds = make('p', { class: 'holds' });
    this.busy = make('p', { class: 'busy', hidden: true });
    this.figures = new Map();
    const counters = make('dl', { class: 'counters' });
    for (const counter of COUNTERS) {
      const value = make('dd', { text: '–' });
      const label = make('span', { text: counter.label }), more = make('small');
      const tile = make('div', { class: `counter${counter.large ? ' large' : ''}`, 'data-counter': counter.key }, make('dt', {}, label, more), value);
      this.figures.set(counter.key, { ...counter, value, label, more, tile, shown: null });
      counters.append(tile);
    }
    this.canvas = make('canvas', { 'aria-hidden': 'true' });
    this.door = make('p', { class: 'door' });
    this.router = make('div', { class: 'router' }, make('b', { text: 'Router' }), (this.policy = make('span')));
    this.store = make('button', { class: 'store', type: 'button', 'aria-haspopup': 'menu', on: { click: () => this.chooseStore(this.store) } },
      (this.storeName = make('b')), (this.storeState = make('span', { class: 'state' })), (this.storeHolds = make('span', { class: 'holds' })));
    this.pile = make('p', { class: 'pile' }, (this.pileCount = make('b')), (this.pileWords = make('span')));
    this.field = make('div', { class: 'field empty' }, this.door, this.router, this.store, this.pile, this.canvas);
    this.words = make('p', { class: 'unseen' });
    this.root.append(make('header', {}, this.name, this.holds, this.busy), counters, this.field, this.words);
  }

  /// Works the layout out anew. Answers the widest pitch that this side has room for.
  measure(model) {
    const tier = model.tiers[this.side];
    const { width, height } = this.field.getBoundingClientRect();
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const places = tier.servers.map((server) => server.place);
    const shape = [Math.round(width), Math.round(height), rem, places.join(), tier.inMemory, window.devicePixelRatio].join('/');
    this.scene.model = model;
    if (shape !== this.shape && width > 0) {
      this.shape = shape;
      this.scene.resize(sceneLayout(width, height, rem, places, tier.inMemory));
      this.arrange();
    }
    return this.scene.layout ? this.scene.widestPitch() : Infinity;
  }

  arrange() {
    const { layout } = this.scene;
    this.field.classList.remove('empty');
    put(this.router, layout.router);
    put(this.pile, layout.pile);
    this.store.hidden = !layout.store;
    if (layout.store) put(this.store, layout.store);
    for (const [place, box] of layout.servers) {
      if (!this.boxes.has(place)) this.boxes.set(place, this.makeBox(place));
      put(this.boxes.get(place).button, box);
    }
    for (const [place, { button }] of this.boxes) {
      if (layout.servers.has(place)) continue;
      button.remove();
      this.boxes.delete(place);
    }
  }

  makeBox(place) {
    const name = make('b', {}, make('span', { class: 'word', text: 'Server ' }), String(place));
    const state = make('span', { class: 'state' });
    const held = make('span'), word = make('span', { class: 'word' }), rate = make('span');
    const count = make('span', { class: 'count' }, held, word, rate);
    const button = make('button', { class: 'server', type: 'button', 'data-place': place, 'aria-haspopup': 'menu',
      on: { click: () => this.choose(place, button) } }, make('span', { class: 'row' }, name, state), count);
    this.field.insertBefore(button, this.canvas);
    return { button, state, held, word, speed: rate, rate: [] };
  }

  /// Shows everything that stands in words and figures.
  update(model, now) {
    const tier = model.tiers[this.side];
    const census = model.census(this.side);
    say(this.name, tier.name);
    say(this.holds, tier.inMemory || tier.store.kind === 'cookie' ? `sessions live in ${tier.holds}` : `sessions live in one shared store: ${tier.store.name}`);
    say(this.busy, tier.busy || '');
    this.busy.hidden = !tier.busy;
    say(this.door, plural(tier.fate.length, 'shopper', 'shoppers'));
    say(this.policy, policyWords(tier.policy));
    this.updateCounters(model, tier);
    for (const server of tier.servers) this.updateBox(server, tier, census.get(server.place) || 0, now);
    if (tier.store) this.updateStore(tier.store, census.get('store') || 0);
    const lost = tier.counters.lost || 0;
    say(this.pileCount, lost ? figure(lost) : '');
    say(this.pileWords, lost ? 'lost for good' : 'none lost so far');
    this.pile.classList.toggle('some', lost > 0);
    this.describe(model, tier, census);
  }

  updateCounters({ slo }, tier) {
    for (const [key, counter] of this.figures) {
      const value = tier.counters[key];
      if (key === 'slo_percent' && slo && slo.p99_ms) say(counter.label, `answered in ${milliseconds(slo.p99_ms)}`);
      say(counter.value, figure(value, 1) + (counter.unit && value !== null && value !== undefined ? ` ${counter.unit}` : ''));
      if (counter.also) say(counter.more, counter.also(tier.counters));
      const bad = counter.bad ? value > 0 : key === 'slo_percent' && value !== null && value < 100 * ((slo || {}).ok_ratio || 0.99);
      counter.tile.classList.toggle('bad', bad);
      if (counter.bad && counter.shown !== null && value > counter.shown) flash(counter.tile);
      counter.shown = value;
    }
  }

  updateBox(server, tier, sessions, now) {
    const box = this.boxes.get(server.place);
    if (!box) return;
    const answered = tier.flow[server.place] || 0;
    box.rate.push({ now, answered });
    while (box.rate.length > 10) box.rate.shift();
    const span = (now - box.rate[0].now) / 1000;
    const rate = span > 0.5 ? Math.round(box.rate.slice(1).reduce((sum, entry) => sum + entry.answered, 0) / span) : null;
    box.button.dataset.state = server.state;
    box.button.classList.toggle('chosen', this.chosen === server.place);
    say(box.state, STATE_WORDS[server.state] ?? server.state);
    const speed = server.state === 'dead' ? '' : `${figure(rate)}/s`;
    say(box.held, tier.inMemory ? figure(sessions) : '');
    say(box.word, tier.inMemory ? (sessions === 1 ? ' session' : ' sessions') : `no sessions${speed && ' · '}`);
    say(box.speed, tier.inMemory && speed ? ` · ${speed}` : speed);
    // What changes all the time stands in the words below the picture: a label that changes is read aloud again and again.
    labelled(box.button, `Server ${server.place}, ${server.instance}, ${server.state}`);
  }

  updateStore(store, sessions) {
    this.store.dataset.state = store.state;
    say(this.storeName, store.name);
    say(this.storeState, STATE_WORDS[store.state] ?? store.state);
    say(this.storeHolds, plural(sessions, 'session', 'sessions'));
    labelled(this.store, `Shared store ${store.name}, ${store.state}`);
  }

  /// The picture in words, for whoever cannot see it.
  describe(model, tier, census) {
    const parts = tier.servers.map((server) => `server ${server.place} is ${server.state}` + (tier.inMemory ? ` and holds ${census.get(server.place) || 0}` : ''));
    if (tier.store) parts.push(`the shared store ${tier.store.name} is ${tier.store.state} and holds ${census.get('store') || 0}`);
    say(this.words, `${tier.name}: ${parts.join('; ')}. Alive: ${figure(tier.counters.alive)}. Lost for good: ${figure(tier.counters.lost)}.`);
  }
}

function put(element, { x, y, width, height }) {
  Object.assign(element.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
}

function labelled(element, label) {
  if (element.getAttribute('aria-label') !== label) element.setAttribute('aria-label', label);
}

function flash(element) {
  element.classList.remove('flash');
  void element.offsetWidth;
  element.classList.add('flash');
}

const POLICY_WORDS = {
  'cookie-insert': 'a cookie names the server',
  'least-connections': 'whoever has the least to do',
  'round-robin': 'each server in turn',
  'source-ip-hash': 'by a hash of the address',
  'hash-modulo': 'by a hash, modulo n',
  'consistent-hash': 'by a hash on a ring',
  'rendezvous-hash': 'by the highest hash',
};

function policyWords(policy) {
  return POLICY_WORDS[policy] || policy;
}
