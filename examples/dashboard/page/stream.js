import * as format from './format.js';

const kept = 61; // a sample comes each second
const rate_samples = 10;

const words = (name) => name.replaceAll('_', ' ');
const number = (value) => (Number.isFinite(value) ? value : 0);
const sum = (tally) => Object.values(tally ?? {}).reduce((total, n) => total + number(n), 0);

/** `peer gone 15, expired 2`: what there is, the most first. */
function reasons(tally) {
  const parts = Object.entries(tally ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  return parts.map(([name, n]) => `${words(name)} ${format.count(n)}`).join(', ');
}

/** What the proxy's EventManager has counted, and how fast it counts. */
export class StreamStats {
  constructor() {
    this.samples_ = [];
  }

  /** Counters begin anew with the proxy: what was before says nothing of a rate. */
  add(stats, at) {
    if (stats === null || typeof stats !== 'object') return;
    const last = this.samples_.at(-1);
    if (last && (stats.opened < last.stats.opened || stats.delivered < last.stats.delivered || at < last.at)) this.samples_ = [];
    this.samples_.push({ stats, at });
    if (this.samples_.length > kept) this.samples_.shift();
  }

  forget() {
    this.samples_ = [];
  }

  /** The text beside the title, and the entries as [name, value, remark]; null: nothing is known. */
  shown() {
    const { stats } = this.samples_.at(-1) ?? {};
    if (!stats) return null;
    const rate = (name) => format.rate(this.growth_(name, rate_samples));
    const bytes = `${format.bytes(Math.round(this.growth_('written_bytes', rate_samples)))}/s`;
    const { unknown, ...counted } = stats.lost ?? {};
    const lost = format.count(sum(counted));
    const behind = Object.entries(stats.queued_at_least ?? {}).filter(([, n]) => n > 0);
    const opened = this.grown_('opened');
    const refused = reasons(stats.refused);
    return {
      line: `${format.count(number(stats.connections))} connected \u00b7 ${rate('delivered')} events/s \u00b7 ${lost} lost`,
      entries: [
        ['Connections', format.count(number(stats.connections)),
          `${format.count(number(stats.opened))} opened, ${format.count(opened)} in the last ${this.reach_()}${refused && `; refused: ${refused}`}`],
        ['Ended', format.count(sum(stats.ended)), reasons(stats.ended)],
        ['Delivered', `${rate('delivered')} /s`, `${format.count(number(stats.delivered))} events in all`],
        ['Written', bytes, `${format.bytes(number(stats.written_bytes))} in all`],
        ['Lost', lost, [reasons(counted), unknown > 0 && `unknown how many: ${format.count(unknown)} times`].filter(Boolean).join(', ')],
        ['Waiting', format.count(number(stats.queued)),
          behind.map(([depth, n]) => `${format.count(n)} with ${format.count(Number(depth))} or more`).join(', ')],
      ],
    };
  }

  growth_(name, samples) {
    const now = this.samples_.at(-1);
    const then = this.samples_.at(-1 - samples) ?? this.samples_[0];
    return now.at > then.at ? (now.stats[name] - then.stats[name]) / (now.at - then.at) : 0;
  }

  reach_() {
    const seconds = Math.round(this.samples_.at(-1).at - this.samples_[0].at);
    return seconds < 60 ? `${seconds} s` : 'minute';
  }

  grown_(name) {
    return this.samples_.at(-1).stats[name] - this.samples_[0].stats[name];
  }
}
