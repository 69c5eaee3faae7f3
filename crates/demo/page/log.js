// What happened, in plain sentences, newest first.
'use strict';

const LINES_SHOWN = 60;
const WHO = { a: 'stateful', b: 'stateless', both: 'both' };

class Log {
  constructor(list) {
    this.list = list;
    this.shown = '';
  }

  draw(lines, at_us) {
    const seen = together(lines.filter((line) => line.at_us <= at_us).slice(-4 * LINES_SHOWN)).slice(-LINES_SHOWN).reverse();
    const print = `${seen.length} ${seen.length ? `${seen[0].at_us} ${seen[0].tier}` : ''}`;
    if (print === this.shown) return;
    this.shown = print;
    this.list.replaceChildren(...seen.map((line) => make('li', { class: `${line.severity} ${line.tier}` },
      make('span', { class: 'when' }, make('time', { text: clockText(line.at_us) }), make('span', { class: `who ${line.tier}`, text: WHO[line.tier] || '' })), make('span', { class: 'what', text: line.text }))));
    if (!seen.length) this.list.replaceChildren(make('li', { class: 'info' }, make('span', { class: 'what', text: 'Nothing yet. Everybody is shopping.' })));
  }
}
