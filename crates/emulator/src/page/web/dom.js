// Small helpers for elements. Text is always set as text: names and bodies come from bots.

export const $ = (id) => document.getElementById(id);

/** Makes an element: `el("li", { class: "item", onclick: f }, "text", child)`. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** Sets a text only where it differs, so that screen readers do not say it again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Keeps the children of `parent` in step with `items`: by `key`, made once by `make` and brought up to date by `update`, so that
 * focus and pictures stay where they are.
 */
export function keep(parent, items, key, make, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    let child = known.get(id);
    known.delete(id);
    if (!child) {
      child = make(item);
      child.dataset.key = id;
    }
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of known.values()) child.remove();
}

let hide;
/** Says what went wrong, and what to do. Goes by itself. */
export function notice(text) {
  const line = $("notice");
  line.hidden = !text;
  say(line, text ?? "");
  clearTimeout(hide);
  if (text) hide = setTimeout(() => notice(""), 12_000);
}

/** Does something that may fail, and says so in words. */
export async function attempt(what, work) {
  try {
    return await work();
  } catch (error) {
    notice(`${what}: ${error.message}`);
    return undefined;
  }
}

/** What is remembered between visits; in a browser that forbids it, nothing is. */
export function remember(name, value) {
  try {
    localStorage.setItem(`offhook.${name}`, value);
  } catch { /* nothing is lost but a convenience */ }
}

export function remembered(name) {
  try {
    return localStorage.getItem(`offhook.${name}`) ?? "";
  } catch {
    return "";
  }
}
