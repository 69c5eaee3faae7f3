// The one menu of the page: a list of things to do, by mouse, touch or keyboard.
'use strict';

class Menu {
  constructor(root) {
    this.root = root;
    this.anchor = null;
    root.addEventListener('keydown', (event) => this.key(event));
    document.addEventListener('pointerdown', (event) => {
      if (!root.hidden && !root.contains(event.target) && !(this.anchor && this.anchor.contains(event.target))) this.close();
    });
    window.addEventListener('resize', () => this.close());
  }

  get open() {
    return !this.root.hidden;
  }

  /// `items`: `{ label, hint, run, off, on, danger }`, or a text as a heading.
  show(anchor, items) {
    const again = this.anchor === anchor && this.open;
    this.close();
    if (again) return;
    this.anchor = anchor;
    anchor.setAttribute('aria-expanded', 'true');
    this.root.replaceChildren(...items.map((item) => (typeof item === 'string' ? make('p', { text: item }) : this.entry(item))));
    this.root.hidden = false;
    const box = anchor.getBoundingClientRect();
    const { width, height } = this.root.getBoundingClientRect();
    const left = Math.max(8, Math.min(box.left + box.width / 2 - width / 2, innerWidth - width - 8));
    const below = box.bottom + 6 + height < innerHeight;
    const top = below ? box.bottom + 6 : Math.max(8, Math.min(box.top, innerHeight) - height - 6);
    Object.assign(this.root.style, { left: `${left}px`, top: `${top}px` });
    const first = this.root.querySelector('button:not(:disabled)');
    if (first) first.focus();
  }

  entry({ label, hint, run, off, on, danger }) {
    const choose = () => {
      this.close(true);
      run();
    };
    const checked = on === undefined ? null : String(on);
    return make('button', { type: 'button', role: on === undefined ? 'menuitem' : 'menuitemradio', 'aria-checked': checked, class: danger ? 'danger' : '', disabled: !!off, on: { click: choose } },
      make('b', { text: label }), hint ? make('span', { text: hint }) : null);
  }

  close(refocus = false) {
    if (!this.open) return;
    this.root.hidden = true;
    if (!this.anchor) return;
    this.anchor.setAttribute('aria-expanded', 'false');
    if (refocus && this.anchor.isConnected) this.anchor.focus();
  }

  key(event) {
    const entries = [...this.root.querySelectorAll('button:not(:disabled)')];
    const at = entries.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (event.key === 'Escape' || event.key === 'Tab') this.close(true);
    else if (to !== undefined) entries[(to + entries.length) % entries.length].focus();
    else return;
    if (event.key !== 'Tab') event.preventDefault();
    event.stopPropagation();
  }
}
