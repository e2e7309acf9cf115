export const most_rows = 10000;

const text_of = (value) => (typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value));
const number_of = (value) => (Number.isFinite(value) ? value : 0);

/** An error is what failed in the proxy or upstream. A 4xx is an answer. */
export function kind_of(type, status) {
  if (type === 'request_error') return 'failed';
  if (status >= 500) return 'server_error';
  return status >= 400 ? 'refused' : 'ok';
}

/**
 * The rows of the table, oldest first: requests in the order of their start, and what befell the stream between them.
 * `seq` is a row's name: ids begin anew when the proxy does.
 */
export class Requests {
  constructor() {
    this.rows = [];
    this.completed = 0;
    this.errors = 0;
    this.lost = 0;
    this.gaps = 0;
    this.changes = 0;
    this.running_ = new Map();
    this.known_ = new Map(); // rows by id, of this start of the proxy
    this.seq_ = 0;
  }

  /** What `save` gave, out of JSON. Throws where it is not that. */
  static from({ rows, completed, errors, lost, gaps }) {
    const requests = Object.assign(new Requests(), { completed, errors, lost, gaps });
    for (const { known, ...row } of rows) {
      requests.add_(row);
      if (known) requests.known_.set(row.id, row);
      if (row.state === 'running') requests.running_.set(row.id, row);
    }
    return requests;
  }

  /** The newest rows, and all that run. */
  save(most_characters) {
    const rows = [];
    let characters = 0;
    for (let i = this.rows.length - 1; i >= 0; --i) {
      const { seq, version, text, ...row } = this.rows[i];
      characters += 300 + (row.target?.length ?? 0) + (row.error?.length ?? 0);
      if (characters > most_characters && row.state !== 'running') continue;
      rows.push({ ...row, known: this.known_.get(row.id) === this.rows[i] });
    }
    const { completed, errors, lost, gaps } = this;
    return { rows: rows.reverse(), completed, errors, lost, gaps };
  }

  get running() {
    return this.running_.size;
  }

  start(data, at) {
    const id = data.id;
    if (this.known_.has(id)) return;
    const row = this.add_({
      kind: 'request',
      state: 'running',
      id,
      method: text_of(data.method),
      target: text_of(data.target),
      client: text_of(data.client),
      started: at,
    });
    this.known_.set(id, row);
    this.running_.set(id, row);
  }

  /** The kind, status and duration that the metrics count, or null where that was done before. */
  finish(type, data, at) {
    const duration = number_of(data.duration_ms);
    // The start was lost, or was before the page.
    if (!this.known_.has(data.id)) this.start(data, at - duration / 1e3);
    const row = this.known_.get(data.id);
    if (row.kind !== 'request' || row.ended) return null;

    this.running_.delete(data.id);
    const status = number_of(data.status);
    const kind = kind_of(type, status);
    const is_error = kind === 'failed' || kind === 'server_error';
    Object.assign(row, {
      state: is_error ? 'error' : 'done',
      outcome: kind,
      status,
      bytes: data.bytes,
      error: text_of(data.error),
      duration,
      finished: at,
      ended: true,
    });
    this.touch_(row);
    if (type === 'request_complete') this.completed += 1;
    if (is_error) this.errors += 1;
    return { kind, status, duration, at };
  }

  gap(dropped, message, at) {
    this.gaps += 1;
    if (Number.isFinite(dropped)) this.lost += dropped;
    const last = this.rows.at(-1);
    if (last?.kind !== 'gap') {
      this.add_({ kind: 'gap', state: 'overflow', dropped, gaps: 1, error: text_of(message), started: at });
      return;
    }
    // No request began in between: it is the same place in the table.
    last.dropped = Number.isFinite(dropped) && Number.isFinite(last.dropped) ? last.dropped + dropped : null;
    last.gaps += 1;
    last.error = `in ${last.gaps} gaps`;
    this.touch_(last);
  }

  note(message, at) {
    this.add_({ kind: 'note', state: 'error', error: text_of(message), started: at });
  }

  running_ids() {
    return new Set(this.running_.keys());
  }

  /** What the server says runs now. */
  learn(server_rows) {
    for (const data of server_rows) this.start(data, number_of(data.timestamp));
  }

  /** A request of `before` that does not run at the server has ended unheard. */
  abandon_missing(server_rows, before) {
    const alive = new Set(server_rows.map(({ id }) => id));
    for (const id of before)
      if (!alive.has(id)) this.abandon_(this.running_.get(id), 'outcome lost');
  }

  /** Ids begin anew; nothing will be heard of what runs. */
  forget_running(why) {
    for (const row of [...this.running_.values()]) this.abandon_(row, why);
    this.known_.clear();
  }

  /** Its outcome may still come, late: then that counts. */
  abandon_(row, why) {
    if (!row) return;
    this.running_.delete(row.id);
    Object.assign(row, { state: 'done', outcome: 'unknown', error: why });
    this.touch_(row);
  }

  add_(row) {
    Object.assign(row, { seq: ++this.seq_, version: 0, text: null });
    this.rows.push(row);
    this.changes += 1;
    if (this.rows.length > most_rows) this.drop_one_();
    return row;
  }

  /** The oldest that has ended: a stream that runs for hours stays in sight. */
  drop_one_() {
    const at = Math.max(0, this.rows.findIndex(({ state }) => state !== 'running'));
    const [row] = at === 0 ? [this.rows.shift()] : this.rows.splice(at, 1);
    if (this.known_.get(row.id) === row) this.known_.delete(row.id);
  }

  touch_(row) {
    row.version += 1;
    row.text = null;
    this.changes += 1;
  }
}

/** What the user wants to see. A gap is always shown: what the user looks for may be what was lost. */
export class Filter {
  constructor() {
    this.words_ = [];
    this.status = '';
    this.only_errors = false;
    this.slower_than = null;
  }

  set text(text) {
    this.words_ = text
      .toLowerCase()
      .split(/\s+/)
      .map((word) => (word.length > 1 && word[0] === '-' ? { word: word.slice(1), wanted: false } : { word, wanted: true }))
      .filter(({ word }) => word);
  }

  get active() {
    return this.words_.length > 0 || this.status !== '' || this.only_errors || this.slower_than !== null;
  }

  matches(row, now) {
    if (row.kind === 'gap') return true;
    if (this.only_errors && row.state !== 'error') return false;
    if (this.status !== '' && !this.status_matches_(row)) return false;
    if (this.slower_than !== null && !(time_of(row, now) >= this.slower_than)) return false;
    if (this.words_.length === 0) return true;
    row.text ??= [row.method, row.target, row.client, row.error, row.status].join(' ').toLowerCase();
    return this.words_.every(({ word, wanted }) => row.text.includes(word) === wanted);
  }

  status_matches_(row) {
    if (row.kind !== 'request') return false;
    if (this.status === 'running') return row.state === 'running';
    if (this.status === 'unknown') return row.outcome === 'unknown';
    if (this.status === 'none') return row.ended && row.status === 0;
    return Math.floor(row.status / 100) === Number(this.status);
  }
}

/** How long a request took or, while it runs, has taken: milliseconds, or undefined. */
export function time_of(row, now) {
  return row.state === 'running' ? Math.max(0, (now - row.started) * 1e3) : row.duration;
}
