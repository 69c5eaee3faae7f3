// Six steps for a class. Each says what to look at, and which control it needs; nothing happens by itself.
'use strict';

const STEPS = [
  { title: 'Stickiness', needs: ['policy'],
    text: 'Left: a session lives in one server’s memory, so the router must send each shopper to the same server, every time. Right: it lives in the store, and any server may answer.',
    watch: 'Try it: Routing ▾ → round-robin. Left, carts vanish and come back. Right, nobody notices.' },
  { title: 'A server dies', needs: ['kill'],
    text: 'The same server, the same second, on both sides. The memory of a process ends with the process.',
    watch: 'Predict first. Then kill: every shopper who asks again learns whether the cart is still there.' },
  { title: 'A new version goes out', needs: ['roll'],
    text: 'A deployment replaces every server, one after the other. Nothing has failed, and it happens every week.',
    watch: 'Deploy ▾. How many carts does a deployment cost? Does draining for four seconds save them?' },
  { title: 'More servers', needs: ['add', 'more'],
    text: 'The load grows, and a server joins. Sessions that are bound to the old servers stay there.',
    watch: 'Add a server, and read the answers a second in each box. Who takes work from the others?' },
  { title: 'The store fails', needs: ['store'],
    text: 'The right side has moved its single point of failure: all sessions depend on one store. The left side has none to lose.',
    watch: 'Store ▾ → kill, hang or slow. Now it is the right side’s turn to suffer. A cache that keeps nothing on disk comes back empty.' },
  { title: 'What it costs', needs: ['more', 'heal'],
    text: 'Every request on the right asks the store twice: once to load the session, once to save it. That is the price of losing nothing when a server dies.',
    watch: 'Compare the two latency lines when nothing is broken. Is the difference worth the carts? Who has to be asked?' },
];

class Lesson {
  constructor(root, { highlight, changed, model }) {
    Object.assign(this, { root, highlight, changed, model, at: 0 });
    this.dots = STEPS.map((step, index) => make('button', { type: 'button', 'aria-label': `Step ${index + 1}: ${step.title}`, text: String(index + 1), on: { click: () => this.go(index) } }));
    byId('lesson-steps').append(...this.dots);
    byId('lesson-back').addEventListener('click', () => this.go(this.at - 1));
    byId('lesson-next').addEventListener('click', () => this.go(this.at + 1));
  }

  get open() {
    return !this.root.hidden;
  }

  toggle(open = !this.open) {
    this.root.hidden = !open;
    if (open) this.go(this.at);
    else this.highlight([]);
    this.changed(open);
  }

  go(to) {
    this.at = Math.max(0, Math.min(STEPS.length - 1, to));
    const step = STEPS[this.at];
    say(byId('lesson-title'), `${this.at + 1}. ${step.title}`);
    say(byId('lesson-text'), step.text);
    const { tiers } = this.model() || { tiers: { b: {} } };
    say(byId('lesson-watch'), (step.needs.includes('store') && noOutage(tiers.b.store)) || step.watch);
    byId('lesson-back').disabled = this.at === 0;
    byId('lesson-next').disabled = this.at === STEPS.length - 1;
    this.dots.forEach((dot, index) => dot.setAttribute('aria-current', index === this.at ? 'step' : 'false'));
    this.highlight(step.needs);
  }
}
