// <clarion-bell>, <clarion-inbox>, <clarion-preferences>: notifications for any page. See docs/components.md.
// The bell is all that is loaded at once; the rest comes when it is needed.
import { ClarionBell } from './bell.js';
import { ClarionElement } from './element.js';
import { part } from './parts.js';

const INBOX = () => import('./inbox.js');
const PREFERENCES = () => import('./preferences.js');

/** An element whose inside is a module of its own: it is there at once, and filled when that has come. */
class Later extends ClarionElement {
  async connected() {
    const { life, session } = this;
    const loaded = this.view ?? await session.insist(() => part(this.constructor.inside), (error) => {
      this.tell('error', { error });
      this.mark('error', true);
      return !life.aborted;
    });
    if (!loaded || life.aborted) return;
    this.view ??= new loaded.View(this);
    this.view.connected();
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
  static inside = INBOX;
}

class ClarionPreferences extends Later {
  static observedAttributes = [...super.observedAttributes, 'time-zone'];
  static inside = PREFERENCES;
}

for (const [name, element] of Object.entries({
  'clarion-bell': ClarionBell,
  'clarion-inbox': ClarionInbox,
  'clarion-preferences': ClarionPreferences,
})) {
  if (!customElements.get(name)) customElements.define(name, element);
}
