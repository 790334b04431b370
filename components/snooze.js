// Sensible times for "later", in the reader's own time zone.

const HOUR = 3_600_000;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function wall(instant, timeZone) {
  const shape = { timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', weekday: 'short' };
  const parts = Object.fromEntries(new Intl.DateTimeFormat('en-US', shape).formatToParts(instant).map(({ type, value }) => [type, value]));
  const [year, month, day, hour] = [parts.year, parts.month, parts.day, parts.hour].map(Number);
  return { year, month, day, hour, weekday: DAYS.indexOf(parts.weekday), utc: Date.UTC(year, month - 1, day, hour, parts.minute, parts.second) };
}

/** The instant at which the clocks of the zone show `hour` o'clock, `days` after the day of `instant`. */
function at(instant, days, hour, zone) {
  const { year, month, day } = wall(instant, zone);
  const wanted = Date.UTC(year, month - 1, day + days, hour);
  let found = wanted;
  for (let i = 0; i < 2; i++) found += wanted - wall(found, zone).utc; // twice: the offset may change between
  return found;
}

/** `[key of its words, instant]`, soonest first. */
export function moments(zone, now = Date.now()) {
  const { hour, weekday } = wall(now, zone);
  const found = [];
  if (hour < 14) found.push(['laterToday', Math.ceil((now + 3 * HOUR) / HOUR) * HOUR]);
  if (hour < 17) found.push(['thisEvening', at(now, 0, 18, zone)]);
  found.push(['tomorrow', at(now, 1, 9, zone)]);
  if (weekday > 0 && weekday < 5) found.push(['weekend', at(now, 6 - weekday, 9, zone)]);
  if (weekday > 0) found.push(['nextWeek', at(now, 8 - weekday, 9, zone)]);
  return found;
}
