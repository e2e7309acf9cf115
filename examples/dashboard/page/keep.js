// What the page knows, kept over a reload: in the tab's own storage, and for as long as the charts reach back.
import { longest_window } from './metrics.js';

const key = 'sse-dashboard-kept';
const version = 1; // of what is kept: another one is not read

/** False: it is too much, and nothing is kept. */
export function keep(known) {
  try {
    sessionStorage.removeItem(key);
    sessionStorage.setItem(key, JSON.stringify({ version, at: Date.now(), known }));
    return true;
  } catch {
    return false;
  }
}

/** Null: there is nothing, or nothing of use. */
export function kept() {
  try {
    const { version: its_version, at, known } = JSON.parse(sessionStorage.getItem(key));
    const age = (Date.now() - at) / 1e3;
    return its_version === version && age >= 0 && age < longest_window ? known : null;
  } catch {
    return null;
  }
}
