// A menu at a button: a popover with one Tab stop, which gives the focus back.
import { h } from './kit.js';
import { place } from './place.js';

/** Opens it. Entries: `{ text, detail, run }`, then other elements; without entries it is a dialog. `back()` takes the focus. */
export function openMenu(root, button, label, entries, others = [], back = () => button.focus()) {
  const items = entries.filter(Boolean).map((entry) => h('button', {
    class: 'item', role: 'menuitem', type: 'button', tabindex: -1,
    onclick: () => {
      menu.hidePopover();
      back();
      entry.run();
    },
  }, h('span', null, entry.text), entry.detail && h('span', { class: 'weak' }, entry.detail)));
  const named = { 'aria-label': label };
  const menu = h('div', { class: 'menu', part: 'menu', popover: 'auto', onkeydown, ontoggle, ...(items.length ? {} : { role: 'dialog', ...named }) },
    items.length > 0 && h('div', { role: 'menu', ...named }, items), others);
  root.append(menu);
  menu.showPopover({ source: button });
  place(menu, button);
  (items[0] ?? others.at(-1)).focus();
  return menu;

  function onkeydown(event) {
    const here = items.indexOf(event.target);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1 + (here < 0), Home: 0, End: -1 }[event.key];
    event.stopPropagation();
    if (event.key === 'Tab' && here >= 0 && !others.length) menu.hidePopover();
    else if (to !== undefined && here >= 0) items.at(to % items.length).focus();
    else return;
    event.preventDefault();
    if (event.key === 'Tab') back();
  }

  function ontoggle({ newState }) {
    if (newState === 'open') return;
    const lost = menu.contains(menu.getRootNode().activeElement) || document.activeElement === document.body;
    menu.remove();
    if (lost) back();
  }
}
