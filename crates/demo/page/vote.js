// Predict, then kill: the class says what each side will lose, the vote is closed, the fault comes, and the truth stands beside the vote.
// With phones (`--class`) the demo counts; without them the presenter counts hands here, and the truth is reckoned by the page.
'use strict';

const CHOICES = ['none', 'some', 'all'];
const CHOICE_WORDS = { none: 'nobody', some: 'some', all: 'all' };

class Vote {
  constructor(root, { ask, model, kill, changed }) {
    Object.assign(this, { root, ask, model, kill, changed, hands: null, shown: '' });
    this.allowed = false;
  }

  get open() {
    return !this.root.hidden;
  }

  toggle(open = !this.open) {
    this.root.hidden = !open;
    this.shown = '';
    if (open) this.draw();
    this.changed(open);
  }

  /// The state of the vote: the demo's, or that of the hands that were counted here.
  get state() {
    const said = (this.model() || {}).vote;
    if (said) return said;
    if (!this.hands) this.hands = { open: true, closed: false, question: '', counts: { a: emptyCount(), b: emptyCount() }, truth: null, base: null };
    return this.hands;
  }

  get phones() {
    return !!(this.model() || {}).vote;
  }

  draw() {
    if (!this.open) return;
    const state = this.state;
    const print = JSON.stringify([state, this.allowed, this.phones]);
    if (print === this.shown) return;
    this.shown = print;
    const focused = document.activeElement && this.root.contains(document.activeElement) ? document.activeElement.id : null;
    this.root.replaceChildren(this.heading(state), ...SIDES.map((side) => this.side(state, side)), this.buttons(state));
    if (focused && byId(focused)) byId(focused).focus();
  }

  heading(state) {
    const parts = [make('h2', { id: 'vote-title', text: state.question || 'A server is killed. What will each tier lose?' })];
    if (this.phones && !state.truth) {
      const url = (state.urls || [])[0];
      parts.push(make('p', { class: 'join' }, ...(url ? ['Open ', make('b', { class: 'url', text: url.replace(/^http:\/\//, '').replace(/\/$/, '') }), ' and type '] : ['The code is ']), make('b', { class: 'code', text: state.code })));
      parts.push(make('p', { class: 'note', text: `${plural(state.joined || 0, 'phone', 'phones')} joined, ${figure(state.voted || 0)} voted` }));
    } else if (!this.phones && !state.closed) {
      parts.push(make('p', { class: 'note', text: this.allowed ? 'Count the hands: a click on a bar is one hand.' : 'Raise your hand.' }));
    }
    if (state.closed && !state.truth) parts.push(make('p', { class: 'note', text: 'The vote is closed. Now see.' }));
    return make('div', { class: 'ask' }, ...parts);
  }

  side(state, side) {
    const counts = (state.counts || {})[side] || emptyCount();
    const total = Math.max(1, ...CHOICES.map((choice) => counts[choice] || 0));
    const truth = state.truth && state.truth[side];
    const hidden = this.phones && state.open;
    const rows = CHOICES.map((choice) => {
      const count = counts[choice] || 0;
      const bar = make('span', { class: 'bar' });
      bar.style.width = hidden ? '0' : `${(100 * count) / total}%`;
      const right = truth && truth.choice === choice;
      const row = make(this.canCount(state) ? 'button' : 'div', { class: `row${right ? ' right' : ''}`, type: this.canCount(state) ? 'button' : null, id: `hand-${side}-${choice}` },
        make('span', { class: 'choice', text: CHOICE_WORDS[choice] }), make('span', { class: 'track' }, bar), make('span', { class: 'count', text: hidden ? '·' : figure(count) }));
      if (this.canCount(state)) row.addEventListener('click', () => this.hand(side, choice));
      return row;
    });
    const answer = truth ? make('p', { class: 'truth' }, make('b', { text: figure(truth.lost) }), ` of ${figure(truth.alive_before)} lost`) : null;
    return make('div', { class: `guess ${side}` }, make('h3', { text: side === 'a' ? 'Stateful loses' : 'Stateless loses' }), ...rows, answer);
  }

  canCount(state) {
    return !this.phones && this.allowed && !state.closed;
  }

  hand(side, choice) {
    this.hands.counts[side][choice]++;
    this.draw();
  }

  buttons(state) {
    const button = (id, text, run, more = '') => make('button', { type: 'button', id: `vote-${id}`, class: more, text, on: { click: run } });
    const list = [];
    if (this.allowed) {
      if (this.phones && !state.open && !state.closed) list.push(button('open', 'Open the vote', () => this.ask({ do: 'vote-open' }), 'go'));
      if (state.open) list.push(button('close', 'Close the vote', () => this.close(), 'go'));
      if (state.closed && !state.truth) list.push(button('kill', 'Now kill', () => this.kill(), 'danger'), button('reveal', 'The truth', () => this.reveal(), 'go'));
      if (state.closed) list.push(button('clear', 'Again', () => this.clear()));
    }
    list.push(button('shut', 'Close', () => this.toggle(false)));
    return make('div', { class: 'acts' }, ...list);
  }

  close() {
    if (this.phones) return this.ask({ do: 'vote-close' });
    this.closeHands(this.standing());
  }

  /// What the judges count at this moment.
  standing() {
    const { tiers } = this.model();
    return Object.fromEntries(SIDES.map((side) => [side, { ...tiers[side].counters }]));
  }

  /// Hands that are still up go down; what is lost is counted from `base`. Phones' votes are closed by the demo.
  closeHands(base) {
    if (!this.hands || !this.hands.open) return;
    Object.assign(this.hands, { open: false, closed: true, base });
    this.draw();
  }

  reveal() {
    if (this.phones) return this.ask({ do: 'vote-reveal' });
    const { tiers } = this.model();
    this.hands.truth = Object.fromEntries(SIDES.map((side) => {
      const lost = Math.max(0, tiers[side].counters.lost - this.hands.base[side].lost);
      const alive_before = this.hands.base[side].alive;
      return [side, { lost, alive_before, choice: choiceFor(lost, alive_before) }];
    }));
    this.draw();
  }

  clear() {
    this.hands = null;
    if (this.phones) return this.ask({ do: 'vote-clear' });
    this.draw();
  }
}

/// "All" is all or nearly so: more than two of three, as the demo itself reckons.
function choiceFor(lost, alive_before) {
  if (lost === 0) return 'none';
  return lost * 3 > alive_before * 2 ? 'all' : 'some';
}

function emptyCount() {
  return { none: 0, some: 0, all: 0 };
}
