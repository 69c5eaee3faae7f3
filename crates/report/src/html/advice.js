// The page's sliders: the arithmetic of `crates/report/src/advice`, once more. A test moves the sliders in a real browser and compares
// what the page says with what `report::Advice` says. Nothing is fetched and nothing is kept.
(() => {
  'use strict';
  const section = document.getElementById('advice');
  const facts = JSON.parse(section.dataset.facts);
  const WEEKS = 52, CAUSES = ['server_crash', 'deployment', 'store_crash'];

  // advice/range.rs
  const exactly = v => ({ expected: v, low: v, high: v });
  const times = (a, b) => ({ expected: a.expected * b.expected, low: a.low * b.low, high: a.high * b.high });
  const plus = (a, b) => ({ expected: a.expected + b.expected, low: a.low + b.low, high: a.high + b.high });
  const minus = (a, b) => ({ expected: a.expected - b.expected, low: a.low - b.high, high: a.high - b.low });
  const poisson = mean => {
    if (mean <= 0) return exactly(0);
    let low = null, chance = Math.exp(-mean), below = 0, n = 0;
    while (n < mean * 3 + 50) {
      below += chance;
      if (below >= 0.025 && low === null) low = n;
      if (below >= 0.975) break;
      n += 1;
      chance *= mean / n;
    }
    return { expected: mean, low: Math.min(low ?? 0, Math.floor(mean)), high: Math.max(n, Math.ceil(mean)) };
  };
  const count = n => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
  const fixed = (size, parts) => {
    const hundredths = Math.floor(size * parts + 0.5) * (100 / parts);
    const text = Math.floor(hundredths / 100) + '.' + String(hundredths % 100).padStart(2, '0');
    return text.replace(/0+$/, '').replace(/\.$/, '');
  };
  const digits = value => {
    const size = Math.abs(value);
    let text;
    if (size === 0) text = '0';
    else if (size < 0.005) text = '<0.01';
    else if (size < 1) text = fixed(size, 100);
    else if (size < 10) text = fixed(size, 10);
    else {
      let step = 1;
      while (size / step >= 999.5) step *= 10;
      text = count(Math.floor(size / step + 0.5) * step);
    }
    return value < 0 ? '\u2212' + text : text;
  };
  const ends = r => [digits(r.low), digits(r.high)];
  const ranged = r => {
    const [low, high] = ends(r);
    return low === high ? digits(r.expected) : `${digits(r.expected)} (${low} to ${high})`;
  };
  const given = v => {
    const [whole, part] = String(v).split('.');
    return part === undefined ? count(whole) : `${count(whole)}.${part}`;
  };

  // advice/outlook.rs
  const measured = known => known.state === 'measured' ? known : null;
  const often = (cause, s) => cause === 'deployment' ? exactly(s.deploys_per_week * WEEKS)
    : poisson(cause === 'server_crash' ? s.server_crashes_per_year : s.server_crashes_per_year / s.servers);
  const comes = (cause, s) => often(cause, s).high > 0 && s.sessions > 0;
  const share = (cause, a, loss, s) => {
    const seen = { expected: loss.share, low: loss.low, high: loss.high };
    if (cause !== 'server_crash' || !a.in_servers) return seen;
    const scale = loss.servers / s.servers;
    return { expected: Math.min(seen.expected * scale, 1), low: Math.min(seen.low * scale, 1), high: Math.min(seen.high * scale, 1) };
  };
  const lost = (cause, a, s) => {
    const known = a[cause], n = often(cause, s);
    if (known.state === 'does-not-apply') return known;
    if (!comes(cause, s)) return { state: 'measured', ...exactly(0) };
    if (known.state !== 'measured') return known;
    return { state: 'measured', ...times(times(n, exactly(s.sessions)), share(cause, a, known, s)) };
  };
  const outlook = (a, s) => {
    const parts = CAUSES.map(cause => lost(cause, a, s));
    const known = parts.every(p => p.state === 'measured' || p.state === 'does-not-apply');
    const total = known ? parts.filter(p => p.state === 'measured').reduce(plus, exactly(0)) : null;
    return { stack: a.stack, parts, total, cost: total && times(total, exactly(s.session_cost)) };
  };

  // advice/objectives.rs; the page knows no recovery time objective, and no length of a session
  const missed = (loss, s) => s.rpo_s !== null && s.sessions > 0 &&
    (loss.lost > 0 || loss.oldest_lost_s !== null && loss.oldest_lost_s > s.rpo_s || s.rpo_s === 0 && loss.writes_gone > 0);
  const harm = loss => {
    if (loss.lost > 0) return `${given(loss.lost)} of ${given(loss.verified)} sessions`;
    if (loss.writes_gone === 0) return `none of ${given(loss.verified)} sessions`;
    const lines = `${given(loss.writes_gone)} acknowledged ${loss.writes_gone === 1 ? 'line' : 'lines'}`;
    return loss.oldest_lost_s === null ? lines : `${lines}, the oldest ${digits(loss.oldest_lost_s)} s old`;
  };
  const missedDrills = s => (facts.stateful ? facts.stateful.drills : []).filter(drill => missed(drill, s));
  const drilled = (scenario, s) => facts.stateless.flatMap(a => {
    const drill = a.drills.find(d => d.scenario === scenario);
    return drill ? [{ stack: a.stack, met: !missed(drill, s) }] : [];
  });
  const refused = (a, s) => {
    if (CAUSES.some(cause => comes(cause, s) && measured(a[cause]) && missed(a[cause], s))) return true;
    const contested = missedDrills(s).map(d => d.scenario).filter(name => drilled(name, s).some(o => o.met));
    const met = a.drills.some(d => contested.includes(d.scenario) && !missed(d, s));
    return contested.length > 0 && !met;
  };

  // advice/signals.rs; T5 depends on no slider
  const said = (state, why) => ({ state, why });
  const servers = n => `${given(n)} ${n === 1 ? 'server' : 'servers'}`;
  const growth = s => {
    const now = s.servers, then = Math.max(Math.ceil(now * (1 + s.growth_percent_per_year / 100) - 1e-9), 1);
    if (then <= now) return said('silent', `A year from now ${given(then)} of your ${servers(now)} will do.`);
    const need = `A year from now you need ${servers(then)}, and have ${given(now)}.`;
    const pinned = facts.stateful && measured(facts.stateful.scale_out);
    const spread = facts.stateless.filter(a => measured(a.scale_out)).reduce((best, other) =>
      best && other.scale_out.new_servers_percent_least <= best.scale_out.new_servers_percent_least ? best : other, null);
    if (!pinned || !spread) return said('not-measured', `${need} Whether new servers take their share was not measured.`);
    const few = pinned.new_servers_percent_most, many = spread.scale_out.new_servers_percent_least;
    return said(many > 0 && few * 2 <= many ? 'fires' : 'silent', `${need} Servers that were added answered ${digits(few)}% of the requests of ` +
      `${facts.stateful.stack} and ${digits(many)}% of those of ${spread.stack}.`);
  };
  const losses = (cause, s, stateful) => {
    const event = cause === 'deployment' ? 'deployment' : 'crash';
    const loss = facts.stateful && measured(facts.stateful[cause]);
    const part = stateful && measured(stateful.parts[CAUSES.indexOf(cause)]);
    if (!loss || !part) return said('not-measured', `What a ${event} loses was not measured.`);
    if (missed(loss, s)) return said('fires', `A ${event} lost ${harm(loss)}${loss.lost > 0 ? ', each from its first line on' : ''}; ` +
      `your recovery point objective allows ${given(s.rpo_s)} s.`);
    if (loss.lost === 0) return said('silent', `The ${event} that was measured lost none of ${given(loss.verified)} sessions.`);
    const cost = times(part, exactly(s.session_cost)), store = s.store_cost_per_year;
    return said(cost.low > store ? 'fires' : cost.high <= store ? 'silent' : 'undecided',
      `Sessions lost by ${event} cost ${ranged(cost)} a year; the store that would keep them costs ${digits(store)}.`);
  };
  const signals = (s, stateful) => {
    const t2 = s.server_crashes_per_year === 0 ? said('silent', 'You count no crash of a server.')
      : s.sessions === 0 ? said('silent', 'Nobody is there when a server crashes.') : losses('server_crash', s, stateful);
    let t3;
    if (s.deploys_per_week === 0) t3 = said('silent', 'You do not deploy.');
    else if (s.sessions === 0) t3 = said('silent', 'Nobody is there when you deploy.');
    else {
      t3 = losses('deployment', s, stateful);
      const drained = facts.stateful && facts.stateful.drained;
      if (drained && drained.loss.lost > 0)
        t3.why += ` A drain of ${digits(drained.drain_s)} s before each server still lost ${given(drained.loss.lost)} of ${given(drained.loss.verified)}.`;
    }
    return { T1: growth(s), T2: t2, T3: t3, T4: disasters(s) };
  };
  const away = away => away.state === 'back' ? `was away for ${digits(away.away_s)} s`
    : away.state === 'not-back' ? 'did not come back' : 'was away for a time that was not measured';
  const disasters = s => {
    if (s.rpo_s === null) return said('not-asked', 'You gave no recovery objectives.');
    const stateful = facts.stateful;
    if (!stateful || !stateful.drills.length) return said('not-measured', 'No drill of the loss of a whole site was measured.');
    const drills = missedDrills(s), n = stateful.drills.length;
    if (!drills.length) return said('silent', `The stateful tier met your objectives in ${n} ${n === 1 ? 'drill' : 'drills'}.`);
    const told = said('not-measured', '');
    for (const drill of drills) {
      const others = drilled(drill.scenario, s), met = others.filter(o => o.met).map(o => o.stack);
      const [state, who] = met.length ? ['fires', `${met.join(', ')} met your objectives`]
        : others.length ? ['silent', 'no stateless stack that was drilled met your objectives either']
        : ['not-measured', 'no stateless stack was put through it'];
      if (told.state !== 'fires' && state !== 'not-measured') told.state = state;
      told.why += `${told.why && ' '}In ${drill.scenario} the stateful tier ${away(drill.away)} and lost ${harm(drill)}; ${who}.`;
    }
    return told;
  };

  // advice/decision.rs
  const decide = (s, outlooks, all) => {
    const stateful = facts.stateful ? outlooks[0] : null;
    const candidates = facts.stateless.filter(a => !refused(a, s)).map(a => outlooks.find(o => o.stack === a.stack))
      .filter(o => o.total).sort((a, b) => a.total.expected - b.total.expected || a.total.high - b.total.high);
    const best = candidates[0], losses = stateful && stateful.total;
    const kept = losses && best ? minus(losses, best.total) : null;
    const balance = kept && minus(times(kept, exactly(s.session_cost)), exactly(s.store_cost_per_year));
    const most = losses ? losses.high * s.session_cost - s.store_cost_per_year : null;
    const states = Object.entries(all), fires = states.filter(([, x]) => x.state === 'fires').map(([id]) => id);
    const unread = states.filter(([, x]) => x.state === 'not-measured').map(([id]) => id);
    let choice = 'no-advice';
    if (fires.length) choice = best ? 'stateless' : 'no-advice';
    else if (unread.length) choice = 'no-advice';
    else if (most !== null && most <= 0) choice = 'stateful';
    else if (balance) choice = balance.low > 0 ? 'stateless' : balance.high <= 0 ? 'stateful' : 'either';
    const events = [['server_crash', 'One crash'], ['deployment', 'One deployment']].filter(([cause]) =>
      facts.stateful && measured(facts.stateful[cause]) && often(cause, s).high > 0).map(([cause, event]) => {
      const taken = times(exactly(s.sessions), share(cause, facts.stateful, facts.stateful[cause], s));
      return `${event} takes ${ranged(taken)} of the ${given(s.sessions)} sessions that are there.`;
    }).join(' ');
    const answer = {
      stateful: 'Keep the sessions in the servers, and know what a restart costs.',
      stateless: `Put the sessions into a shared store from the start: ${best ? best.stack : 'a shared store'}.`,
      either: 'The numbers decide for neither side.',
      'no-advice': fires.length ? 'It is time for a shared store, and none was shown to be fit for it: no advice which.'
        : losses && !unread.length && facts.stateless.length && facts.stateless.every(a => refused(a, s))
        ? 'No advice: what you lose may be worth a shared store, and none that was measured meets your objectives.'
        : 'No advice: what it depends on was not measured.',
    }[choice];
    const because = [];
    if (choice === 'stateless') because.push(fires.length ? `${fires.join(', ')} of the five signals: see above.`
      : 'No signal fires alone; together the losses cost more than the store.');
    if (choice === 'stateful') because.push('No signal fires.');
    if (choice === 'no-advice' && fires.length) because.push(`${fires.join(', ')} of the five signals: see above.`);
    else if (choice === 'no-advice' && unread.length) because.push(`Not read: ${unread.join(', ')}.`);
    const each = given(s.session_cost), store = given(s.store_cost_per_year);
    if (choice === 'stateful' && losses) because.push(`The stateful tier is expected to lose ${ranged(losses)} sessions a year; at ${each} ` +
      `each that is ${ranged(times(losses, exactly(s.session_cost)))}, and the store would cost ${store}.`);
    if (choice === 'stateful' && losses && events) because.push(events);
    if ((choice === 'stateless' || choice === 'either') && balance) because.push(`A shared store is expected to keep ${ranged(kept)} ` +
      `sessions a year; at ${each} each, less ${store} for the store, that leaves ${ranged(balance)} a year.`);
    return { choice, answer, because };
  };

  // What the page shows.
  const WORDS = { fires: 'fires', silent: 'does not fire', undecided: 'undecided', 'not-measured': 'not measured', 'not-asked': 'not asked' };
  const UNKNOWN = { 'does-not-apply': 'no store to crash', 'not-measured': 'not measured', inconclusive: 'inconclusive' };
  const say = (selector, text) => { section.querySelector(selector).textContent = text; };
  const inputs = [...section.querySelectorAll('input[data-key]')];
  const value = input => JSON.parse(input.dataset.stops)[Number(input.value)];
  const show = () => {
    const s = { rpo_s: section.querySelector('#advice-rpo').checked ? 0 : null };
    for (const input of inputs) {
      s[input.dataset.key] = value(input);
      input.nextElementSibling.textContent = given(value(input));
      input.setAttribute('aria-valuetext', given(value(input)));
    }
    const all = (facts.stateful ? [facts.stateful] : []).concat(facts.stateless);
    const outlooks = all.map(a => outlook(a, s));
    const cell = (row, column, main, sub) => {
      const td = section.querySelector(`tr[data-row="${row}"]`).cells[column + 1];
      td.querySelector('.main').textContent = main;
      td.querySelector('.sub').textContent = sub;
    };
    const range = (row, column, r) => {
      const [low, high] = ends(r);
      cell(row, column, digits(r.expected), low === high ? '' : `${low} to ${high}`);
    };
    // Every cell is written each time: what was known for another service may not be for this one.
    outlooks.forEach((o, column) => {
      o.parts.forEach((part, row) => part.state === 'measured' ? range(row, column, part) : cell(row, column, UNKNOWN[part.state], ''));
      [o.total, o.cost].forEach((sum, at) => sum ? range(3 + at, column, sum) : cell(3 + at, column, 'not known', ''));
      const folded = !o.total && facts.stateless.some(a => a.stack === o.stack);
      for (const tr of section.querySelectorAll('.board tr')) tr.cells[column + 1].classList.toggle('folded', folded);
    });
    const told = signals(s, facts.stateful ? outlooks[0] : null);
    for (const [id, signal] of Object.entries(told)) {
      say(`[data-signal="${id}"] .state`, WORDS[signal.state]);
      say(`[data-signal="${id}"] .why`, signal.why);
      section.querySelector(`[data-signal="${id}"]`).dataset.state = signal.state;
    }
    const decision = decide(s, outlooks, told);
    say('.advised', decision.answer);
    section.querySelector('.advised').dataset.choice = decision.choice;
    say('.because', decision.because.join(' '));
    say('.whose', 'Your numbers, as the sliders stand');
  };
  const form = section.querySelector('form');
  form.hidden = false;
  form.addEventListener('input', show);
})();
