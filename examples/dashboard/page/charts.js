import * as format from './format.js';

/** Seconds: the window, how much of it one step of a chart stands for, and where the time axis has its marks. */
export const windows = {
  60: { step: 1, tick: 15 },
  300: { step: 2, tick: 60 },
  900: { step: 5, tick: 180 },
};

// In units of the line's width: the lines differ by more than colour.
const dashes = { p50: [], p90: [4, 2.5], p99: [1.4, 1.4], refused: [3, 2.5] };

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

/** Stripes, so that errors differ by more than colour. */
function striped(colour, ground) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 6;
  const pen = tile.getContext('2d');
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = ground;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const shift of [-6, 0, 6]) {
    pen.moveTo(shift - 1, 7);
    pen.lineTo(shift + 7, -1);
  }
  pen.stroke();
  return pen.createPattern(tile, 'repeat');
}

/** The times at which nothing could be seen, and the gaps: where they hit, and how large. */
const marks = (shown) => ({
  id: 'marks',
  beforeDatasetsDraw(chart) {
    const { columns, look } = shown;
    if (!columns) return;
    const { ctx, chartArea: area, scales } = chart;
    const width = area.width / columns.times.length;
    ctx.save();
    ctx.fillStyle = look.blind;
    // One ground for each run: side by side they would show seams.
    for (let from = 0, to; from < columns.blind.length; from = to + 1) {
      to = from;
      while (columns.blind[to]) ++to;
      if (to > from) ctx.fillRect(scales.x.getPixelForValue(from) - width / 2, area.top, (to - from) * width, area.height);
    }
    ctx.restore();
  },
  afterDatasetsDraw(chart) {
    const { columns, look } = shown;
    if (!columns) return;
    const { ctx, chartArea: area, scales } = chart;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = look.gap;
    ctx.font = `600 ${look.font_size}px ${look.font}`;
    ctx.textBaseline = 'top';
    ctx.lineWidth = look.line_width;
    let free_from = -Infinity; // labels must not overlap; the lines and the tooltip still tell of each
    columns.lost.forEach((lost, i) => {
      if (lost === 0) return;
      const x = scales.x.getPixelForValue(i);
      ctx.setLineDash([2 * look.line_width, 1.3 * look.line_width]);
      ctx.beginPath();
      ctx.moveTo(x, area.top);
      ctx.lineTo(x, area.bottom);
      ctx.stroke();
      const label = Number.isFinite(lost) ? `${format.count(lost)} lost` : 'lost';
      const width = ctx.measureText(label).width + 8;
      const left = x + width > area.right ? x - width : x;
      if (left < free_from) return;
      free_from = left + width + 4;
      ctx.fillRect(left, area.top, width, look.font_size + 5);
      ctx.fillStyle = look.surface;
      ctx.fillText(label, left + 4, area.top + 3);
      ctx.fillStyle = look.gap;
    });
    ctx.restore();
  },
});

/** The nearest of 1, 2, 5 times a power of ten, at or beyond a value. */
function round_to_125(value, up) {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 5, 10].map((factor) => factor * power);
  return up ? steps.find((step) => step >= value * 0.999) : steps.findLast((step) => step <= value * 1.001);
}

const bar = (key, label) => ({ key, label, type: 'bar', barPercentage: 0.86, categoryPercentage: 1, order: 2 });
const line = (key, label) => ({ key, label, type: 'line', order: 1 });

class TimeChart {
  constructor(canvas, { name, unit, datasets, logarithmic }) {
    this.canvas_ = canvas;
    this.name_ = name;
    this.unit_ = unit;
    this.logarithmic_ = logarithmic;
    this.labels_ = [];
    this.decades_ = 3;
    this.shown_ = { columns: null, look: {} };
    const value_text = (value) => (logarithmic ? format.duration(value) : `${format.rate(value)} /s`);
    this.chart_ = new window.Chart(canvas, {
      type: 'bar',
      data: { labels: [], datasets: datasets.map((set) => ({ ...set, data: [] })) },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        normalized: true,
        interaction: { mode: 'index', intersect: false },
        scales: {
          x: {
            stacked: true,
            // A label that comes to an edge must not push the edge away.
            afterFit: (scale) => { scale.paddingLeft = scale.paddingRight = 0; },
            grid: { drawTicks: true, tickLength: 4 },
            ticks: { autoSkip: false, maxRotation: 0, padding: 2, callback: (_, i) => this.labels_[i] ?? null },
          },
          y: {
            type: logarithmic ? 'logarithmic' : 'linear',
            stacked: !logarithmic,
            beginAtZero: !logarithmic,
            afterFit: (scale) => { scale.width = 3.4 * rem(); }, // the charts' time axes line up
            grid: { drawTicks: false },
            ticks: logarithmic
              ? { padding: 6, autoSkip: false, callback: (value) => this.decade_(value) }
              : { padding: 6, maxTicksLimit: 5, callback: (value) => format.count(value) },
          },
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            callbacks: {
              title: ([item]) => (item ? this.when_(item.dataIndex) : ''),
              label: ({ dataset, raw }) => (raw === null ? null : ` ${dataset.label}: ${value_text(raw)}`),
              footer: ([item]) => (item ? this.remark_(item.dataIndex) : ''),
            },
          },
        },
      },
      plugins: [marks(this.shown_)],
    });
  }

  dress(look) {
    const { options, data } = this.chart_;
    this.shown_.look = look;
    const font = { family: look.font, size: look.font_size };
    for (const scale of Object.values(options.scales)) {
      scale.grid.color = look.grid;
      scale.grid.borderColor = look.axis;
      scale.ticks.color = look.text;
      scale.ticks.font = font;
    }
    Object.assign(options.plugins.tooltip, {
      backgroundColor: look.tooltip,
      titleColor: look.tooltip_text,
      bodyColor: look.tooltip_text,
      footerColor: look.tooltip_text,
      titleFont: font,
      bodyFont: font,
      footerFont: { ...font, weight: 'bold' },
      boxWidth: look.font_size,
      boxHeight: look.font_size * 0.6,
      multiKeyBackground: 'transparent',
      cornerRadius: 3,
    });
    for (const set of data.datasets) {
      const colour = look.series[set.key];
      const fill = set.key === 'errors' || set.key === 'failed' ? striped(colour, look.surface) : colour;
      // A function: Chart.js keeps the first plain value for the bars that it has drawn.
      set.backgroundColor = set.type === 'bar' ? () => fill : 'transparent';
      set.borderColor = colour;
      if (set.type === 'bar') continue;
      set.borderWidth = look.line_width;
      set.borderDash = dashes[set.key].map((length) => length * look.line_width);
      set.pointBackgroundColor = colour;
      set.pointHitRadius = 0;
      set.pointHoverRadius = 2 * look.line_width;
      // Only a value without neighbours would not be seen as a line.
      set.pointRadius = ({ dataIndex: i, dataset }) =>
        dataset.data[i] !== null && (dataset.data[i - 1] ?? null) === null && (dataset.data[i + 1] ?? null) === null
          ? look.line_width
          : 0;
    }
  }

  show(columns, tick, window_name) {
    const { data, options } = this.chart_;
    this.shown_.columns = columns;
    this.labels_ = this.time_labels_(columns, tick);
    data.labels = columns.times;
    for (const set of data.datasets) set.data = columns[set.key];
    if (this.logarithmic_) this.fit_(options.scales.y, columns);
    else options.scales.y.suggestedMax = 1;
    this.chart_.update('none');
    this.describe_(columns, window_name);
  }

  time_labels_({ times, step }, tick) {
    const with_seconds = tick < 60;
    const label_width = this.shown_.look.font_size * (with_seconds ? 5.6 : 4);
    const second_width = (this.canvas_.clientWidth - 3.4 * rem()) / (times.length * step);
    const every = second_width * tick < label_width ? 2 * tick : tick;
    const last = times.at(-1) - label_width / 2 / second_width; // past it, the edge would cut the label; its grid line stays
    return times.map((time) => (time % every === 0 ? (time <= last ? format.clock(time, { with_seconds }) : '') : null));
  }

  fit_(scale, { p50, p99 }) {
    const low = p50.filter((value) => value !== null);
    const high = p99.filter((value) => value !== null);
    scale.min = low.length ? round_to_125(Math.max(0.01, Math.min(...low)), false) : 1;
    scale.max = high.length ? round_to_125(Math.max(0.01, Math.max(...high)), true) : 1000;
    if (scale.max / scale.min < 10) scale.max = scale.min * 10;
    this.decades_ = Math.log10(scale.max / scale.min);
  }

  decade_(value) {
    const mantissa = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
    // As many as there is room for.
    const lines_a_decade = (this.canvas_.clientHeight * 0.75) / this.decades_ / this.shown_.look.font_size;
    const wanted = lines_a_decade > 4.5 ? [1, 2, 5] : lines_a_decade > 3 ? [1, 3] : [1];
    if (!wanted.includes(mantissa)) return null;
    return value >= 1000 ? `${Number((value / 1000).toPrecision(3))} s` : `${Number(value.toPrecision(3))} ms`;
  }

  when_(i) {
    const { times, step } = this.shown_.columns;
    const from = format.clock(times[i]);
    return step === 1 ? from : `${from} \u2013 ${format.clock(times[i] + step)}`;
  }

  remark_(i) {
    const { lost, blind } = this.shown_.columns;
    const remarks = [];
    if (lost[i] !== 0) remarks.push(format.lost_events(lost[i]));
    if (blind[i]) remarks.push('not connected');
    return remarks;
  }

  /** What a chart says to those who do not see it. */
  describe_(columns, window_name) {
    const text = (value) => (this.logarithmic_ ? format.duration(value) : `${format.rate(value)} per second`);
    const parts = this.chart_.data.datasets.map(({ key, label }) => {
      const values = columns[key].filter((value) => value !== null);
      return values.length ? `${label}: last ${text(values.at(-1))}, highest ${text(Math.max(...values))}` : `${label}: none`;
    });
    const lost = columns.lost.reduce((total, n) => total + n, 0);
    if (lost !== 0) parts.push(format.lost_events(lost));
    this.canvas_.setAttribute('aria-label', `${this.name_}, last ${window_name}. ${parts.join('; ')}.`);
  }
}

export class Charts {
  constructor({ rate, latency, errors }) {
    // The tables and figures do without.
    if (!window.Chart) {
      for (const canvas of [rate, latency, errors])
        canvas.replaceWith(Object.assign(document.createElement('p'), { textContent: 'Chart.js did not load.' }));
      this.charts_ = [];
      return;
    }
    this.charts_ = [
      new TimeChart(rate, { name: 'Requests per second', datasets: [bar('ok', 'ok'), bar('errors', 'errors'), line('refused', '4xx')] }),
      new TimeChart(latency, {
        name: 'Latency',
        logarithmic: true,
        datasets: [line('p99', 'p99'), line('p90', 'p90'), line('p50', 'p50')],
      }),
      new TimeChart(errors, {
        name: 'Errors per second',
        datasets: [bar('server_errors', '5xx'), bar('failed', 'failed')],
      }),
    ];
    this.dress();
  }

  dress() {
    const look = {
      font: token('--font'),
      font_size: Math.round(rem() * 0.8),
      line_width: Math.max(1.5, rem() * 0.11),
      surface: token('--surface'),
      grid: token('--grid'),
      axis: token('--line'),
      text: token('--muted'),
      tooltip: token('--text'),
      tooltip_text: token('--surface'),
      blind: token('--blind'),
      gap: token('--gap'),
      series: {},
    };
    for (const key of ['ok', 'errors', 'failed', 'server_errors', 'refused', 'p50', 'p90', 'p99'])
      look.series[key] = token(`--series-${key.replace('_', '-')}`);
    for (const chart of this.charts_) chart.dress(look);
  }

  show(metrics, now, window_seconds) {
    if (!this.charts_.length) return;
    const { step, tick } = windows[window_seconds];
    const columns = metrics.series(now, window_seconds, step);
    const name = window_seconds === 60 ? 'minute' : `${window_seconds / 60} minutes`;
    for (const chart of this.charts_) chart.show(columns, tick, name);
  }
}
