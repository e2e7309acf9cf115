import * as format from './format.js';
import { Filter, time_of } from './requests.js';

const spare_rows = 6; // rendered past the edges, so that scrolling meets no blank

/** The rows in view, and no more: a row that is not in view is not in the document. */
export class Table {
  constructor({ scroller, table, body, detail, detail_list, on_change }) {
    this.scroller_ = scroller;
    this.table_ = table;
    this.body_ = body;
    this.detail_ = detail;
    this.detail_list_ = detail_list;
    this.on_change_ = on_change;
    this.filter = new Filter();
    this.matches_ = [];
    this.now_ = 0;
    this.frozen_ = null;
    this.active_ = null; // the seq of the row that the keyboard is at
    this.open_ = null; // the row whose details are shown
    this.anchor_ = null; // the row that stays where it is while new ones come in above it
    this.elements_ = new Map();
    this.above_ = spacer();
    this.below_ = spacer();
    body.append(this.above_, this.below_);
    this.measure();

    scroller.addEventListener('scroll', () => this.scrolled_(), { passive: true });
    table.addEventListener('keydown', (event) => this.key_(event));
    body.addEventListener('click', (event) => this.clicked_(event));
    new ResizeObserver(() => this.on_change_()).observe(scroller);
  }

  get shown() {
    return this.matches_.length;
  }

  get paused() {
    return this.frozen_ !== null;
  }

  get frozen_rows() {
    return this.frozen_?.rows.length ?? 0;
  }

  /** Whole pixels, so that rows times height is exact over ten thousand of them. */
  measure() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.row_height_ = Math.round(rem * 1.7);
    this.table_.style.setProperty('--row-height', `${this.row_height_}px`);
  }

  pause(rows, now) {
    this.frozen_ = { rows: rows.map((row) => ({ ...row })), now };
    if (this.open_) this.open_ = this.frozen_.rows.find(({ seq }) => seq === this.open_.seq) ?? null;
  }

  resume(rows) {
    this.frozen_ = null;
    if (this.open_) this.open_ = rows.find(({ seq }) => seq === this.open_.seq) ?? this.open_;
  }

  render(rows, now) {
    if (this.frozen_) ({ rows, now } = this.frozen_);
    this.now_ = now;
    // A copy either way: between two renderings, places must mean what is on the screen.
    this.matches_ = this.filter.active ? rows.filter((row) => this.filter.matches(row, now)) : rows.slice();
    const height = this.row_height_;
    const head = this.table_.tHead.offsetHeight;
    const total = this.matches_.length;
    const room = Math.max(height, this.scroller_.clientHeight - head);

    let top = this.scroller_.scrollTop;
    if (this.anchor_) top = this.place_of_(this.anchor_.seq) * height + this.anchor_.offset;
    top = Math.max(0, Math.min(top, total * height - room));

    const first = Math.max(0, Math.floor(top / height) - spare_rows);
    const last = Math.min(total, Math.ceil((top + room) / height) + spare_rows);
    this.draw_(first, last);
    this.above_.firstChild.style.height = `${first * height}px`;
    this.below_.firstChild.style.height = `${(total - last) * height}px`;
    if (this.anchor_ && Math.abs(this.scroller_.scrollTop - top) >= 1) this.scroller_.scrollTop = top;

    this.table_.setAttribute('aria-rowcount', String(total + 1));
    const active = this.active_ !== null && this.elements_.has(this.active_);
    if (active) this.table_.setAttribute('aria-activedescendant', `row-${this.active_}`);
    else this.table_.removeAttribute('aria-activedescendant');
    if (this.open_) this.draw_detail_();
  }

  /** How many rows have come in above what is looked at. */
  get above() {
    return this.anchor_ ? Math.floor(this.scroller_.scrollTop / this.row_height_) : 0;
  }

  to_newest() {
    this.anchor_ = null;
    this.scroller_.scrollTop = 0;
    this.on_change_();
  }

  move(by) {
    const total = this.matches_.length;
    if (total === 0) return;
    const at = this.active_ === null ? -1 : this.place_of_(this.active_);
    const start = at < 0 ? (by > 0 ? -1 : 0) : at;
    this.activate_(Math.max(0, Math.min(total - 1, start + by)));
  }

  open_active() {
    const row = this.row_at_(this.place_of_(this.active_ ?? Infinity));
    if (!row) return;
    if (this.open_?.seq === row.seq) this.close();
    else this.show_detail_(row);
  }

  /** Whether there was something to close. */
  close() {
    if (!this.open_) return false;
    this.open_ = null;
    this.detail_.hidden = true;
    this.on_change_();
    return true;
  }

  leave() {
    if (this.active_ === null) return false;
    this.active_ = null;
    this.to_newest();
    return true;
  }

  focus() {
    this.table_.focus({ preventScroll: true });
  }

  // Newest first: the view counts from the end of the matches.
  row_at_(place) {
    return this.matches_[this.matches_.length - 1 - place];
  }

  /** The place of a row, or of the next older one. */
  place_of_(seq) {
    let low = 0;
    let high = this.matches_.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.matches_[middle].seq <= seq) low = middle + 1;
      else high = middle;
    }
    return this.matches_.length - low;
  }

  activate_(place) {
    const row = this.row_at_(place);
    if (!row) return;
    this.active_ = row.seq;
    const height = this.row_height_;
    const room = this.scroller_.clientHeight - this.table_.tHead.offsetHeight;
    const top = this.scroller_.scrollTop;
    let wanted = top;
    if (place * height < top) wanted = place * height;
    else if ((place + 1) * height > top + room) wanted = (place + 1) * height - room;
    this.scroller_.scrollTop = wanted;
    this.hold_(place);
    if (this.open_) this.show_detail_(row);
    else this.on_change_();
  }

  /** The row that is looked at stays where it is, whatever comes in above it. */
  hold_(place) {
    const row = this.row_at_(place);
    if (row) this.anchor_ = { seq: row.seq, offset: this.scroller_.scrollTop - place * this.row_height_ };
  }

  scrolled_() {
    const height = this.row_height_;
    const top = this.scroller_.scrollTop;
    const place = Math.floor(top / height);
    const row = this.row_at_(place);
    if (this.anchor_) {
      const expected = this.place_of_(this.anchor_.seq) * height + this.anchor_.offset;
      if (Math.abs(expected - top) < 1) return; // our own doing
    }
    this.anchor_ = top < height / 2 || !row ? null : { seq: row.seq, offset: top - place * height };
    this.on_change_();
  }

  key_(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.scroller_.clientHeight / this.row_height_) - 2);
    const moves = { PageDown: page, PageUp: -page, End: Infinity, Home: -Infinity };
    if (event.key in moves) this.move(moves[event.key]);
    else if (event.key === 'Enter' || event.key === ' ') this.open_active();
    else return;
    event.preventDefault();
  }

  clicked_(event) {
    const element = event.target.closest('tr[data-seq]');
    if (!element) return;
    this.active_ = Number(element.dataset.seq);
    const place = this.place_of_(this.active_);
    const row = this.row_at_(place);
    this.hold_(place);
    if (this.open_?.seq === row?.seq) this.close();
    else if (row) this.show_detail_(row);
  }

  draw_(first, last) {
    const wanted = new Map();
    for (let place = first; place < last; ++place) wanted.set(this.row_at_(place).seq, place);
    for (const [seq, element] of this.elements_) {
      if (wanted.has(seq)) continue;
      element.remove();
      this.elements_.delete(seq);
    }
    let cursor = this.above_.nextSibling;
    for (const [seq, place] of wanted) {
      let element = this.elements_.get(seq);
      if (!element) {
        element = row_element();
        this.elements_.set(seq, element);
      }
      if (element === cursor) cursor = cursor.nextSibling;
      else this.body_.insertBefore(element, cursor);
      this.fill_(element, this.row_at_(place), place);
    }
  }

  fill_(element, row, place) {
    put(element, 'aria-rowindex', String(place + 2));
    put(element, 'aria-selected', String(row.seq === this.active_));
    if (element.shown_row === row && element.shown_version === row.version) {
      if (row.state === 'running') write(cell(element, 'duration'), format.elapsed(time_of(row, this.now_)));
      return;
    }
    element.shown_row = row;
    element.shown_version = row.version;
    element.id = `row-${row.seq}`;
    element.dataset.seq = row.seq;
    element.dataset.id = row.id ?? row.seq;
    element.dataset.state = row.state;
    element.dataset.kind = row.kind;
    element.dataset.outcome = row.outcome ?? '';
    write(cell(element, 'time'), format.clock(row.started, { with_milliseconds: true }));
    write(cell(element, 'status'), status_text(row));
    cell(element, 'status').dataset.class = row.ended ? String(Math.floor(row.status / 100)) : '';
    write(cell(element, 'method'), row.method ?? '');
    const [target, error] = cell(element, 'target').childNodes;
    write(target, row.kind === 'gap' ? format.lost_events(row.dropped) : (row.target ?? ''));
    write(error, row.error ?? '');
    const time = time_of(row, this.now_);
    write(cell(element, 'duration'), duration_text(row, time));
    write(cell(element, 'size'), Number.isFinite(row.bytes) ? format.bytes(row.bytes) : '');
    write(cell(element, 'client'), row.client ?? '');
  }

  show_detail_(row) {
    this.open_ = row;
    this.detail_.hidden = false;
    this.on_change_();
  }

  draw_detail_() {
    const entries = detail_of(this.open_, this.now_);
    const list = this.detail_list_;
    while (list.children.length > entries.length) list.lastElementChild.remove();
    while (list.children.length < entries.length) {
      const entry = document.createElement('div');
      entry.append(document.createElement('dt'), document.createElement('dd'));
      list.append(entry);
    }
    entries.forEach(([name, value], i) => {
      const [term, text] = list.children[i].children;
      write(term, name);
      write(text, value);
    });
  }
}

const columns = ['time', 'status', 'method', 'target', 'duration', 'size', 'client'];

function row_element() {
  const element = document.createElement('tr');
  element.dataset.testid = 'row';
  for (const name of columns) {
    const part = document.createElement('td');
    part.className = name;
    if (name === 'target') {
      const target = document.createElement('span');
      const error = document.createElement('span');
      target.className = 'path';
      error.className = 'error';
      part.append(target, error);
    }
    element.append(part);
  }
  return element;
}

function spacer() {
  const element = document.createElement('tr');
  element.setAttribute('aria-hidden', 'true');
  element.className = 'spacer';
  const part = document.createElement('td');
  element.append(part);
  return element;
}

const cell = (element, name) => element.children[columns.indexOf(name)];

// What has not changed is not written: it would cost a layout.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function put(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// A sign beside the colour: × an error, ? unknown, ! a gap.
function status_text(row) {
  if (row.kind === 'gap') return '! gap';
  if (row.kind === 'note') return '× note';
  if (row.state === 'running') return '…';
  if (row.outcome === 'unknown') return '?';
  const status = row.status === 0 ? 'none' : String(row.status);
  return row.state === 'error' ? `× ${status}` : status;
}

function duration_text(row, time) {
  if (row.state === 'running') return format.elapsed(time);
  return row.kind === 'request' && row.ended ? format.duration(time) : '';
}

function detail_of(row, now) {
  const when = format.date_and_clock(row.started);
  if (row.kind === 'gap') {
    const what = 'Requests may be missing here, and the charts count too few.';
    return [['Gap', format.lost_events(row.dropped)], ['Message', row.error || format.none], ['Time', when], ['Meaning', what]];
  }
  if (row.kind === 'note') return [['Message', row.error || format.none], ['Time', when]];

  const entries = [
    ['Request', `#${row.id}`],
    ['State', state_text(row)],
    ['Method', row.method],
    ['Target', row.target],
    ['Client', row.client],
    ['Status', row.ended ? (row.status === 0 ? 'none: the client got no answer' : String(row.status)) : format.none],
  ];
  if (row.error) entries.push([row.outcome === 'unknown' ? 'Reason' : 'Error', row.error]);
  entries.push(['Started', when]);
  if (row.ended) entries.push(['Finished', format.date_and_clock(row.finished)]);
  const time = time_of(row, now);
  if (row.ended) entries.push(['Duration', `${format.duration(time)} (${format.count(Number(time.toFixed(3)))} ms)`]);
  else if (time !== undefined) entries.push(['Duration', format.elapsed(time)]);
  if (Number.isFinite(row.bytes)) entries.push(['Size', `${format.bytes(row.bytes)} (${format.count(row.bytes)} bytes)`]);
  return entries;
}

function state_text(row) {
  if (row.state === 'running') return 'running';
  if (row.outcome === 'unknown') return 'unknown';
  return { ok: 'finished', refused: 'finished: refused', server_error: 'finished: server error', failed: 'failed' }[row.outcome];
}
