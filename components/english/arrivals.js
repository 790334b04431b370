// What toasts say, in English. Every other language has one table for all: locale/.
export default {
  close: 'Close',
};
