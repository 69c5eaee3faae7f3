//! Parts of the page on their own, in the page's own browser: what a story would have to wait for too long, or could hardly bring about. Each
//! script answers what is wrong.

/// All of them. They run before anybody has logged in.
pub const ALL: [&str; 4] = [HOUR, HANG, HANDS, PILE];

/// An hour of messages on the page's own tape: what is shown of a moment is what was said up to it, also where the beginning had been
/// forgotten and was fetched again.
const HOUR: &str = r#"
    const tier = (store) => ({ name: '', store, servers: [], where: [1], fate: 'a', counters: { lost: 0 } });
    const picture = (at_us) => ({ event: 'snapshot', data: { at_us, segment: 1, shoppers: 1, tiers: { a: tier(null), b: tier({ state: 'up' }) } } });
    const tick = (at_us, lost) => ({ event: 'tick', data: { at_us, a: { counters: { lost } }, b: { counters: { lost: 0 } } } });
    const tape = new Tape(), wrong = [];
    tape.push(picture(300e6));
    for (let s = 301; s <= 3600; s++) for (let n = 0; n < 5; n++) tape.push(tick(s * 1e6 + n * 2e5, s));
    if (tape.messages.length > 13000) wrong.push(`nothing is forgotten: ${tape.messages.length}`);
    const look = (s) => {
        const { model, next } = tape.seek(s * 1e6 + 9e5);
        const shown = model.tiers.a.counters.lost, after = tape.message(next);
        if (shown !== s || (after && after.at_us <= s * 1e6 + 9e5)) wrong.push(`${shown} at ${s} s`);
    };
    [2000, 2005, 3599, 3600].forEach(look);
    const older = [picture(0)];
    for (let s = 1; s * 1e6 < tape.from_us; s++) older.push(tick(s * 1e6, s));
    tape.prepend(older);
    [1, 9, 10, 11, 700, 2000, 3600].forEach(look);
    return wrong"#;

/// A reload while a server hangs: the visitor is busy, then known again, and is forgotten only when nobody knows them.
const HANG: &str = r#"
    const wrong = [], expect = (what, holds) => holds || wrong.push(what);
    const here = { ok: true, status: 200, me: { shopper: 1, name: 'Ada' }, a: { there: true }, b: { there: true } };
    const answers = [{ ok: false, status: 429, why: 'one thing after the other' }, here, { ok: false, status: 409 }, { ok: false, status: 401 }];
    let segment = 'run 1';
    const cart = new Cart(make('section'), { ask: async () => answers.shift(), known: () => {}, segment: () => segment });
    remember('shopping', segment);
    cart.resume();
    return cart.queue.then(async () => {
      expect('busy is not unknown', remembered('shopping') === segment);
      for (let tries = 0; tries < 50 && !cart.me; tries++) await new Promise((go) => setTimeout(go, 100));
      expect('it is asked for again', cart.me && cart.me.shopper === 1);
      await cart.logOut();
      expect('a log-out that is refused is none', cart.me !== null);
      await cart.send({ do: 'look' });
      expect('who is unknown is forgotten', cart.me === null && remembered('shopping') === null);
      segment = null;
      remember('name', null);
      return wrong;
    })"#;

/// Hands are counted until something is broken, and the truth is what was lost since.
const HANDS: &str = r#"
    const wrong = [], expect = (what, holds) => holds || wrong.push(what);
    const tiers = { a: { counters: { alive: 9, lost: 2 } }, b: { counters: { alive: 9, lost: 0 } } };
    const vote = new Vote(make('section'), { ask: () => {}, model: () => ({ tiers, vote: null }), kill: () => {}, changed: () => {} });
    vote.allowed = true;
    vote.toggle(true);
    vote.hand('a', 'some');
    const before = vote.standing();
    tiers.a.counters = { alive: 3, lost: 8 };
    vote.closeHands(before);
    expect('hands are down', !vote.canCount(vote.state));
    vote.reveal();
    expect('the truth is from before', vote.hands.truth.a.lost === 6 && vote.hands.truth.a.alive_before === 9);
    return wrong"#;

/// Half an hour of faults: however many are lost, the crosses stay in their pile, and go when their sessions come back.
const PILE: &str = r#"
    const wrong = [], expect = (what, holds) => holds || wrong.push(what);
    const layout = sceneLayout(480, 330, 16, [1, 2, 3], true);
    const servers = [1, 2, 3].map((place) => ({ place, instance: `server-${place}.1`, state: 'up' }));
    const tier = { stack: 'stateful', servers, where: [1, 2, 3], fate: 'lla', counters: { lost: 20000 } };
    const model = new Model({ run: 'run', segment: 1, at_us: 0, shoppers: 3, tiers: { a: tier, b: tier } });
    const crowd = new Crowd('a');
    const show = (jump) => crowd.show(model, layout, { now: 0, pitch: 8, still: true, jump });
    show(true);
    const inside = ({ y }) => y > layout.pile.y && y < layout.height;
    expect('above the pile', crowd.crosses.length > 500 && crowd.crosses.every(inside));
    Object.assign(model.tiers.a, { fate: ['a', 'a', 'a'], counters: { lost: 20002 } });
    show(false);
    expect('still above the pile', crowd.crosses.every(inside));
    model.tiers.a.counters.lost = 3;
    show(false);
    expect(`${crowd.crosses.length} crosses for three`, crowd.crosses.length === 3 && crowd.unseen === 0);
    return wrong"#;
