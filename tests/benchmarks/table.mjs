// table.mjs [--quick] [ROW...]: measures, and prints one table. Each row is a ratio of two sides that were measured in
// turn, in both orders; the median counts, and least and most stand beside it.
import { median } from './programs.mjs';
import { in_process } from './rows_in_process.mjs';
import { sockets } from './rows_sockets.mjs';

const rows = [...sockets.filter((row) => !row.last), ...in_process, ...sockets.filter((row) => row.last)];

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const names = words.filter((word) => !word.startsWith('--'));
const unknown = names.find((name) => !rows.some((row) => row.name === name));
if (words.includes('--list')) {
  for (const { name, figure } of rows) console.log(`${name.padEnd(15)} ${figure}`);
  process.exit(0);
}
if (unknown || words.some((word) => word.startsWith('--') && word !== '--quick')) {
  console.error(`table.mjs: unknown row or option in '${words.join(' ')}': --list names the rows`);
  process.exit(2);
}

const text = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2));
const lines = [['figure', 'wanted', 'measured', 'least … most', 'met', 'in figures']];
let missed = 0;
const add = (name, figure, { most, least, unit = '', values, note = '', wrong, skipped }) => {
  const wanted = most !== undefined ? `≤ ${most}${unit}` : least !== undefined ? `≥ ${least}${unit}` : '';
  if (skipped) return lines.push([figure, wanted, 'skipped', '', '', skipped]);
  const value = median(values);
  const met = !wrong && (most === undefined || value <= most) && (least === undefined || value >= least);
  if (!met) ++missed;
  lines.push([
    figure,
    wanted,
    text(value) + unit,
    `${text(Math.min(...values))} … ${text(Math.max(...values))}`,
    wrong ? 'NO' : !wanted ? '' : met ? 'yes' : 'no',
    wrong ? `${wrong}; ${note}` : note,
  ]);
};

for (const row of rows) {
  if (names.length && !names.includes(row.name)) continue;
  process.stderr.write(`${row.name} …\n`);
  try {
    for (const result of [await row.measure(quick)].flat()) add(row.name, result.figure ?? row.figure, result);
  } catch (error) {
    ++missed;
    lines.push([row.figure, '', 'failed', '', 'NO', error.message]);
  }
}

const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
const print = (line) => console.log(line.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
print(lines[0]);
print(widths.map((width) => '-'.repeat(width)));
lines.slice(1).forEach(print);
