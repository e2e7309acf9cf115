const grouped = new Intl.NumberFormat('en');
const two = (n) => String(n).padStart(2, '0');

export const none = '\u2013';

export const count = (n) => grouped.format(n);

export function rate(per_second) {
  if (per_second >= 100) return count(Math.round(per_second));
  return per_second.toFixed(per_second >= 10 ? 1 : per_second === 0 ? 0 : 2);
}

export function percent(fraction) {
  const value = fraction * 100;
  if (value === 0) return '0';
  if (value < 0.1) return '<0.1';
  return value >= 99.95 ? '100' : value.toFixed(1);
}

/** Milliseconds as [number, unit]. */
export function duration_parts(ms) {
  if (ms < 10) return [ms.toFixed(2), 'ms'];
  if (ms < 99.95) return [ms.toFixed(1), 'ms'];
  if (ms < 999.5) return [ms.toFixed(0), 'ms'];
  if (ms < 9995) return [(ms / 1e3).toFixed(2), 's'];
  if (ms < 59950) return [(ms / 1e3).toFixed(1), 's'];
  const seconds = Math.round(ms / 1e3);
  if (seconds < 3600) return [`${Math.floor(seconds / 60)}:${two(seconds % 60)}`, 'min'];
  return [`${Math.floor(seconds / 3600)}:${two(Math.floor((seconds % 3600) / 60))}`, 'h'];
}

export const duration = (ms) => duration_parts(ms).join(' ');

/** For what still runs: its digits must not flicker. */
export function elapsed(ms) {
  if (ms < 59950) return `${(ms / 1e3).toFixed(1)} s`;
  return duration(ms);
}

/** For how long a thing has been up, in words that change seldom. */
export function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  let value = n;
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    value /= 1000;
    if (value < 999.5 || unit === 'TB') return `${value.toFixed(value < 9.95 ? 1 : 0)} ${unit}`;
  }
  return none;
}

/** The local time of day of Unix seconds. */
export function clock(seconds, { with_seconds = true, with_milliseconds = false } = {}) {
  const date = new Date(seconds * 1e3);
  let text = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (with_seconds || with_milliseconds) text += `:${two(date.getSeconds())}`;
  if (with_milliseconds) text += `.${String(date.getMilliseconds()).padStart(3, '0')}`;
  return text;
}

export function date_and_clock(seconds) {
  const date = new Date(seconds * 1e3);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clock(seconds, { with_milliseconds: true })}`;
}

export function lost_events(dropped) {
  if (!Number.isFinite(dropped)) return 'an unknown number of events lost here';
  return `${count(dropped)} ${dropped === 1 ? 'event' : 'events'} lost here`;
}
