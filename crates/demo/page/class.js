// A phone's ballot: joins with the code on the screen, says for each side who will lose, and shows the truth when it is out.
'use strict';

const POLL_MS = 1000;
const CHOICES = ['none', 'some', 'all'];
const CHOICE_WORDS = { none: 'nobody', some: 'some', all: 'all' };
const SIDE_WORDS = { a: ['Stateful', 'sessions in each server’s memory'], b: ['Stateless', 'sessions in one shared store'] };

const ballot = { mine: { a: null, b: null }, joined: false, state: null, buttons: {}, truths: {} };

async function post(path, body) {
  try {
    const answer = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    return await answer.json();
  } catch {
    return { ok: false, why: 'No connection. Are you on the same network?' };
  }
}

function tell(text, kind = '') {
  say(byId('said'), text);
  byId('said').className = kind;
}

async function join(event) {
  event.preventDefault();
  const answer = await post('class/join', { code: byId('code').value.trim() });
  if (!answer.ok) return tell(answer.why || 'That is not the code.', 'bad');
  enter();
}

function enter() {
  ballot.joined = true;
  keep('joined', byId('code').value.trim());
  byId('join').hidden = true;
  byId('ballot').hidden = false;
  tell('');
  poll();
}

async function choose(side, choice) {
  if (!ballot.state || !ballot.state.open) return;
  ballot.mine[side] = choice;
  show();
  if (!ballot.mine.a || !ballot.mine.b) return tell('And the other side?');
  const answer = await post('class/vote', ballot.mine);
  if (answer.ok) tell('Your vote is in. You may still change it.', 'good');
  else tell(answer.why || 'That did not work.', 'bad');
}

function build() {
  for (const [side, [name, where]] of Object.entries(SIDE_WORDS)) {
    ballot.buttons[side] = CHOICES.map((choice) => make('button', { type: 'button', id: `vote-${side}-${choice}`, 'aria-pressed': 'false', text: CHOICE_WORDS[choice], on: { click: () => choose(side, choice) } }));
    ballot.truths[side] = make('p', { class: 'truth', hidden: true });
    byId('sides').append(make('fieldset', { class: side }, make('legend', {}, `${name} loses`, make('small', { text: where })), make('div', { class: 'choices' }, ...ballot.buttons[side]), ballot.truths[side]));
  }
  byId('join').addEventListener('submit', join);
}

async function poll() {
  try {
    const answer = await fetch('class/state');
    const state = await answer.json();
    const fresh = ballot.state && (ballot.state.closed || ballot.state.truth) && !state.closed;
    if (fresh) Object.assign(ballot.mine, { a: null, b: null }), tell('');
    ballot.state = state;
    show();
  } catch {
    tell('No connection. Trying again.', 'bad');
  }
  setTimeout(poll, POLL_MS);
}

function show() {
  const { state, mine } = ballot;
  if (!state) return;
  say(byId('question'), state.question || 'A server is killed. What will each tier lose?');
  for (const side of Object.keys(SIDE_WORDS)) {
    const truth = state.truth && state.truth[side];
    ballot.buttons[side].forEach((button, index) => {
      button.disabled = !state.open;
      button.setAttribute('aria-pressed', String(mine[side] === CHOICES[index]));
      button.classList.toggle('right', !!truth && truth.choice === CHOICES[index]);
    });
    ballot.truths[side].hidden = !truth;
    if (truth) say(ballot.truths[side], `${figure(truth.lost)} of ${figure(truth.alive_before)} lost` + (mine[side] ? (mine[side] === truth.choice ? ': you were right' : ': you were wrong') : ''));
  }
  if (!state.open && !state.closed) tell('Wait for the question.');
  else if (state.closed && !state.truth) tell('The vote is closed. Look at the screen.');
  else if (state.truth) tell('');
  else if (byId('said').textContent === 'Wait for the question.') tell('');
}

function keep(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch { /* a private window keeps nothing: the code is typed again */ }
}

function kept(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

build();
if (kept('joined')) {
  byId('code').value = kept('joined');
  enter();
}
