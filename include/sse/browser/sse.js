// SPDX-License-Identifier: MIT
// Follows a stream of events from a page: with a snapshot, through cuts, reloads, sleep and log-ins, in one tab or for all.

// A worker and a page of other versions must not meet: the number is a part of the worker's name.
const protocol = 'sse1 ';
const now = Date.now;
const hour = 3_600_000;
const jittered = (ms) => Math.min(ms * (1 + Math.random() / 4), hour); // a timer past 24 days would fire at once

/** True: both ids are of one start of the service, and `id` is not after `place`. */
function is_behind(id, place) {
  const at = id.lastIndexOf('-') + 1;
  return at > 0 && !!place?.startsWith(id.slice(0, at)) && +id.slice(at) <= +place.slice(at);
}

/**
 * Reads text/event-stream as WHATWG HTML 9.2.6 says. For each block that has data or an id it calls
 * `take(type, id, has_id, text)`; without data the text is undefined. `comment` gets the comment lines.
 */
export class Parser {
  constructor(take, comment) {
    this.take_ = take;
    this.comment_ = comment;
    this.rest_ = this.id_ = this.type_ = '';
    this.data_ = this.retry = undefined;
    this.has_id_ = this.after_cr_ = false;
  }

  feed(text) {
    let at = this.after_cr_ && text[0] === '\n' ? 1 : 0;
    if (text) this.after_cr_ = false;
    if (this.rest_ && /[\r\n]/.test(text)) {
      text = [this.rest_, text].join(''); // in one piece, which a sum would not be
      this.rest_ = '';
    }
    this.has_nul_ = text.includes('\0');
    let lf = text.indexOf('\n', at), cr = text.indexOf('\r', at);
    while (lf >= 0 || cr >= 0) {
      const is_cr = cr >= 0 && (lf < 0 || cr < lf);
      const end = is_cr ? cr : lf;
      if (end > at) this.line_(text, at, end);
      else this.end_block_();
      at = end + 1;
      if (is_cr) {
        if (at === text.length) this.after_cr_ = true;
        else if (lf === at) at += 1;
        cr = text.indexOf('\r', at);
      } else if (text.charCodeAt(at) === 10) at += 1, this.end_block_();
      if (lf >= 0 && lf < at) lf = text.indexOf('\n', at);
    }
    if (at < text.length) this.rest_ += text.slice(at);
  }

  line_(text, at, end) {
    const first = text.charCodeAt(at); // each field has its own
    const name = first === 100 ? 'data' : first === 105 ? 'id' : first === 101 ? 'event' : first === 114 ? 'retry' : '';
    if (first === 58) return this.comment_?.(text.slice(at, end));
    for (let i = 0; i < name.length; ++i, ++at) if (text.charCodeAt(at) !== name.charCodeAt(i)) return;
    if (at < end && text.charCodeAt(at++) !== 58) return;
    const value = text.slice(text.charCodeAt(at) === 32 ? at + 1 : at, end);
    if (first === 100) this.data_ = this.data_ === undefined ? value : this.data_ + '\n' + value;
    else if (first === 101) this.type_ = value;
    else if (first === 114) /^\d+$/.test(value) && (this.retry = +value);
    else if (!this.has_nul_ || !value.includes('\0')) (this.id_ = value), (this.has_id_ = true);
  }

  end_block_() {
    const data = this.data_, type = this.type_, has_id = this.has_id_;
    this.data_ = undefined;
    this.type_ = '';
    this.has_id_ = false;
    if (data !== undefined || has_id) this.take_(type || 'message', this.id_, has_id, data);
  }
}

/**
 * One connection after the other to one URL, in the page or in the worker. Its `sink` has: state(name, why), take(type, id,
 * has_id, text, from), flush() after each piece, room() to wait for, headers(refresh), end(why).
 */
class Stream {
  constructor(target, sink) {
    this.target_ = target;
    this.sink_ = sink;
    this.retry_ = 1000;
    this.page_ = crypto.getRandomValues(new Uint32Array(4)).join('');
  }

  open(place) {
    this.close();
    this.place_ = place;
    this.opened_ = now();
    this.loop_((this.run_ = {}));
  }
  close() {
    this.run_ = undefined;
    this.attempt_?.abort();
    this.wake_?.();
  }
  /** Connects again: at once if it waits, and if `anew` also if it is connected. Many tabs may ask at the same time. */
  again(anew) {
    if (anew && this.run_ && now() - this.opened_ > 1000) this.open(this.place_);
    else this.wake_?.(), this.check_?.();
  }

  async loop_(run) {
    const sink = this.sink_, target = this.target_;
    const is_over = () => run !== this.run_;
    let fails = 0, refresh = false;
    for (;;) {
      const attempt = (this.attempt_ = new AbortController());
      let heard = now(), limit = Infinity, live = false, slept = false, why, after = 0, ended;
      // Compares times: the timers of a hidden page run once a minute, those of a sleeping machine not at all.
      const check = (this.check_ = () => {
        if (now() - heard > limit) (slept = live), attempt.abort();
      });
      const watch = setInterval(check, 500);
      try {
        sink.state('connecting', why);
        const headers = await sink.headers(refresh);
        if (is_over()) return;
        heard = now();
        limit = 10_000;
        // In the query: a header makes a request of another origin ask first, and is lost behind some service workers.
        const url = new URL(target.url), query = url.searchParams, from = this.place_;
        if (from) query.set(from === 'earliest' ? 'since' : 'lastEventId', from);
        query.set('pageId', this.page_);
        query.set('at', now()); // a service worker that caches first would play the stream before again
        const response = await fetch(url, {
          method: target.method,
          body: target.body,
          credentials: target.credentials,
          headers: { Accept: 'text/event-stream', ...headers },
          cache: 'no-store',
          signal: attempt.signal,
        });
        if (is_over()) return;
        const status = response.status;
        why = 'status ' + status;
        if (status === 200 && /^text\/event-stream/i.test(response.headers.get('Content-Type'))) {
          heard = now();
          limit = Infinity; // until the service says its interval
          live = true;
          fails = 0;
          refresh = false;
          sink.state('live');
          if (is_over()) return;
          const parser = new Parser(
            (type, id, has_id, text) => {
              if (is_over()) return;
              if (has_id) this.place_ = id;
              sink.take(type, id, has_id, text, from);
            },
            (line) => {
              const interval = /^: keep-alive (\d+)$/.exec(line);
              if (interval) limit = interval[1] * 2 || Infinity;
            },
          );
          const decoder = new TextDecoder(), reader = response.body.getReader();
          for (;;) {
            const { done, value } = await reader.read();
            if (is_over()) return;
            if (now() - heard > limit) throw (slept = true);
            if (done) break;
            heard = now();
            parser.feed(decoder.decode(value, { stream: true }));
            this.retry_ = parser.retry ?? this.retry_;
            if (is_over()) return;
            sink.flush?.();
            const room = sink.room?.();
            if (room) {
              heard = Infinity;
              await room;
              if (is_over()) return;
              heard = now();
            }
          }
          why = 'ended';
          ended = target.once;
        } else if ((status === 401 || status === 403) && target.asks && !refresh) {
          refresh = true;
          continue;
        } else {
          ended = /^204|^4(?!08|25|29)/.test(status);
          const value = response.headers.get('Retry-After');
          after = value * 1000 || Date.parse(value) - now() || 0;
        }
      } catch (error) {
        if (is_over()) return;
        why = slept ? 'silent' : String(error);
      } finally {
        clearInterval(watch);
        attempt.abort();
      }
      if (ended) {
        this.close();
        return sink.end(why);
      }
      sink.state('waiting', why);
      if (is_over()) return;
      if (slept) continue;
      const least = Math.max(this.retry_, 100);
      const wait = jittered(Math.max(after, Math.min(least * 2 ** fails++, Math.max(least, 30_000))));
      await new Promise((resolve) => (setTimeout(resolve, wait), (this.wake_ = resolve)));
      if (is_over()) return;
    }
  }
}

/** The sharing page's side of the worker: like a Stream, which it falls back to where no worker can be had. */
class Shared {
  constructor(script, target, sink, fall_back) {
    this.script_ = script;
    this.target_ = target;
    this.sink_ = sink;
    this.fall_back_ = fall_back;
    this.failures_ = 0;
    this.connect_();
  }
  connect_() {
    this.port_?.close();
    this.unanswered_ = 0;
    const sink = this.sink_;
    try {
      const worker = new SharedWorker(this.script_, { type: 'module', name: protocol + JSON.stringify(this.target_) });
      worker.onerror = () => this.fail_();
      const port = (this.port_ = worker.port);
      port.onmessage = async ({ data: [what, ...values] }) => {
        if (port !== this.port_) return;
        this.unanswered_ = this.failures_ = 0;
        if (what === 'headers') {
          try {
            port.postMessage([what, await sink.headers(...values), values[1]]);
          } catch {} // another tab may know
        } else if (!this.joined_) return;
        else if (what === 'take') {
          const [blocks, turn] = values;
          if (turn !== this.turn_) return; // of the time before it has left
          for (const block of blocks) if (this.joined_ && turn === this.turn_) sink.take(...block);
          port.postMessage(['taken', blocks.length]);
        } else if (what === 'dropped') this.open(sink.place());
        else sink[what]?.(...values); // 'pong' is only a sign of life
      };
    } catch {
      return this.fail_();
    }
    // A worker that dies tells nobody.
    clearInterval(this.ping_);
    this.ping_ = setInterval(() => {
      if (++this.unanswered_ < 4) return this.port_.postMessage(['ping']);
      if (++this.failures_ > 1) return this.fail_();
      this.connect_();
      if (this.joined_) this.open(sink.place());
    }, 5000);
    this.port_.postMessage(['ping']);
  }
  fail_() {
    if (this.failed_) return;
    this.failed_ = true;
    clearInterval(this.ping_);
    this.port_?.close();
    this.port_ = { postMessage() {} };
    setTimeout(() => this.fall_back_(this.joined_));
  }
  open(place) {
    this.joined_ = true;
    this.turn_ = Math.random();
    this.port_.postMessage(['join', this.target_, place, this.turn_]);
  }
  close() {
    this.joined_ = false;
    this.port_.postMessage(['leave']);
  }
  again(anew) {
    this.port_.postMessage(['again', anew]);
  }
  end() {
    clearInterval(this.ping_);
    this.port_.close?.();
  }
}

/** The worker: one stream for all tabs that have joined. */
function work() {
  const tabs = new Map();
  let stream, batch = [], state = ['connecting'], answer, make_room;
  const joined = () => [...tabs].filter(([, tab]) => tab.joined);
  const send = (...message) => joined().forEach(([port]) => port.postMessage(message));
  const leave = (tab) => {
    tab.joined = false;
    if (!joined().length) stream?.close();
    make_room?.();
  };
  const sink = {
    state: (...news) => send('state', ...(state = news)),
    take: (...block) => batch.push(block),
    flush() {
      const blocks = batch;
      batch = [];
      if (!blocks.length) return;
      for (const [port, tab] of joined()) {
        port.postMessage(['take', blocks, tab.turn]);
        if ((tab.behind += blocks.length) > 16_000) port.postMessage(['dropped']), leave(tab);
      }
    },
    // Not faster than the fastest tab; a frozen one does not stop the others.
    room: () => (joined().every(([, tab]) => tab.behind > 2000) ? new Promise((resolve) => (make_room = resolve)) : undefined),
    headers: (refresh) =>
      stream.target_.asks &&
      new Promise((resolve, reject) => {
        // Numbered: a tab that answers late answers the question before.
        answer = { resolve, question: ['headers', refresh, Math.random()] };
        setTimeout(reject, 10_000, 'no headers');
        send(...answer.question);
      }),
    end(why) {
      send('end', why);
      tabs.forEach((tab) => (tab.joined = false));
    },
  };
  // A tab that has crashed says nothing; a frozen one comes back.
  setInterval(() => {
    for (const [port, tab] of tabs)
      if (now() - tab.seen > 180_000) {
        port.postMessage(['dropped']);
        leave(tab);
        tabs.delete(port);
      }
  }, 30_000);
  self.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data: [what, value, place, turn] }) => {
      const tab = tabs.get(port) ?? { behind: 0 };
      tabs.set(port, tab);
      tab.seen = now();
      if (what === 'ping') port.postMessage(['pong']);
      else if (what === 'leave') leave(tab);
      else if (what === 'again') stream?.again(value);
      else if (what === 'headers') place === answer?.question[2] && (answer.resolve(value), (answer = undefined));
      else if (what === 'taken') {
        if ((tab.behind -= value) <= 2000) make_room?.();
      } else {
        const is_on = stream?.run_;
        stream ??= new Stream(value, sink);
        tab.joined = true;
        tab.behind = 0;
        tab.turn = turn;
        if (!is_on) return stream.open(place);
        port.postMessage(['state', ...state]);
        if (answer) port.postMessage(answer.question);
        // From the place of the tab that is behind: the others know what they have seen.
        if (!place && stream.place_) port.postMessage(['take', [['', stream.place_, true]], turn]);
        else if (place && place !== stream.place_ && !is_behind(stream.place_ ?? '', place)) stream.open(place);
      }
    };
  };
}

class Message {
  constructor(type, id, text) {
    this.type = type;
    this.id = id;
    this.text = text;
  }
  /** The text as JSON; undefined: it is none. */
  get json() {
    if (!this.parsed_) {
      this.parsed_ = true;
      try {
        this.json_ = JSON.parse(this.text);
      } catch {}
    }
    return this.json_;
  }
  get data() {
    const { json } = this;
    return json?.type === this.type && 'data' in json ? json.data : json === undefined ? this.text : json;
  }
  get timestamp() {
    return this.json?.timestamp;
  }
}

class Feed {
  state = 'closed';
  constructor(url, options) {
    this.options_ = options;
    this.handlers_ = { __proto__: null }; // a type may be named `constructor`
    this.losses_ = 0;
    const { on, since, keep, headers, hidden, method, body, credentials, once, share, shared } = options;
    for (const type in on) this.on(type, on[type]);
    const key = keep && 'sse ' + keep;
    this.id = (key && sessionStorage.getItem(key)) || since;
    this.stale_ = !!options.snapshot;
    const target = { url: new URL(url, document.baseURI).href, method, body, credentials, once, share, asks: !!headers };
    const sink = {
      state: (name, why) => this.set_(name, why),
      take: (...block) => this.take_(...block),
      headers: (refresh) => (typeof headers === 'function' ? headers({ refresh }) : headers),
      end: (why) => this.close(why),
      place: () => this.id,
    };
    const alone = () => new Stream(target, sink);
    const fall_back = (is_open) => {
      this.source_ = alone();
      if (is_open) this.source_.open(this.id);
    };
    // A bundler that defines globalThis.SharedWorker as undefined leaves Shared out.
    this.make_source_ = () => shared && globalThis.SharedWorker
      ? new Shared(shared === true ? import.meta.url : new URL(shared, document.baseURI), target, sink, fall_back)
      : alone();

    this.save_ = () => key && this.id && sessionStorage.setItem(key, this.id);
    const pause = () => {
      if (this.state === 'closed') return;
      this.stop_();
      this.set_('paused');
    };
    const resume = () => this.state === 'paused' && this.start_();
    let timer;
    this.listeners_ = [
      [window, 'pagehide', pause],
      [window, 'pageshow', resume],
      [document, 'freeze', pause],
      [document, 'resume', resume],
      [window, 'online', () => this.source_.again(true)],
      [document, 'visibilitychange', () => {
        clearTimeout(timer);
        if (!document.hidden) return resume() || this.source_.again();
        this.save_();
        if (hidden >= 0) timer = setTimeout(pause, hidden);
      }],
    ];
    this.reconnect();
  }

  /** Calls `handler` for the messages of a type. Returns what takes it away. */
  on(type, handler) {
    const set = (this.handlers_[type] ??= new Set());
    set.add(handler);
    return () => set.delete(handler);
  }

  reconnect() {
    if (this.state === 'closed') {
      this.source_ = this.make_source_();
      for (const [target, type, listener] of this.listeners_) target.addEventListener(type, listener);
      this.start_();
    } else if (this.state === 'paused') this.start_();
    else this.source_.again(true);
  }

  close(why = 'closed') {
    if (this.state === 'closed') return;
    for (const [target, type, listener] of this.listeners_) target.removeEventListener(type, listener);
    this.stop_();
    this.source_.end?.();
    this.set_('closed', why);
  }

  stop_() {
    this.turn_ = undefined;
    this.abort_?.abort();
    this.source_.close();
    this.save_();
  }

  async start_() {
    const turn = (this.turn_ = {});
    this.set_('connecting');
    while (this.stale_) {
      const { signal } = (this.abort_ = new AbortController());
      try {
        // A page that loses again and again must not ask for all of it again and again.
        const wait = this.losses_++ && jittered(Math.min(125 * 2 ** this.losses_, 30_000));
        if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
        if (turn !== this.turn_) return;
        this.set_('connecting');
        const id = await this.options_.snapshot({ signal });
        if (turn !== this.turn_) return; // hidden, closed or lost meanwhile
        this.id = id ?? undefined;
        this.stale_ = this.was_live_ = false;
      } catch (error) {
        if (turn !== this.turn_) return;
        this.set_('waiting', String(error));
      }
    }
    if (turn === this.turn_) this.source_.open(this.id);
  }

  set_(name, why) {
    if (name === this.state) return;
    this.state = name;
    // Without a place nobody can tell how much is lost.
    const is_lost = name === 'live' && this.was_live_ && !this.id;
    if (name === 'live') this.live_since_ = now(), this.was_live_ = true;
    this.call_(this.options_.state, name, why);
    if (is_lost && this.state === name) this.lose_({ dropped: null, reset: true });
  }

  lose_({ dropped, reset, first_id, last_id }) {
    if (now() - this.live_since_ > 30_000) this.losses_ = 0;
    const turn = this.turn_;
    this.call_(this.options_.gap, { dropped, reset: !!reset, first_id, last_id });
    if (!this.options_.snapshot || turn !== this.turn_) return;
    this.stop_();
    this.losses_ ||= 1;
    this.stale_ = true;
    this.start_();
  }

  call_(handler, ...values) {
    try {
      handler?.(...values);
    } catch (error) {
      reportError(error);
    }
  }

  take_(type, id, has_id, text, from) {
    // `message` in the second place: a notice of the service, not an event of its program.
    const [, named, second] = /^\{"type":"((?:[^"\\]|\\.)*)","(data|message)":/.exec(text) ?? [];
    if (named !== undefined) type = named.includes('\\') ? JSON.parse('"' + named + '"') : named;
    const is_notice = second === 'message';
    const message = new Message(type, id, text);
    if (is_notice && type === 'overflow') {
      // Another tab's loss: this one has seen what came after it.
      if (has_id && is_behind(id, this.id) && !(message.json.reset && from && from.split('-')[0] === id.split('-')[0])) return;
      if (has_id) this.id = id;
      return this.lose_(message.json);
    }
    if (is_notice && type === 'connection') {
      if (has_id && (!this.id || this.id === 'earliest') && from !== 'earliest') this.id = id;
    } else if (has_id) {
      if (is_behind(id, this.id)) return;
      this.id = id;
    }
    if (text === undefined || (is_notice && type === 'disconnect')) return;
    this.call_(this.options_.event, message);
    this.handlers_[type]?.forEach((handler) => this.call_(handler, message));
  }
}

/** Follows the events of `url`. */
export const subscribe = (url, options = {}) => new Feed(url, options);

if (globalThis.SharedWorkerGlobalScope && self.name.startsWith(protocol)) work();
