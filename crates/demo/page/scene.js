// One tier's moving picture: sessions as dots where they are kept, requests on their way, the lost ones in a pile below. It draws what
// the model says and decides nothing. The boxes around it are elements of the page (tier.js): they can be focused and read aloud.
'use strict';

const HUES = 24;
const REQUEST_MS = 750;
/// Requests that are drawn a tick, at most: beyond that each one stands for several.
const DRAWN_A_TICK = 9;

class Scene {
  constructor(side, canvas) {
    this.side = side;
    this.canvas = canvas;
    this.front = canvas.getContext('2d');
    this.ground = document.createElement('canvas');
    this.pen = this.front;
    this.crowd = new Crowd(side);
    this.requests = [];
    this.layout = null;
    this.model = null;
    this.mine = null;
    this.pitch = 12;
    this.stale = true;
    this.groundStale = true;
    this.still = false;
  }

  /// Colours come from the style sheet, so that dark and light are decided in one place.
  recolour() {
    const style = getComputedStyle(this.canvas);
    const read = (name) => style.getPropertyValue(name).trim();
    this.colours = { line: read('--edge'), request: read('--tier'), bad: read('--bad'), ink: read('--ink'), paper: read('--card'), me: read('--me') };
    this.lightness = read('--dot-lightness') || '50%';
    this.sprites = new Map();
    this.touch();
  }

  /// What rests has changed: it is drawn anew with the next frame.
  touch() {
    this.stale = this.groundStale = true;
  }

  resize(layout) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.canvas.width = this.ground.width = Math.round(layout.width * ratio);
    this.canvas.height = this.ground.height = Math.round(layout.height * ratio);
    this.ratio = ratio;
    this.layout = layout;
    this.sprites = new Map();
    this.touch();
  }

  /// How wide a dot may be here; the narrower side decides for both, so that a shopper is as large here as there.
  widestPitch() {
    return this.crowd.widestPitch(this.model, this.layout);
  }

  /// Brings every dot to where the model has it. With `jump` at once, as after a rewind.
  show(model, now, jump) {
    this.model = model;
    if (!this.layout) return;
    if (jump) this.requests = [];
    const tier = model.tiers[this.side];
    const edges = tier.servers.map((server) => server.state).join() + (tier.store ? tier.store.state : '');
    if (edges !== this.edges) this.touch();
    this.edges = edges;
    if (this.crowd.show(model, this.layout, { pitch: this.pitch, now, jump, still: this.still })) this.touch();
  }

  /// A tick's answers become requests on their way, spread over the time until the next one.
  flow({ flow, errors }, now) {
    if (this.still || !this.layout) return;
    const tier = this.model.tiers[this.side];
    const total = Object.values(flow).reduce((sum, answered) => sum + answered, 0);
    const share = Math.min(1, DRAWN_A_TICK / Math.max(1, total));
    for (const [place, answered] of Object.entries(flow)) {
      const box = this.layout.servers.get(Number(place));
      if (!box) continue;
      for (let n = Math.floor(answered * share + Math.random()); n > 0; n--) {
        const aside = (Math.random() - 0.5) * this.layout.rem * 0.9;
        const x = box.x + box.width / 2 + aside;
        const path = [shifted(this.layout.door, aside), shifted(routerMiddle(this.layout), aside), { x, y: box.y }];
        const { store } = this.layout;
        if (store) path.push({ x, y: box.y + box.height }, { x, y: store.y });
        this.requests.push({ path, start: now + Math.random() * 200, lasts: store ? REQUEST_MS * 1.3 : REQUEST_MS, bad: false });
      }
    }
    const stopped = tier.store && tier.store.state !== 'up';
    for (let n = Math.min(errors, 4); n > 0; n--) {
      const boxes = [...this.layout.servers.values()];
      const box = boxes[Math.floor(Math.random() * boxes.length)];
      const path = [this.layout.door, routerMiddle(this.layout)];
      if (stopped && box) path.push({ x: box.x + box.width / 2, y: box.y });
      this.requests.push({ path, start: now + Math.random() * 200, lasts: REQUEST_MS, bad: true });
    }
    if (this.requests.length > 160) this.requests.splice(0, this.requests.length - 160);
  }

  /// Whether another frame is needed.
  get busy() {
    return this.stale || this.requests.length > 0;
  }

  draw(now) {
    if (!this.layout || !this.model) return;
    this.stale = false;
    const resting = (dot) => dot.how === 'rest' && !this.ringed(dot, now);
    if (this.groundStale) {
      this.groundStale = false;
      this.begin(this.ground.getContext('2d'));
      this.drawEdges();
      for (const { x, y, size } of this.crowd.crosses) this.stamp('lost', 0, size, x, y);
      this.crowd.dots.forEach((dot, shopper) => resting(dot) && this.drawDot(dot, shopper, now));
    }
    this.begin(this.front);
    this.pen.drawImage(this.ground, 0, 0, this.layout.width, this.layout.height);
    this.drawRequests(now);
    this.crowd.dots.forEach((dot, shopper) => resting(dot) || this.drawDot(dot, shopper, now));
    const dot = (shopper) => (shopper === null ? null : this.crowd.dots[shopper]);
    for (const { shopper, name } of this.model.guests) if (shopper !== this.mine && dot(shopper)) this.flag(dot(shopper), clipped(name));
    if (dot(this.mine)) this.flag(dot(this.mine), 'you');
  }

  /// All drawing goes to this pen from now on: to the ground, which is kept between frames, or to the front.
  begin(pen) {
    this.pen = pen;
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.layout.width, this.layout.height);
  }

  /// Where nothing may move, a ring says for a moment which dots have.
  ringed(dot, now) {
    return this.still && now - dot.moved < 1500;
  }

  drawEdges() {
    const { pen, layout } = this;
    const tier = this.model.tiers[this.side];
    const router = routerMiddle(layout);
    pen.lineWidth = Math.max(1.5, layout.rem * 0.11);
    pen.strokeStyle = this.colours.line;
    pen.beginPath();
    pen.moveTo(layout.door.x, layout.door.y);
    pen.lineTo(router.x, layout.router.y);
    pen.stroke();
    for (const server of tier.servers) {
      const box = layout.servers.get(server.place);
      if (!box || server.state === 'dead' || server.state === 'down') continue;
      const x = box.x + box.width / 2;
      pen.setLineDash(server.state === 'up' ? [] : [layout.rem * 0.25, layout.rem * 0.3]);
      pen.beginPath();
      pen.moveTo(router.x, layout.router.y + layout.router.height);
      pen.lineTo(x, box.y);
      if (layout.store && tier.store.state !== 'stopped') {
        pen.moveTo(x, box.y + box.height);
        pen.lineTo(x, layout.store.y);
      }
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  drawRequests(now) {
    const { pen, layout } = this;
    const size = layout.rem * 0.2;
    this.requests = this.requests.filter((request) => now < request.start + request.lasts);
    for (const { path, start, lasts, bad } of this.requests) {
      const share = (now - start) / lasts;
      if (share < 0) continue;
      const at = along(path, share);
      if (inside(at, layout)) continue;
      pen.globalAlpha = bad ? 1 : Math.min(0.85, 4 * (1 - share));
      pen.fillStyle = bad ? this.colours.bad : this.colours.request;
      pen.beginPath();
      if (bad && share > 0.8) cross(pen, at, size * 1.6, this.colours.bad);
      else pen.arc(at.x, at.y, bad ? size * 1.2 : size, 0, 7), pen.fill();
    }
    pen.globalAlpha = 1;
  }

  drawDot(dot, shopper, now) {
    const share = dot.how === 'rest' ? 1 : Math.min(1, Math.max(0, (now - dot.start) / dot.lasts));
    if (dot.how !== 'rest') {
      const lift = dot.how === 'move' ? Math.sin(share * Math.PI) * this.layout.rem * 2.2 : 0;
      const across = dot.how === 'fall' ? share : ease(share);
      const down = dot.how === 'fall' ? drop(share) : ease(share);
      dot.x = dot.fromX + (dot.toX - dot.fromX) * across;
      dot.y = dot.fromY + (dot.toY - dot.fromY) * down - lift;
      dot.opacity = dot.how === 'leave' ? 1 - share : 1;
      if (share >= 1) dot.how = 'rest', this.touch();
      else this.stale = true;
    }
    if (dot.opacity <= 0) return;
    const kind = dot.spot === 'pile' ? 'lost' : dot.spot === 'door' || dot.doubt ? 'doubt' : 'alive';
    const size = dot.size || this.pitch;
    this.pen.globalAlpha = dot.opacity;
    this.stamp(kind, shopper, size, dot.x, dot.y);
    const ringed = this.ringed(dot, now);
    if (dot.how === 'move' || ringed) this.ring(dot, size * 0.62, this.colours.ink);
    if (ringed) this.touch();
    this.pen.globalAlpha = 1;
  }

  ring({ x, y }, radius, colour) {
    const { pen } = this;
    pen.strokeStyle = colour;
    pen.lineWidth = Math.max(1.5, radius * 0.3);
    pen.beginPath();
    pen.arc(x, y, radius, 0, 7);
    pen.stroke();
  }

  /// A visitor's dot: ringed, with a flag that can be read from afar.
  flag(dot, text) {
    if (dot.opacity <= 0) return;
    const { pen, layout } = this;
    const size = dot.size || this.pitch;
    const lost = dot.spot === 'pile';
    this.ring(dot, Math.max(size * 0.75, layout.rem * 0.45), lost ? this.colours.bad : this.colours.me);
    pen.font = `700 ${Math.round(layout.rem)}px system-ui, sans-serif`;
    const width = pen.measureText(text).width + layout.rem * 0.6;
    const height = layout.rem * 1.3;
    const x = Math.min(Math.max(0, dot.x - width / 2), layout.width - width);
    const y = dot.y - Math.max(size, layout.rem * 0.5) - height - 2;
    pen.fillStyle = lost ? this.colours.bad : this.colours.me;
    pen.fillRect(x, y, width, height);
    pen.fillStyle = this.colours.paper;
    pen.textBaseline = 'middle';
    pen.fillText(text, x + layout.rem * 0.3, y + height / 2 + 1);
  }

  /// Draws a dot from a small picture that is kept: hundreds of arcs a frame would cost a weak laptop its calm.
  stamp(kind, shopper, size, x, y) {
    const hue = kind === 'lost' ? -1 : shopper % HUES;
    const key = `${kind}${hue}:${size}`;
    let sprite = this.sprites.get(key);
    if (!sprite) this.sprites.set(key, (sprite = this.sprite(kind, hue, size)));
    this.pen.drawImage(sprite, x - sprite.side / 2, y - sprite.side / 2, sprite.side, sprite.side);
  }

  sprite(kind, hue, size) {
    const sprite = document.createElement('canvas');
    sprite.side = Math.ceil(size + 4);
    sprite.width = sprite.height = sprite.side * this.ratio;
    const pen = sprite.getContext('2d');
    pen.scale(this.ratio, this.ratio);
    const middle = sprite.side / 2;
    const radius = size * 0.41;
    const colour = hue < 0 ? this.colours.bad : `hsl(${dotHue(hue)} 68% ${this.lightness})`;
    pen.beginPath();
    if (kind === 'lost') {
      cross(pen, { x: middle, y: middle }, radius * 0.8, colour, Math.max(1.6, size * 0.19));
      return sprite;
    }
    pen.arc(middle, middle, kind === 'doubt' ? radius * 0.8 : radius, 0, 7);
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = Math.max(1.4, size * 0.16);
    if (kind === 'doubt') pen.stroke();
    else pen.fill();
    return sprite;
  }
}

/// Red is kept for what is lost: the shoppers' colours leave it out.
function dotHue(index) {
  return 35 + ((index * 137.508) % 290);
}

function routerMiddle({ router }) {
  return { x: router.x + router.width / 2, y: router.y + router.height / 2 };
}

/// Behind the router and behind a server a request is not seen: names and figures stay readable.
function inside({ y }, { router, servers }) {
  if (y > router.y && y < router.y + router.height) return true;
  for (const box of servers.values()) return y > box.y + 2 && y < box.y + box.height - 2;
  return false;
}

function shifted({ x, y }, aside) {
  return { x: x + aside, y };
}

function along(path, share) {
  const legs = path.length - 1;
  const leg = Math.min(legs - 1, Math.floor(share * legs));
  const part = share * legs - leg;
  const from = path[leg], to = path[leg + 1];
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

function cross(pen, { x, y }, radius, colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width || Math.max(1.5, radius * 0.45);
  pen.lineCap = 'round';
  pen.beginPath();
  pen.moveTo(x - radius, y - radius);
  pen.lineTo(x + radius, y + radius);
  pen.moveTo(x + radius, y - radius);
  pen.lineTo(x - radius, y + radius);
  pen.stroke();
}

function ease(share) {
  return share < 0.5 ? 2 * share * share : 1 - 2 * (1 - share) * (1 - share);
}

/// A fall with one small bounce.
function drop(share) {
  if (share < 0.8) return (share / 0.8) ** 2;
  const part = (share - 0.8) / 0.2;
  return 1 - 0.06 * 4 * part * (1 - part);
}

/// A name that fits onto a flag.
function clipped(name) {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name;
}
