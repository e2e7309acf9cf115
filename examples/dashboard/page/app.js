import { subscribe } from './sse.min.js';
import { Charts, windows } from './charts.js';
import * as format from './format.js';
import { keep, kept } from './keep.js';
import { Metrics } from './metrics.js';
import { Requests } from './requests.js';
import { StreamStats } from './stream.js';
import { Table } from './table.js';

const figure_window = 10; // seconds
const redraw_every = 250; // milliseconds
const window_key = 'sse-dashboard-window';
const stream_key = 'sse-dashboard-stream';

const element = (id) => document.getElementById(id);
const root = document.documentElement;

let metrics = new Metrics();
let requests = new Requests();
let watchers = null;
const stream = new StreamStats();
let started = null; // when the proxy was; ids begin anew with it
let last_id = null;
let dirty = true;

// ---- the server's clock: an event comes late, never early, so the largest difference is the nearest one

const uptime = () => performance.now() / 1e3;
let clock_ahead = Date.now() / 1e3 - uptime();
let clock_known = false;

const server_now = () => uptime() + clock_ahead;

function set_clock(timestamp) {
  const ahead = timestamp - uptime();
  if (!clock_known || ahead > clock_ahead) clock_ahead = ahead;
  clock_known = true;
}

// ---- over a reload

function restore() {
  const known = kept();
  if (!known) return;
  try {
    const restored = { metrics: Metrics.from(known.metrics), requests: Requests.from(known.requests) };
    ({ metrics, requests } = restored);
    ({ started, last_id } = known);
  } catch {} // not what was kept
}

addEventListener('pagehide', () => {
  if (!clock_known) return; // nothing has come yet
  const now = server_now();
  metrics.sees_nothing(now);
  const known = { started, last_id: feed.id, metrics: metrics.save(now) };
  // The tab's storage takes about 5e6 characters: all is well below that, but for very many requests of odd durations.
  for (const most_characters of [3e6, 0]) if (keep({ ...known, requests: requests.save(most_characters) })) break;
});

// ---- events: a connection begins with what was missed, as far as the proxy keeps it; then comes its `state`, then what is new

let joining = false; // nothing of this connection's events has come yet

function on_event(event) {
  const at = Number.isFinite(event.timestamp) ? event.timestamp : server_now();
  const data = event.data ?? {};
  if (event.type === 'connection') clock_known = false;
  set_clock(at);
  if (joining && event.type !== 'connection') {
    joining = false;
    metrics.sees(at);
  }
  switch (event.type) {
    case 'connection':
      begin(event, at);
      break;
    case 'state':
      clearTimeout(later);
      stream.forget(); // what was while there was no connection is no rate of now
      stream.add(data.stats, at);
      if (started !== null && started !== data.started) requests.forget_running('unknown: proxy restarted');
      show_state(data);
      requests.learn(data.running);
      requests.abandon_missing(data.running, requests.running_ids());
      break;
    case 'request_start':
      requests.start(data, at);
      break;
    case 'request_complete':
    case 'request_error': {
      const outcome = requests.finish(event.type, data, at);
      if (outcome) metrics.finished(outcome);
      break;
    }
    case 'watchers':
      if (Number.isFinite(data.count)) watchers = data.count;
      break;
    case 'stats':
      stream.add(data, at);
      break;
    case 'error':
      requests.note(event.json.message, at);
      break;
  }
  dirty = true;
}

function begin({ id, json }, at) {
  const resumes = 'resumed' in json; // the page has said where it was
  if (!resumes || !id) metrics.misses();
  if (!id) metrics.sees(at); // the proxy keeps nothing
  else if (!resumes && id.endsWith('-0')) metrics.sees(Math.floor(parseInt(id) / 1e9) || at); // nothing has happened since it started
  joining = Boolean(id);
  refresh_later(); // should the state not come
}

function lose({ dropped, reset }) {
  // What was lost while there was no connection belongs to that time, not to now.
  const since = metrics.misses();
  const when = Number.isFinite(since) ? since : server_now();
  if (reset) { // ids begin anew
    requests.forget_running('unknown: proxy restarted');
    started = null;
  }
  const missed = joining ? 'the page was away for longer than the proxy keeps events' : 'the page was slower than the events';
  requests.gap(dropped, reset ? 'the proxy was restarted' : missed, when);
  metrics.lost(dropped, when);
  dirty = true;
  if (joining) refresh_later();
  else refresh_after_gap();
}

async function fetch_state() {
  try {
    const answer = await fetch('state', { cache: 'no-store', signal: AbortSignal.timeout(3000) });
    const state = answer.ok ? await answer.json() : null;
    return Array.isArray(state?.running) ? state : null;
  } catch {
    return null;
  }
}

function show_state(state) {
  started = state.started;
  if (Number.isFinite(state.watchers)) watchers = state.watchers;
  element('upstream').textContent = state.upstream ?? '';
  document.title = `Requests to ${state.upstream ?? ''}`;
  dirty = true;
}

/** Resolves to whether the proxy that the page knows has answered. */
async function refresh() {
  const before = requests.running_ids();
  const state = await fetch_state();
  if (!state || (started !== null && started !== state.started)) return false;
  show_state(state);
  requests.learn(state.running);
  requests.abandon_missing(state.running, before);
  return true;
}

let refreshing = false;
let refresh_again = false;

/** After a gap: a request whose end was lost would otherwise run for ever. */
async function refresh_after_gap() {
  refresh_again = true;
  if (refreshing) return;
  refreshing = true;
  while (refresh_again) {
    refresh_again = false;
    if (!(await refresh())) refresh_later();
    await new Promise((resolve) => setTimeout(resolve, 500)); // gaps come in swarms
  }
  refreshing = false;
}

let later = null;

function refresh_later() {
  clearTimeout(later);
  later = setTimeout(() => feed.state === 'live' && refresh_after_gap(), 5000);
}

// ---- connection

let announced = '';

let reason = '';

function on_state(name, why) {
  // An attempt that follows a failed one is no news: the connection is lost till it is there again.
  const state = name === 'live' || (name === 'connecting' && root.dataset.state !== 'lost' && root.dataset.state !== 'live') ? name : 'lost';
  if (state === 'lost' && root.dataset.state === 'live') metrics.sees_nothing(server_now());
  root.dataset.state = state;
  reason = why ?? '';
  // Said once for each change: a countdown read aloud would drown all else.
  const said = { connecting: '', live: 'Connected.', lost: 'Connection lost. Trying again.' }[state];
  if (said !== announced) element('announcement').textContent = announced = said;
  let text = { connecting: 'connecting\u2026', live: 'live', lost: 'lost' }[state];
  if (state === 'lost') text += (reason && `: ${reason}`) + (name === 'connecting' ? ' \u00b7 trying\u2026' : '');
  write(element('connection-text'), text);
  element('retry').hidden = state !== 'lost' || name === 'connecting';
  dirty = true;
}

// ---- drawing

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

const charts = new Charts({ rate: element('chart-rate'), latency: element('chart-latency'), errors: element('chart-errors') });
const table = new Table({
  scroller: element('scroller'),
  table: element('table'),
  body: element('rows'),
  detail: element('detail'),
  detail_list: element('detail-list'),
  on_change: () => schedule(),
});
let chart_window = 60;
let charts_of = null; // the second and the state that the charts show
let changes_at_pause = 0;

function draw_figures(now) {
  const live = feed.state === 'live';
  const figures = live ? metrics.current(now, figure_window) : {};
  const shown = (id, value, text) => {
    const target = element(id);
    write(target, text);
    target.dataset.value = value ?? '';
  };
  const latency = (id, value) => {
    const [text, unit] = value === null || value === undefined ? [format.none, ''] : format.duration_parts(value);
    shown(id, value, text);
    write(element(`${id}-unit`), unit);
  };
  shown('rate', figures.rate, live ? format.rate(figures.rate) : format.none);
  latency('p50', figures.p50);
  latency('p99', figures.p99);
  const errors = figures.error_rate ?? null;
  shown('error-rate', errors, errors === null ? format.none : format.percent(errors));
  element('error-rate-figure').classList.toggle('bad', errors > 0);
  shown('running', live ? requests.running : null, live ? format.count(requests.running) : format.none);
  shown('watchers', live ? watchers : null, live && watchers !== null ? format.count(watchers) : format.none);
  shown('overflow', requests.lost, format.count(requests.lost));
  element('overflow-figure').classList.toggle('warn', requests.gaps > 0);
  write(element('uptime'), live && started !== null ? `up ${format.age(now - started)}` : '');
}

function draw_stream() {
  const shown = feed.state === 'live' ? stream.shown() : null;
  write(element('stream-line'), shown ? shown.line : format.none);
  if (!shown || !element('stream').open) return;
  const list = element('stream-list');
  shown.entries.forEach((texts, i) => {
    const entry = list.children[i] ?? list.appendChild(document.createElement('div'));
    if (!entry.children.length)
      entry.append(document.createElement('dt'), document.createElement('dd'), Object.assign(document.createElement('dd'), { className: 'remark' }));
    texts.forEach((text, part) => write(entry.children[part], text));
  });
}

function draw_table(now) {
  table.render(requests.rows, now);
  const total = table.paused ? table.frozen_rows : requests.rows.length;
  write(element('count'), table.filter.active ? `${format.count(table.shown)} of ${format.count(total)}` : format.count(total));
  element('clear').hidden = !table.filter.active;

  const empty = element('empty');
  empty.hidden = table.shown > 0;
  if (table.shown === 0) {
    const why = total > 0 ? 'No request matches the filter.'
      : feed.state === 'live' ? 'Waiting for the first request.' : 'Not connected yet.';
    write(empty, why);
  }
  const above = table.above;
  const newer = element('newer');
  newer.hidden = above === 0;
  if (above > 0) write(newer, `\u2191 ${format.count(above)} newer`);

  const pause = element('pause');
  const held = requests.changes - changes_at_pause;
  pause.setAttribute('aria-pressed', String(table.paused));
  write(pause, table.paused ? `Resume (${format.count(held)} waiting)` : 'Pause');
}

function draw() {
  const now = server_now();
  draw_figures(now);
  draw_stream();
  draw_table(now);
  const second = `${Math.floor(now)} ${chart_window} ${root.dataset.theme}`;
  if (second !== charts_of) {
    charts_of = second;
    charts.show(metrics, now, chart_window);
  }
  dirty = false;
}

let frame = null;

function schedule() {
  if (document.hidden) dirty = true;
  else frame ??= requestAnimationFrame(() => { frame = null; draw(); });
}

let ticking = null;
let last_second = null;

// A hidden page draws nothing; events still come in and are counted.
function tick() {
  const second = Math.floor(server_now());
  if (dirty || requests.running > 0 || second !== last_second) schedule();
  last_second = second;
}

function tick_while_visible() {
  clearInterval(ticking);
  if (document.hidden) return;
  ticking = setInterval(tick, redraw_every);
  schedule();
}

document.addEventListener('visibilitychange', tick_while_visible);

// ---- controls

function choose_window(seconds) {
  chart_window = seconds in windows ? Number(seconds) : 60;
  for (const input of document.getElementsByName('window')) input.checked = Number(input.value) === chart_window;
  try {
    localStorage.setItem(window_key, String(chart_window));
  } catch {}
  schedule();
}

function toggle_pause() {
  if (table.paused) table.resume(requests.rows);
  else table.pause(requests.rows, server_now());
  changes_at_pause = requests.changes;
  schedule();
}

function read_filter() {
  table.filter.text = element('filter').value;
  table.filter.status = element('filter-status').value;
  table.filter.only_errors = element('only-errors').checked;
  const slower_than = element('slower-than').valueAsNumber;
  table.filter.slower_than = Number.isFinite(slower_than) ? slower_than : null;
  table.to_newest();
}

function clear_filter() {
  element('filter').value = '';
  element('filter-status').value = '';
  element('only-errors').checked = false;
  element('slower-than').value = '';
  read_filter();
}

/** Open where there is room for it, until the user has said otherwise. */
function open_stream() {
  let chosen = null;
  try {
    chosen = localStorage.getItem(stream_key);
  } catch {}
  const panel = element('stream');
  panel.open = chosen === null ? matchMedia('(min-width: 60rem) and (min-height: 42rem)').matches : chosen === 'open';
  panel.querySelector('summary').addEventListener('click', () => {
    try {
      localStorage.setItem(stream_key, panel.open ? 'closed' : 'open'); // it is about to change
    } catch {}
  });
  panel.addEventListener('toggle', schedule);
}

function show_theme() {
  element('theme').textContent = root.dataset.theme === 'dark' ? 'Light' : 'Dark';
  element('theme').setAttribute('aria-label', `Use the ${root.dataset.theme === 'dark' ? 'light' : 'dark'} theme`);
  charts.dress();
  schedule();
}

for (const input of document.getElementsByName('window')) input.addEventListener('change', () => choose_window(input.value));
for (const id of ['filter', 'filter-status', 'only-errors', 'slower-than']) element(id).addEventListener('input', read_filter);
element('clear').addEventListener('click', () => { clear_filter(); element('filter').focus(); });
element('pause').addEventListener('click', toggle_pause);
element('theme').addEventListener('click', () => window.toggle_theme());
element('retry').addEventListener('click', () => feed.reconnect());
element('newer').addEventListener('click', () => table.to_newest());
element('detail-close').addEventListener('click', () => { table.close(); table.focus(); });
element('help-button').addEventListener('click', () => element('help').showModal());
element('help-close').addEventListener('click', () => element('help').close());
element('help').addEventListener('click', (event) => event.target === element('help') && element('help').close());
root.addEventListener('themechange', show_theme);

let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === width) return; // a phone's bars come and go
  width = innerWidth;
  table.measure();
  charts.dress();
  charts_of = null;
  schedule();
});

function escape() {
  const filter = element('filter');
  if (table.close()) return;
  if (document.activeElement === filter) {
    if (filter.value) {
      filter.value = '';
      read_filter();
    } else {
      filter.blur();
    }
    return;
  }
  if (table.leave()) return;
  if (table.filter.active) clear_filter();
  else table.to_newest();
}

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || element('help').open) return;
  const target = event.target;
  const takes_arrows = target.matches('select, input[type=radio], input[type=number]');
  const takes_text = target.matches('input:not([type=radio], [type=checkbox]), select, textarea');
  const move = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
  if (event.key === 'Escape') {
    escape();
  } else if (target.id === 'filter' && (event.key === 'Enter' || event.key === 'ArrowDown')) {
    table.focus();
    table.move(1);
  } else if (move && !takes_text && !takes_arrows) {
    table.focus();
    table.move(move);
  } else if (takes_text) {
    return;
  } else if (event.key === '/') {
    element('filter').focus();
    element('filter').select();
  } else if (event.key === 'p') {
    toggle_pause();
  } else if (event.key === '?') {
    element('help').showModal();
  } else {
    return;
  }
  event.preventDefault();
});

window.dashboard = Object.freeze({
  stats: () => ({
    completed: requests.completed,
    errors: requests.errors,
    overflow_dropped: requests.lost,
    running: requests.running,
    rows: requests.rows.length,
    watchers,
  }),
  series: (seconds, step) => metrics.series(server_now(), seconds, step),
});

restore();
try {
  choose_window(localStorage.getItem(window_key) ?? 60);
} catch {
  choose_window(60);
}
show_theme();
open_stream();
const feed = subscribe('events', { since: last_id ?? 'earliest', event: on_event, gap: lose, state: on_state });
tick_while_visible();
