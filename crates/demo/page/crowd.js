// Who stands where in one tier's picture, and who is on the way: a dot for every shopper's session, and a cross for every session that
// was lost. A shopper who has lost one and logs in again has a new one: the dot enters anew, and the cross stays in the pile.
'use strict';

const MOVE_MS = 900, FALL_MS = 1000, ENTER_MS = 600, SHIFT_MS = 350;
/// Dots that set out together do not arrive together.
const STRAGGLE_MS = 180;

class Crowd {
  constructor(side) {
    this.side = side;
    this.clear();
  }

  clear() {
    this.dots = [];
    this.slots = new Map();
    /// Lost sessions whose shoppers have gone on.
    this.crosses = [];
    /// Those for which there is no room: the number tells of them.
    this.unseen = 0;
  }

  slotsOf(spot) {
    if (!this.slots.has(spot)) this.slots.set(spot, new Slots());
    return this.slots.get(spot);
  }

  shelf(spot, layout) {
    if (spot === 'store') return layout.store && layout.store.shelf;
    if (spot === 'pile') return layout.pile.shelf;
    if (spot === 'door') return layout.waiting;
    const box = layout.servers.get(spot);
    return box ? box.shelf : null;
  }

  widestPitch(model, layout) {
    const tier = model.tiers[this.side];
    let pitch = layout.rem * 0.95;
    if (layout.store) return pitchFor(layout.store.shelf, Math.max(model.planned, this.slotsOf('store').size), pitch);
    const share = Math.ceil(model.planned / Math.max(1, tier.servers.length));
    for (const [place, box] of layout.servers) pitch = Math.min(pitch, pitchFor(box.shelf, Math.max(share, this.slotsOf(place).size), pitch));
    return pitch;
  }

  /// Brings everybody to where the model has them. Answers whether anything that rests looks different now.
  show(model, layout, how) {
    if (how.jump) this.clear();
    let changed = how.jump;
    const tier = model.tiers[this.side];
    const leaving = [];
    for (let shopper = 0; shopper < tier.fate.length; shopper++) {
      const spot = model.spot(this.side, shopper);
      const dot = this.dots[shopper] || (this.dots[shopper] = { spot: null, slot: 0, x: 0, y: 0, start: 0, lasts: 0, how: 'rest', opacity: 0, moved: -1e9 });
      const doubt = model.inDoubt(this.side, shopper);
      changed = changed || doubt !== dot.doubt || spot !== dot.spot;
      dot.doubt = doubt;
      if (spot === dot.spot) continue;
      if (dot.spot === 'pile') leaving.push([dot, spot]);
      else this.send(dot, spot, layout, how);
    }
    this.leavePile(leaving, tier.counters.lost || 0, layout, how);
    return this.settle(layout, how) || changed;
  }

  /// Some of those who leave the pile were only mistaken for lost: as many as the judge no longer counts. The others leave a cross there.
  leavePile(leaving, lost, layout, how) {
    const room = capacity(layout.pile.shelf);
    const piled = () => this.crosses.length + this.unseen + this.dots.filter((dot) => dot.spot === 'pile').length;
    let back = Math.max(0, piled() - lost);
    for (const [dot, spot] of leaving) {
      if (back > 0) back--;
      else if (this.crosses.length >= room) this.unseen++;
      else {
        this.crosses.push({ slot: dot.slot, x: dot.x, y: dot.y, size: dot.size });
        Object.assign(dot, { spot: null, opacity: 0 });
      }
      this.send(dot, spot, layout, how);
    }
    let more = lost - piled();
    for (; more < 0 && this.unseen; more++) this.unseen--;
    for (; more < 0 && this.crosses.length; more++) this.slotsOf('pile').release(this.crosses.pop().slot);
    for (; more > 0 && this.crosses.length < room; more--) this.crosses.push({ slot: this.slotsOf('pile').take(), x: 0, y: 0, size: how.pitch });
    this.unseen += Math.max(0, more);
  }

  send(dot, spot, layout, { now, jump, still }) {
    const from = dot.spot;
    if (from !== null) this.slotsOf(from).release(dot.slot);
    dot.spot = spot;
    dot.moved = from === null || jump ? -1e9 : now;
    dot.aimed = false;
    if (spot !== null) dot.slot = this.slotsOf(spot).take();
    if (jump || still || (from === null && spot === null)) {
      Object.assign(dot, { how: 'rest', opacity: spot === null ? 0 : 1 });
      return;
    }
    if (from === null) Object.assign(dot, { ...layout.door, opacity: 1 });
    dot.how = spot === null ? 'leave' : spot === 'pile' ? 'fall' : from === null ? 'enter' : 'move';
    dot.fromX = dot.x;
    dot.fromY = dot.y;
    dot.lasts = { leave: ENTER_MS, fall: FALL_MS, enter: ENTER_MS, move: MOVE_MS }[dot.how];
    dot.start = now + Math.random() * STRAGGLE_MS;
  }

  /// Gives everybody the place of their slot, which may have moved with the boxes or with the pitch. Answers whether any has.
  settle(layout, { pitch, now, jump, still }) {
    const pitches = new Map();
    for (const [spot, slots] of this.slots) {
      const shelf = this.shelf(spot, layout);
      if (shelf) pitches.set(spot, pitchFor(shelf, slots.size, pitch));
    }
    let changed = false;
    for (const cross of this.crosses) {
      const size = pitches.get('pile');
      const { x, y } = slotAt(layout.pile.shelf, size, cross.slot);
      changed = changed || cross.x !== x || cross.y !== y || cross.size !== size;
      Object.assign(cross, { x, y, size });
    }
    for (const dot of this.dots) {
      if (dot.spot === null) {
        if (!dot.aimed) Object.assign(dot, { toX: dot.x, toY: dot.y - layout.rem * 3, aimed: true });
        continue;
      }
      const shelf = this.shelf(dot.spot, layout);
      if (!shelf) continue;
      const size = pitches.get(dot.spot);
      const to = slotAt(shelf, size, dot.slot);
      const elsewhere = !dot.aimed || dot.size !== size || Math.abs(to.x - dot.toX) > 0.5 || Math.abs(to.y - dot.toY) > 0.5;
      if (!elsewhere) continue;
      changed = true;
      Object.assign(dot, { size, toX: to.x, toY: to.y, aimed: true });
      if (jump || still) Object.assign(dot, { x: to.x, y: to.y, how: 'rest' });
      else if (dot.how === 'rest') Object.assign(dot, { how: 'shift', fromX: dot.x, fromY: dot.y, start: now, lasts: SHIFT_MS });
    }
    return changed;
  }
}
