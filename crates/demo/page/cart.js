// The visitor's own cart: one log-in, one cart, and both tiers hold it, each in its own way. What each side answered stands under that side.
'use strict';

const THINGS = ['tea', 'socks', 'a lamp', 'a book', 'bread', 'a plant'];
/// A visitor who does nothing would never learn that the cart is gone: the page looks now and then.
const LOOK_EVERY_MS = 4000;
const RESUME_AGAIN_MS = 1000;
const UNKNOWN = 401;

class Cart {
  /// `ask(body)` puts a request to both tiers; `known(shopper)` is told which dot is the visitor's; `segment()` names the one that runs, or is null.
  constructor(root, { ask, known, segment }) {
    Object.assign(this, { root, ask, known, segment, me: null, waiting: false, queue: Promise.resolve(), next: 0 });
    this.build();
    setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  build() {
    this.title = make('h2', { id: 'cart-title', text: 'My cart' });
    this.name = make('input', { id: 'my-name', maxlength: '40', autocomplete: 'off', placeholder: 'your name', 'aria-label': 'Your name' });
    this.logIn = make('button', { id: 'log-in', class: 'go', type: 'submit', text: 'Log in' });
    this.entry = make('form', { class: 'entry', on: { submit: (event) => this.submitName(event) } }, this.name, this.logIn);
    this.item = make('input', { id: 'my-item', maxlength: '60', autocomplete: 'off', placeholder: THINGS[0], 'aria-label': 'What to put into the cart' });
    this.add = make('button', { id: 'add-item', class: 'go', type: 'submit', text: 'Add' });
    this.leave = make('button', { id: 'log-out', type: 'button', text: 'Log out', on: { click: () => this.logOut() } });
    this.shop = make('form', { class: 'entry', hidden: true, on: { submit: (event) => this.submitItem(event) } }, this.item, this.add, this.leave);
    this.note = make('p', { class: 'note', text: 'Log in once: both tiers hold your cart.' });
    this.sides = {};
    const side = (id) => {
      const server = make('p', { class: 'server' });
      const lines = make('ul', { class: 'lines' });
      this.sides[id] = { server, lines, box: make('div', { class: `mine ${id}`, id: `cart-${id}`, 'data-there': 'none' }, server, lines) };
      return this.sides[id].box;
    };
    this.root.append(side('a'), make('div', { class: 'desk' }, this.title, this.entry, this.shop, this.note), side('b'));
    for (const id of SIDES) this.show(id, null);
  }

  /// After a reload the visitor is still the same one, as long as the segment lasts: the demo's cookie says so.
  resume() {
    if (!this.me && this.segment() !== null && remembered('shopping') === this.segment()) this.send({ do: 'look' });
  }

  submitName(event) {
    event.preventDefault();
    const name = this.name.value.trim();
    if (name) this.send({ do: 'log-in', name });
    else this.name.focus();
  }

  submitItem(event) {
    event.preventDefault();
    const item = this.item.value.trim() || this.item.placeholder;
    this.item.value = '';
    this.next = (this.next + 1) % THINGS.length;
    this.item.placeholder = THINGS[this.next];
    this.send({ do: 'add', item });
  }

  async logOut() {
    const answer = await this.send({ do: 'log-out' });
    if (answer.ok) this.forget();
  }

  look() {
    if (this.me && !this.waiting && !document.hidden && this.segment() !== null) this.send({ do: 'look' });
  }

  /// One thing after the other: a shopper has one request under way.
  send(body) {
    this.queue = this.queue.then(() => this.sendNow(body));
    return this.queue;
  }

  async sendNow(body) {
    this.waiting = true;
    const answer = await this.ask(body);
    this.waiting = false;
    if (!answer.ok) {
      say(this.note, answer.why || 'That did not work.');
      if (answer.status === UNKNOWN) this.forget();
      // Somebody who was here before is busy (a server may hang), and is asked for again.
      else if (!this.me) setTimeout(() => this.resume(), RESUME_AGAIN_MS);
      return answer;
    }
    if (body.do === 'log-out') return answer;
    const name = answer.me.name || remembered('name') || 'you';
    this.me = { ...answer.me, name };
    remember('name', name);
    remember('shopping', this.segment());
    this.known(answer.me.shopper);
    say(this.title, `${name}’s cart`);
    say(this.note, '');
    const entering = !this.entry.hidden;
    this.entry.hidden = true;
    this.shop.hidden = false;
    if (entering && body.do === 'log-in') this.item.focus();
    for (const id of SIDES) this.show(id, answer[id]);
    return answer;
  }

  /// Another run, or a log-out: nobody knows the visitor any more.
  forget() {
    this.me = null;
    remember('shopping', null);
    this.known(null);
    say(this.title, 'My cart');
    this.entry.hidden = false;
    this.shop.hidden = true;
    for (const id of SIDES) this.show(id, null);
  }

  show(id, got) {
    const { server, lines, box } = this.sides[id];
    if (!got) {
      box.dataset.there = 'none';
      say(server, id === 'a' ? 'kept in one server’s memory' : 'kept outside the servers');
      lines.replaceChildren();
      return;
    }
    const gone = got.gone || [];
    box.dataset.there = got.there === true ? (gone.length ? 'part' : 'yes') : got.there === false ? 'no' : 'unknown';
    const verdict = got.there === false ? 'does not know you: your cart is gone' : got.there === null ? '' : 'answered';
    const who = got.server ? serverWords(got.server) : '';
    say(server, verdict && who ? `${who} ${verdict}` : got.why || 'No answer.');
    const kept = (got.lines || []).map((item) => make('li', { text: item }));
    const lost = gone.map((item) => make('li', { class: 'gone' }, make('s', { text: item })));
    lines.replaceChildren(...kept, ...lost);
    if (!kept.length && !lost.length && got.there) lines.append(make('li', { class: 'empty', text: 'empty so far' }));
  }
}

/// `server-2.1` is the first process in seat 2, `server-2.2` the one that took its place.
function serverWords(instance) {
  const [, place, process] = /^server-(\d+)\.(\d+)$/.exec(instance) || [];
  if (!place) return instance;
  return Number(process) > 1 ? `Server ${place} (process ${process})` : `Server ${place}`;
}

/// Small things that outlive a reload, where the browser lets them.
function remembered(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch { /* a private window keeps nothing, and the page works all the same */ }
}
