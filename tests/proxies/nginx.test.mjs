import { test_proxy } from './lib_proxy.mjs';

await test_proxy({
  program: 'nginx',
  configuration: 'nginx.conf',
  cuts: true,
  times_out: true,
  replacements: ({ directory, port, certificate, key, upstream, read_timeout }) => [
    ['443', `127.0.0.1:${port}`],
    ['/etc/ssl/example.org.crt', certificate],
    ['/etc/ssl/example.org.key', key],
    ['127.0.0.1:8080;', `${upstream};\n      proxy_read_timeout ${read_timeout}s;`],
    ['worker_shutdown_timeout 10s;', 'worker_shutdown_timeout 1s;'],
    ['http {', `pid ${directory}/pid;\nerror_log ${directory}/log info;\nevents {}\nhttp {\n  access_log off;\n` +
      ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `  ${what}_temp_path ${directory}/${what};\n`).join('')],
  ],
  arguments: ({ directory, configuration }) => ['-p', directory, '-c', configuration, '-e', `${directory}/log`, '-g', 'daemon off;'],
  reload: ({ directory, configuration }, child, run) =>
    run(['-p', directory, '-c', configuration, '-e', `${directory}/log`, '-s', 'reload']),
});
