// A phone's ballot: joins with the code on the screen, says for each side who will lose, and shows the truth when it is out.
'use strict';

const POLL_MS = 1000;
const CHOICES = ['none', 'some', 'all'];
const CHOICE_WORDS = { none: 'nobody', some: 'some', all: 'all' };
const SIDE_WORDS = { a: ['Stateful', 'sessions in each server’s memory'], b: ['Stateless', 'sessions in one shared store'] };

const ballot = { mine: { a: null, b: null }, joined: false, cut: false, state: null, buttons: {}, truths: {} };

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

async function join() {
  const answer = await post('class/join', { code: byId('code').value.trim() });
  entered(answer.ok);
  tell(answer.ok ? '' : answer.why || 'That is not the code.', answer.ok ? '' : 'bad');
}

/// Joins, and sees at once whether there is something to vote on.
async function enter() {
  await join();
  if (ballot.joined) await look();
}

/// In the room, or before its door.
function entered(joined) {
  ballot.joined = joined;
  if (joined) keep('joined', byId('code').value.trim());
  byId('join').hidden = joined;
  byId('ballot').hidden = !joined;
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
    ballot.buttons[side] = CHOICES.map((choice) => make('button', { type: 'button', id: `vote-${side}-${choice}`, 'aria-pressed': 'false', disabled: true, text: CHOICE_WORDS[choice], on: { click: () => choose(side, choice) } }));
    ballot.truths[side] = make('p', { class: 'truth', hidden: true });
    byId('sides').append(make('fieldset', { class: side }, make('legend', {}, `${name} loses`, make('small', { text: where })), make('div', { class: 'choices' }, ...ballot.buttons[side]), ballot.truths[side]));
  }
  byId('join').addEventListener('submit', (event) => {
    event.preventDefault();
    enter();
  });
}

async function poll() {
  if (ballot.joined) await look();
  setTimeout(poll, POLL_MS);
}

async function look() {
  try {
    const answer = await fetch('class/state');
    if (!answer.ok) return;
    const state = await answer.json();
    if (ballot.cut) tell('');
    ballot.cut = false;
    // The lab was started anew: the code that was typed may still be right.
    if (!state.known) return void (await join());
    const fresh = ballot.state && (ballot.state.closed || ballot.state.truth) && !state.closed;
    if (fresh) Object.assign(ballot.mine, { a: null, b: null }), tell('');
    ballot.state = state;
    show();
  } catch {
    ballot.cut = true;
    tell('No connection. Trying again.', 'bad');
  }
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
poll();
if (kept('joined')) {
  byId('code').value = kept('joined');
  enter();
}
