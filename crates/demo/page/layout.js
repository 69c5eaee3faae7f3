// Where everything stands in a tier's picture, in CSS pixels. Pure geometry: no page, no colours.
'use strict';

/// `rem`: pixels of one rem; `places`: the servers' places in order; `inMemory`: sessions are in the servers.
function sceneLayout(width, height, rem, places, inMemory) {
  const gap = Math.max(6, rem * 0.6);
  const pile = { x: 0, width, height: Math.max(rem * 3.3, height * 0.17) };
  pile.y = height - pile.height;
  // Where there is little room the ways are short, and the boxes stay high.
  const way = height < rem * 20 ? rem * 1.2 : rem * 1.9;
  const router = { width: Math.min(width * 0.94, rem * 20), height: rem * 1.8, y: way + rem * 0.3 };
  router.x = (width - router.width) / 2;
  const top = router.y + router.height + way;
  const bottom = pile.y - rem * 0.8;
  const head = rem * 3.1;
  const across = Math.max(1, places.length);
  const each = Math.min((width - gap * (across - 1)) / across, width * 0.5);
  const left = (width - each * across - gap * (across - 1)) / 2;
  const label = Math.min(rem * 9.5, Math.max(width * 0.27, rem * 8.2));
  const servers = new Map();
  places.forEach((place, index) => {
    const box = { x: left + index * (each + gap), y: top, width: each };
    box.height = inMemory ? bottom - top : head + rem * 0.25;
    box.shelf = inset(box, rem * 0.35, head, rem * 0.35);
    servers.set(place, box);
  });
  let store = null;
  if (!inMemory) {
    const y = top + head + way + rem * 0.3;
    store = { x: 0, y, width, height: bottom - y };
    store.shelf = { x: label, y: y + rem * 0.5, width: width - label - rem * 0.6, height: store.height - rem * 0.9 };
  }
  pile.shelf = { x: label, y: pile.y + rem * 0.3, width: width - label - rem * 0.6, height: pile.height - rem * 0.55 };
  return { width, height, rem, door: { x: width / 2, y: rem * 1.3 }, waiting: { x: width / 2 + rem * 5, y: 0, width: rem * 6, height: rem * 2 }, router, servers, store, pile };
}

function inset(box, side, top, bottom) {
  return { x: box.x + side, y: box.y + top, width: Math.max(1, box.width - 2 * side), height: Math.max(1, box.height - top - bottom) };
}

/// Dots stand no closer.
const TIGHTEST = 3;

/// The widest pitch, at most `widest`, at which so many dots fit onto the shelf.
function pitchFor(shelf, count, widest) {
  for (let pitch = widest; pitch > TIGHTEST; pitch -= 0.5) {
    if (capacity(shelf, pitch) >= count) return pitch;
  }
  return TIGHTEST;
}

/// How many places a shelf has at this pitch.
function capacity(shelf, pitch = TIGHTEST) {
  return Math.max(1, Math.floor(shelf.width / pitch)) * Math.max(1, Math.floor(shelf.height / pitch));
}

/// The middle of a slot. Slots fill from the bottom, row by row; those for which there is no room lie over others, and never beyond it.
function slotAt(shelf, pitch, slot) {
  const columns = Math.max(1, Math.floor(shelf.width / pitch));
  const step = shelf.width / columns;
  const place = slot % capacity(shelf, pitch);
  return { x: shelf.x + ((place % columns) + 0.5) * step, y: shelf.y + shelf.height - (Math.floor(place / columns) + 0.5) * pitch };
}

/// Numbered seats: whoever comes gets the lowest free one, so that nobody else has to move.
class Slots {
  constructor() {
    this.taken = [];
  }

  take() {
    let slot = this.taken.indexOf(false);
    if (slot < 0) slot = this.taken.length;
    this.taken[slot] = true;
    return slot;
  }

  release(slot) {
    this.taken[slot] = false;
    while (this.taken.length && !this.taken[this.taken.length - 1]) this.taken.pop();
  }

  get size() {
    return this.taken.length;
  }
}
