// What is asked after the first notification, in English. Every other language has one table for all: locale/.
export default {
  mailToo: 'Do you want to get these by email, too?',
  mailYes: 'Yes, by email',
  mailNo: 'No, only here',
  mailOn: 'They come by email, too. The preferences say which.',
  mailOff: 'They come only here.',
  mailFailed: 'Not saved.',
};
