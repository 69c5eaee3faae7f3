// What is known of both tiers at one moment: a snapshot and the changes since. Pure: it touches no page, no network and no
// clock, so that the live view, the rewound one and an exported recording all come from the same lines of code.
'use strict';

const SIDES = ['a', 'b'];
const ALIVE = 'a', LOST = 'l', LOGGED_OUT = 'o', UNSURE = 'u', NOT_YET = '.';

class Model {
  constructor(snapshot) {
    this.at_us = snapshot.at_us;
    /// Which segment of which run: the same page may be told of a lab that was started anew.
    this.name = `${snapshot.run} ${snapshot.segment}`;
    this.state = snapshot.state;
    this.title = snapshot.title;
    this.slo = snapshot.slo;
    this.planned = snapshot.shoppers;
    this.guests = snapshot.guests || [];
    this.factor = (snapshot.load || {}).factor || 1;
    this.vote = snapshot.class || null;
    this.findings = snapshot.findings || null;
    this.tiers = {};
    for (const side of SIDES) this.tiers[side] = Model.tier(snapshot.tiers[side]);
  }

  static tier(said) {
    const tier = { ...said, where: [...said.where], fate: [...said.fate], flow: {}, news: 0, asked: {} };
    // What clients hold themselves is drawn in one place too: no server has it.
    if (!said.store && /^(stateless-)?cookie/.test(said.stack)) tier.store = { kind: 'cookie', name: 'Cookies', state: 'up', process: false };
    tier.inMemory = !tier.store;
    tier.home = tier.where.map((place) => instanceAt(tier, place));
    return tier;
  }

  /// A copy that can be kept as a keyframe. Lists that are replaced whole are shared.
  copy() {
    const copy = Object.assign(Object.create(Model.prototype), this);
    copy.tiers = {};
    for (const side of SIDES) {
      const { where, fate, home, ...rest } = this.tiers[side];
      copy.tiers[side] = { ...rest, where: [...where], fate: [...fate], home: [...home] };
    }
    return copy;
  }

  /// Takes one message in. Says what changed: `{ side: { where: [...], fate: [...], flow, errors } }`, or null.
  apply({ event, data }) {
    if (data.at_us !== undefined) this.at_us = data.at_us;
    switch (event) {
      case 'tick': return this.tick(data);
      case 'load': this.factor = data.factor; break;
      case 'guests': this.guests = data.guests; break;
      case 'class': this.vote = data; break;
      case 'findings': this.findings = data; break;
      case 'snapshot': Object.assign(this, new Model(data)); break;
    }
    return null;
  }

  tick(data) {
    const change = {};
    for (const side of SIDES) {
      const delta = data[side];
      if (!delta) continue;
      const tier = this.tiers[side];
      for (const key of ['servers', 'store', 'policy', 'busy', 'counters']) if (key in delta && (key !== 'store' || delta.store)) tier[key] = delta[key];
      for (const [shopper, place] of delta.where || []) {
        grow(tier, shopper);
        tier.where[shopper] = place;
        tier.home[shopper] = instanceAt(tier, place);
      }
      for (const [shopper, fate] of delta.fate || []) {
        grow(tier, shopper);
        tier.fate[shopper] = fate;
      }
      tier.flow = delta.flow || {};
      change[side] = { flow: tier.flow, errors: delta.errors || 0 };
    }
    return change;
  }

  /// Where a shopper's dot belongs: a server's place, 'store', 'pile', 'door', or null when there is nothing to draw.
  spot(side, shopper) {
    const tier = this.tiers[side];
    switch (tier.fate[shopper]) {
      case ALIVE: return tier.inMemory ? tier.where[shopper] || 'door' : 'store';
      case LOST: return 'pile';
      case UNSURE: return 'door';
      default: return null;
    }
  }

  /// The session lived in a process that is no more, and its shopper has not asked since.
  inDoubt(side, shopper) {
    const tier = this.tiers[side];
    if (tier.fate[shopper] !== ALIVE) return false;
    if (!tier.inMemory) return tier.store.state === 'stopped';
    const server = serverAt(tier, tier.where[shopper]);
    return !server || server.state === 'dead' || server.instance !== tier.home[shopper];
  }

  /// How many dots each spot holds.
  census(side) {
    const count = new Map();
    const { fate } = this.tiers[side];
    for (let shopper = 0; shopper < fate.length; shopper++) {
      const spot = this.spot(side, shopper);
      if (spot !== null) count.set(spot, (count.get(spot) || 0) + 1);
    }
    return count;
  }

  get shoppers() {
    return Math.max(this.tiers.a.fate.length, this.tiers.b.fate.length);
  }
}

function grow(tier, shopper) {
  while (tier.fate.length <= shopper) {
    tier.fate.push(NOT_YET);
    tier.where.push(0);
    tier.home.push(null);
  }
}

function serverAt(tier, place) {
  return tier.servers.find((server) => server.place === place);
}

function instanceAt(tier, place) {
  const server = serverAt(tier, place);
  return server ? server.instance : null;
}
