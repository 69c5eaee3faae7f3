// The presenter's keys, and the help that names them. A key does what a button does, and nothing that no button can.
'use strict';

const KEYS = [
  ['Space', 'pause, and play from there'],
  ['← →', 'five seconds back and on; in the lesson, the step before and the next'],
  ['↑ ↓', 'choose a server (or 1 to 9)'],
  ['K', 'kill the chosen server'],
  ['G H S', 'stop it gracefully, hang it, start it again'],
  ['D A', 'rolling deployment, add a server'],
  ['O', 'outage: kill the store; again: start it'],
  ['E', 'heal everything'],
  ['+ −', 'more load, less load'],
  ['B', 'who is hit: both, stateful, stateless'],
  ['L P', 'lesson, predict'],
  ['V', 'back to live'],
  ['T F', 'dark or light, full screen'],
  ['?', 'this help'],
];

function buildHelp(dialog) {
  dialog.append(make('h2', { id: 'help-title', text: 'Keys' }), make('dl', {}, ...KEYS.flatMap(([keys, meaning]) => [make('dt', {}, ...keys.split(' ').map((key) => make('kbd', { text: key }))), make('dd', { text: meaning })])),
    make('p', { class: 'note', text: 'A dot is one shopper’s session, in the same colour on both sides. It stands where the session is kept. A ring is one whose server is gone and whose shopper has not asked yet; a red cross is one that is lost.' }),
    make('form', { method: 'dialog' }, make('button', { class: 'go', text: 'Close' })));
}

/// `does` maps a key to what it does.
function listenToKeys(does) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.target;
    if (at.closest && at.closest('input:not([type=range]), textarea, select, dialog, [role=menu]')) return;
    const pressing = at.closest && at.closest('button, a, input') && (event.key === ' ' || event.key === 'Enter');
    if (pressing || (at.type === 'range' && event.key.startsWith('Arrow'))) return;
    const action = does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.repeat && !event.key.startsWith('Arrow')) return;
    event.preventDefault();
    action();
  });
}
