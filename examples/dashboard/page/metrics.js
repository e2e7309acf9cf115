export const longest_window = 15 * 60;
const kept = longest_window + 60;

// Durations are counted in bins that grow by 2 %: a percentile is right to 1 %, whatever its size, and needs no list of values.
const smallest = 0.01;
const growth = Math.log(1.02);
const bin_of = (ms) => Math.max(0, Math.ceil(Math.log(ms / smallest) / growth));
const value_of = (bin) => smallest * Math.exp((bin - 0.5) * growth);

class Bucket {
  constructor(second) {
    this.second = second;
    this.changes = 0; // tells whether what was computed from this bucket still holds
    this.ok = 0;
    this.refused = 0; // the part of ok that is 4xx
    this.server_errors = 0;
    this.failed = 0;
    this.lost = 0;
    this.durations = new Map();
    this.shortest = Infinity;
    this.longest = 0;
  }
}

/** The quantiles of the buckets' durations, or null where there are none. */
function quantiles(buckets, fractions) {
  const bins = new Map();
  let total = 0;
  let shortest = Infinity;
  let longest = 0;
  for (const bucket of buckets) {
    for (const [bin, n] of bucket.durations) {
      bins.set(bin, (bins.get(bin) ?? 0) + n);
      total += n;
    }
    shortest = Math.min(shortest, bucket.shortest);
    longest = Math.max(longest, bucket.longest);
  }
  if (total === 0) return fractions.map(() => null);
  const sorted = [...bins].sort((a, b) => a[0] - b[0]);
  let at = 0;
  let below = 0;
  return fractions.map((fraction) => {
    const rank = Math.max(1, Math.ceil(fraction * total));
    while (below + sorted[at][1] < rank) below += sorted[at++][1];
    return Math.min(longest, Math.max(shortest, value_of(sorted[at][0])));
  });
}

/** What happened in each of the last seconds, by the server's clock. */
export class Metrics {
  constructor() {
    this.buckets_ = new Array(kept).fill(null);
    this.steps_ = new Map();
    // When no events could come: unknown, which is not zero. `lost`: nor will they come later.
    this.blind_ = [{ from: -Infinity, to: Infinity, lost: true }];
  }

  /** What `save` gave, out of JSON. Throws where it is not that. */
  static from({ buckets, blind }) {
    const metrics = new Metrics();
    for (const { durations, lost, shortest, ...counts } of buckets) {
      const bucket = Object.assign(new Bucket(counts.second), counts);
      bucket.durations = new Map(durations);
      bucket.lost = lost ?? NaN;
      bucket.shortest = shortest ?? Infinity;
      metrics.buckets_[bucket.second % kept] = bucket;
    }
    metrics.blind_ = blind.map(({ from, to, lost }) => ({ from: from ?? -Infinity, to: to ?? Infinity, lost }));
    return metrics;
  }

  save(now) {
    const buckets = this.buckets_.filter((bucket) => bucket && bucket.second > now - kept);
    return { buckets: buckets.map((bucket) => ({ ...bucket, durations: [...bucket.durations] })), blind: this.blind_ };
  }

  finished({ kind, status, duration, at }) {
    const bucket = this.bucket_(at);
    if (!bucket) return;
    if (kind === 'failed') bucket.failed += 1;
    else if (kind === 'server_error') bucket.server_errors += 1;
    else bucket.ok += 1;
    if (kind === 'refused') bucket.refused += 1;
    bucket.changes += 1;
    // A request that never got an answer has no latency.
    if (status === 0 || !(duration >= 0)) return;
    const bin = bin_of(duration);
    bucket.durations.set(bin, (bucket.durations.get(bin) ?? 0) + 1);
    bucket.shortest = Math.min(bucket.shortest, duration);
    bucket.longest = Math.max(bucket.longest, duration);
  }

  lost(dropped, at) {
    const bucket = this.bucket_(at);
    if (!bucket) return;
    bucket.lost += Number.isFinite(dropped) ? dropped : NaN;
    bucket.changes += 1;
  }

  sees_nothing(at) {
    if (this.unseen_) return;
    this.blind_ = this.blind_.filter(({ to }) => to > at - kept);
    this.blind_.push({ from: at, to: Infinity, lost: false });
  }

  /** Not all that happened meanwhile will be told. Returns since when, or undefined if nothing is unseen. */
  misses() {
    const unseen = this.unseen_;
    if (unseen) unseen.lost = true;
    return unseen?.from;
  }

  /** All from `at` on is told, and what happened before it too, if nothing was missed. */
  sees(at) {
    const unseen = this.unseen_;
    if (!unseen) return;
    if (unseen.lost) unseen.to = at;
    else this.blind_.pop();
  }

  get unseen_() {
    const last = this.blind_.at(-1);
    return last?.to === Infinity ? last : undefined;
  }

  /** The last `window` seconds as seen at `now`; rates count from when there was something to see. */
  current(now, window) {
    const end = Math.floor(now) + 1;
    const buckets = [];
    let ok = 0;
    let errors = 0;
    for (let second = end - window; second < end; ++second) {
      const bucket = this.find_(second);
      if (!bucket) continue;
      buckets.push(bucket);
      ok += bucket.ok;
      errors += bucket.server_errors + bucket.failed;
    }
    const blind = this.blind_.at(-1);
    const since = blind && blind.to <= now ? blind.to : -Infinity;
    const seconds = Math.min(window - 1 + (now - Math.floor(now)), Math.max(1, now - since));
    const total = ok + errors;
    const [p50, p99] = quantiles(buckets, [0.5, 0.99]);
    return { rate: total / seconds, error_rate: total ? errors / total : null, p50, p99 };
  }

  /** The complete steps of the last `window` seconds, as columns. */
  series(now, window, step) {
    const end = Math.floor(Math.floor(now) / step) * step;
    const columns = { step, times: [], ok: [], errors: [], refused: [], server_errors: [], failed: [], lost: [], blind: [] };
    Object.assign(columns, { p50: [], p90: [], p99: [] });
    for (let time = end - window; time < end; time += step) {
      const point = this.step_(time, step);
      const blind = this.blind_.some(({ from, to }) => from < time + step && to > time);
      const unknown = blind && point.changes === 0;
      columns.times.push(time);
      columns.blind.push(blind);
      columns.lost.push(point.lost);
      for (const name of ['ok', 'errors', 'refused', 'server_errors', 'failed'])
        columns[name].push(unknown ? null : point[name] / step);
      for (const name of ['p50', 'p90', 'p99']) columns[name].push(point[name]);
    }
    for (const key of this.steps_.keys()) if (key < end - kept) this.steps_.delete(key);
    return columns;
  }

  bucket_(at) {
    const second = Math.floor(at);
    const slot = second % kept;
    const bucket = this.buckets_[slot];
    if (bucket?.second === second) return bucket;
    if (bucket && bucket.second > second) return null; // too old to be shown
    return (this.buckets_[slot] = new Bucket(second));
  }

  find_(second) {
    const bucket = this.buckets_[second % kept];
    return bucket?.second === second ? bucket : null;
  }

  step_(time, step) {
    const buckets = [];
    let changes = 0;
    for (let second = time; second < time + step; ++second) {
      const bucket = this.find_(second);
      if (!bucket) continue;
      buckets.push(bucket);
      changes += bucket.changes;
    }
    const cached = this.steps_.get(time);
    if (cached?.step === step && cached.changes === changes) return cached;

    const sum = (name) => buckets.reduce((total, bucket) => total + bucket[name], 0);
    const point = { step, changes, ok: sum('ok'), refused: sum('refused'), server_errors: sum('server_errors') };
    point.failed = sum('failed');
    point.errors = point.server_errors + point.failed;
    point.lost = sum('lost');
    [point.p50, point.p90, point.p99] = quantiles(buckets, [0.5, 0.9, 0.99]);
    this.steps_.set(time, point);
    return point;
  }
}
