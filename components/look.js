// Design tokens, and what all elements look like. Hosts set the `--clarion-…` properties; see docs/components.md.

import css from './base.css';

export function sheet(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

export const base = sheet(css);
