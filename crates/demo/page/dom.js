// Makes elements. Every text goes in as text: a shopper may call himself whatever he likes, and nothing here ever parses HTML.
'use strict';

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class') element.className = value;
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === 'text') element.textContent = value;
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function drawn(tag, attributes = {}) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

/// Sets a text only when it differs, so that nothing is laid out again for nothing.
function say(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

function clockText(at_us) {
  const seconds = Math.max(0, Math.floor(at_us / 1e6));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/// A number for people; what is not known is a dash and never a zero.
function figure(value, digits = 0) {
  if (value === null || value === undefined) return '–';
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

function milliseconds(value) {
  if (value === null || value === undefined) return '–';
  return value >= 1000 ? `${figure(value / 1000, 1)}\u00a0s` : `${figure(value, value < 10 ? 1 : 0)}\u00a0ms`;
}

function plural(count, one, many) {
  return `${figure(count)} ${count === 1 ? one : many}`;
}
