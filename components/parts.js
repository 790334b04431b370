// Parts that are loaded when they are first wanted, and given what is there already: so it exists once, whatever address
// the page loaded it from (`clarion.js?v=3`).
import { h, icon } from './element.js';
import { sheet } from './look.js';
import { learn, learnDeeds } from './words.js';

const begun = new Map();

/**
 * The module that `load` imports, given its kit; with `deeds`, and what the languages say of deeds. One that could not be
 * loaded is tried again the next time.
 */
export function part(load, deeds) {
  if (!begun.has(load)) {
    begun.set(load, Promise.all([load(), deeds && learnDeeds()]).then(
      ([module]) => {
        learn(module.english);
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
