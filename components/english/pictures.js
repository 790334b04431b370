// What is said in place of rows, in English. Every other language has one table for all: locale/.
export default {
  error_text: 'Nothing is lost. Trying again by itself…',
  offline_text: 'Notifications come back with the connection.',
  empty_inbox: 'All caught up',
  empty_inbox_text: 'What concerns you appears here the moment it happens.',
  empty_unread: 'Nothing unread',
  empty_unread_text: 'You have read everything in your inbox.',
  empty_saved: 'Nothing saved',
  empty_saved_text: 'Save a notification (s) to keep it at hand here.',
  empty_done: 'Nothing done yet',
  empty_done_text: 'Mark a notification as done (e) and it moves here.',
  empty_snoozed: 'Nothing snoozed',
  empty_snoozed_text: 'Snooze a notification (h) and it comes back when you choose.',
};
