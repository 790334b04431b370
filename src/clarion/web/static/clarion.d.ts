/** What Clarion's elements take and tell. See docs/components.md. */

export type Severity = 'info' | 'warning' | 'action' | 'urgent';
export type InboxView = 'inbox' | 'unread' | 'saved' | 'done' | 'snoozed';

export interface ClarionItem {
  readonly id: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly category: string;
    readonly actor: string | null;
    readonly subject: string | null;
    readonly thread: string | null;
    readonly tags: readonly string[];
  };
  readonly title: string;
  readonly text: string;
  readonly url: string | null;
  readonly reason: string;
  readonly severity: Severity;
  /** RFC 3339, UTC, as are all times. */
  readonly at: string;
  readonly seen_at: string | null;
  readonly read_at: string | null;
  readonly done_at: string | null;
  readonly saved_at: string | null;
  readonly snoozed_until: string | null;
  readonly resolved_at: string | null;
  readonly place: string;
}

export type ClarionCounts = Readonly<Record<'unseen' | 'unread' | 'saved' | 'snoozed' | 'done' | 'inbox', number>>;

export interface ClarionProblem extends Error {
  /** The HTTP status; 0 when the server was not reached. */
  readonly status: number;
}

export interface ClarionElement extends HTMLElement {
  /** Answers a token. Asked again at 80 % of its life, and after a 401. */
  getToken: (() => string | Promise<string>) | null;
}

export interface ClarionBell extends ClarionElement {
  readonly open: boolean;
  show(): void;
  hide(): void;
}

export interface ClarionInbox extends ClarionElement {}
export interface ClarionPreferences extends ClarionElement {}

export interface ClarionEvents {
  /** Cancelable: prevent it to go there yourself. */
  'clarion:open': CustomEvent<{ item: ClarionItem; url: string | null }>;
  'clarion:count': CustomEvent<ClarionCounts>;
  'clarion:error': CustomEvent<{ error: ClarionProblem | Error }>;
  'clarion:shown': CustomEvent<undefined>;
  'clarion:hidden': CustomEvent<undefined>;
}

declare global {
  interface HTMLElementTagNameMap {
    'clarion-bell': ClarionBell;
    'clarion-inbox': ClarionInbox;
    'clarion-preferences': ClarionPreferences;
  }
  interface GlobalEventHandlersEventMap extends ClarionEvents {}
}
