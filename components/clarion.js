// <clarion-bell>, <clarion-inbox>, <clarion-preferences>: notifications for any page. See docs/components.md.
// The bell is all that is loaded at once; the rest comes when it is needed.
import { ClarionBell } from './bell.js';
import { ClarionElement, h, icon } from './element.js';
import { sheet } from './look.js';

const KIT = { h, icon, sheet };

/** An element whose inside is a module of its own: it is there at once, and filled when that has come. */
class Later extends ClarionElement {
  static local = true;

  connected() {
    this.constructor.begun ??= this.constructor.load();
    this.constructor.begun.then(
      ({ View, use }) => {
        if (!this.life) return;
        use(KIT);
        this.view ??= new View(this);
        this.view.connected(this.life);
      },
      (error) => {
        this.constructor.begun = null;
        this.tell('error', { error });
      },
    );
  }

  disconnected() {
    this.view?.disconnected();
  }
}

for (const name of ['joined', 'loaded', 'forgotten', 'took', 'spoken', 'changed']) {
  Later.prototype[name] = function (...told) {
    this.view?.[name]?.(...told);
  };
}

class ClarionInbox extends Later {
  static observedAttributes = [...super.observedAttributes, 'view', 'thread', 'subject', 'keys', 'time-zone'];
  static load = () => import('./inbox.js');
}

class ClarionPreferences extends Later {
  static observedAttributes = [...super.observedAttributes, 'time-zone'];
  static load = () => import('./preferences.js');
}

for (const [name, element] of Object.entries({
  'clarion-bell': ClarionBell,
  'clarion-inbox': ClarionInbox,
  'clarion-preferences': ClarionPreferences,
})) {
  if (!customElements.get(name)) customElements.define(name, element);
}
