const first_delay = 1000;
const longest_delay = 10000;
const open_timeout = 10000;
const silence = 20000;

/**
 * The stream of events, connected again for as long as the page is open.
 *
 * EventSource gives up for good when it is answered with an error status, and tells neither when it will try again nor that a
 * connection has died without a word. So each attempt gets an EventSource of its own, and says in its URL where it goes on.
 */
export class Feed {
  /** `probe`: asks the server for a sign of life, resolves to whether it gave one. */
  constructor(url, { last_id, on_event, on_state, probe }) {
    this.url_ = url;
    this.last_id = last_id; // the last event that the page has seen, or was told is lost; null: it knows nothing yet
    this.resumes = false; // whether this connection goes on after one
    this.on_event_ = on_event;
    this.on_state_ = on_state;
    this.probe_ = probe;
    this.source_ = null;
    this.timer_ = null;
    this.failures_ = 0;
    this.state = 'connecting';
    this.reason = '';
    this.retry_at = null;

    setInterval(() => this.check_(silence), 5000);
    addEventListener('online', () => this.wake_());
    addEventListener('pageshow', (event) => event.persisted && this.lose_('the page was put aside', 0));
    document.addEventListener('visibilitychange', () => document.hidden || this.wake_());
  }

  connect() {
    clearTimeout(this.timer_);
    this.retry_at = null;
    this.heard_ = performance.now();
    this.resumes = Boolean(this.last_id);
    const place = this.resumes ? `?lastEventId=${encodeURIComponent(this.last_id)}` : this.last_id === null ? '?since=earliest' : '';
    const source = (this.source_ = new EventSource(this.url_ + place));
    let newest = null;
    this.timer_ = setTimeout(() => this.lose_('no answer'), open_timeout);
    this.tell_();

    source.onopen = () => {
      clearTimeout(this.timer_);
      this.heard_ = performance.now();
      this.state = 'live';
      this.reason = '';
      this.tell_();
    };
    source.onerror = () => this.lose_(source.readyState === EventSource.CLOSED ? 'refused' : '');
    source.onmessage = ({ data, lastEventId }) => {
      this.heard_ = performance.now();
      this.failures_ = 0;
      let event;
      try {
        event = JSON.parse(data);
      } catch {
        return; // not ours; the next one may be
      }
      if (lastEventId !== newest) this.last_id = newest = lastEventId; // an event without an id repeats the one before it
      if (event?.type === 'overflow' && event.last_id) this.last_id = String(event.last_id);
      this.on_event_(event);
      if (event?.type === 'disconnect') this.lose_(String(event.message ?? ''));
    };
  }

  retry_now() {
    if (this.retry_at !== null) this.connect();
  }

  lose_(reason, delay = Math.min(longest_delay, first_delay * 2 ** this.failures_) * (0.8 + 0.4 * Math.random())) {
    if (!this.source_) return;
    this.source_.close();
    this.source_.onopen = this.source_.onerror = this.source_.onmessage = null;
    this.source_ = null;
    this.failures_ += 1;
    this.state = 'lost';
    this.reason = reason;
    this.retry_at = performance.now() + delay;
    clearTimeout(this.timer_);
    this.timer_ = setTimeout(() => this.connect(), delay);
    this.tell_();
  }

  /** The user is back, or the network: do not make them wait for what a hidden tab's timers have put off. */
  wake_() {
    if (this.retry_at !== null) this.connect();
    else this.check_(silence / 4);
  }

  /** A connection can die unheard (a sleep, a pulled cable). Keep-alives are not shown to scripts, so silence is asked about. */
  async check_(allowed) {
    const source = this.source_;
    if (this.state !== 'live' || this.checking_ || performance.now() - this.heard_ < allowed) return;
    this.checking_ = true;
    const alive = (await this.probe_()) || (await this.probe_());
    this.checking_ = false;
    if (source !== this.source_) return;
    if (alive) this.heard_ = performance.now();
    else this.lose_('silent');
  }

  tell_() {
    this.on_state_(this);
  }
}
