import { test_proxy } from './lib_proxy.mjs';

await test_proxy({
  program: 'haproxy',
  configuration: 'haproxy.cfg',
  reload_cuts: true,
  times_out: true,
  compresses: false, // what has no length and no chunks, as it says
  waits: true,
  replacements: ({ port, both, upstream, read_timeout }) => [
    ['hard-stop-after 10s', 'hard-stop-after 1s'],
    ['timeout client 60s', `timeout client ${read_timeout}s`],
    ['timeout server 60s', `timeout server ${read_timeout}s`],
    ['bind :443 ', `bind 127.0.0.1:${port} `],
    ['/etc/haproxy/example.org.pem', both],
    ['backend events\n', 'backend events\n  compression algo gzip\n  compression type text/event-stream\n'],
    ['127.0.0.1:8080', upstream],
  ],
  arguments: ({ configuration }) => ['-W', '-f', configuration], // as Debian's service runs and reloads it
  reload: (place, child) => child.kill('SIGUSR2'),
});
