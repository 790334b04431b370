// What search and filters say, in English. Every other language has one table for all: locale/.
export default {
  search: 'Search notifications',
  group: 'Group by thread',
  severity: 'Severity',
  category: 'Category',
  anySeverity: 'Any severity',
  anyCategory: 'Any category',
  atLeast: '{severity} and above',
  filtered: 'Nothing found',
  filtered_text: 'No notification matches these filters.',
  unfilter: 'Clear filters',
};
