// Parts that are loaded when they are first wanted, and given what is there already: so it exists once, whatever address
// the page loaded it from (`clarion.js?v=3`).
import { h, icon } from './element.js';
import { sheet } from './look.js';
import { learn } from './words.js';

const begun = new Map();

/** The module that `load` imports, given its kit. One that could not be loaded is tried again the next time. */
export function part(load) {
  if (!begun.has(load)) {
    begun.set(load, load().then(
      (module) => {
        learn(module.words);
        module.use?.({ h, icon, part, look: sheet(module.css ?? '') });
        return module;
      },
      (error) => {
        begun.delete(load);
        throw error;
      },
    ));
  }
  return begun.get(load);
}
