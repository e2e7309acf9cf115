// A plain script in the head, not a module: the theme stands before the first paint.
(() => {
  const key = 'sse-dashboard-theme';
  const system = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;

  // Storage can be forbidden: then the choice holds until the page is closed.
  let chosen = null;
  try {
    chosen = localStorage.getItem(key);
  } catch {}

  const system_theme = () => (system.matches ? 'dark' : 'light');
  function show() {
    root.dataset.theme = chosen === 'dark' || chosen === 'light' ? chosen : system_theme();
    root.dispatchEvent(new Event('themechange'));
  }
  system.addEventListener('change', show);
  show();

  window.toggle_theme = () => {
    const other = root.dataset.theme === 'dark' ? 'light' : 'dark';
    // Back at what the system wants, the page follows the system again.
    chosen = other === system_theme() ? null : other;
    try {
      if (chosen) localStorage.setItem(key, chosen);
      else localStorage.removeItem(key);
    } catch {}
    show();
  };
})();
