// heads PORT [PATH]: sends hostile and odd request heads (RFC 9112) to a server that streams events at PATH (/events), each on
// a connection of its own. Each must get one of the named statuses or, where `close` stands, a close without one; and after each of
// them the next good request must get its stream.
import { connect } from 'node:net';

const port = Number(process.argv[2]);
const path = process.argv[3] ?? '/events';
const get = `GET ${path} HTTP/1.1\r\n`;
const host = 'Host: localhost\r\n';
const end = '\r\n';
const long = (n) => 'a'.repeat(n);
const proxied = path !== '/events'; // what is not below /_sse/ goes to another server
const hex = (text) => JSON.stringify(text).slice(1, -1);
// each(NAME, VALUES, BYTES, RIGHT): a head for each value.
const each = (name, values, bytes, right) => values.map((value) => [`${name}: ${hex(value).slice(0, 60)}`, bytes(value), right]);
const chars = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i));
const controls = [...chars(0x02, 0x08), '\v', '\f', ...chars(0x0e, 0x1f), '\x7f'];
const field = (text) => `${get}${host}${text}\r\n${end}`;
const target = (text) => `GET ${text} HTTP/1.1\r\n${host}${end}`;
const of_method = (text) => `${text} ${path} HTTP/1.1\r\n${host}Content-Length: 0\r\n${end}`;

const heads = [
  // name, bytes, what is right
  ['a bare CR in a value', `${get}${host}X: a\rb\r\n${end}`, 400],
  ['a bare CR for a line end', `${get}${host}X: a\rY: b\r\n${end}`, 400],
  ['a bare CR in the request line', `GET ${path}\r HTTP/1.1\r\n${host}${end}`, 400],
  ['NUL in a value', `${get}${host}X: a\0b\r\n${end}`, 400],
  ['NUL in a name', `${get}${host}X\0: a\r\n${end}`, 400],
  ['NUL in the target', `GET ${path}\0 HTTP/1.1\r\n${host}${end}`, 400],
  ['another control character in a value', `${get}${host}X: a\x01b\r\n${end}`, 400],
  ['obs-fold', `${get}${host}X: a\r\n b\r\n${end}`, 400],
  ['obs-fold with a tab', `${get}${host}X: a\r\n\tb\r\n${end}`, 400],
  ['obs-fold after the request line', `${get} X: a\r\n${host}${end}`, 400],
  ['a space before the colon', `${get}${host}X : a\r\n${end}`, 400],
  ['a tab before the colon', `${get}Host\t: localhost\r\n${end}`, 400],
  ['an empty name', `${get}${host}: a\r\n${end}`, 400],
  ['a line without a colon', `${get}${host}nonsense\r\n${end}`, 400],
  ['a name that is no token', `${get}${host}X(Y): a\r\n${end}`, 400],
  ['a name in Latin-1', `${get}${host}X\xe4: a\r\n${end}`, 400],
  ['no Host', `${get}${end}`, 400],
  ['two Hosts', `${get}${host}${host}${end}`, 400],
  ['two Hosts that differ in case', `${get}Host: a\r\nhOST: b\r\n${end}`, 400],
  ['a Host with a space', `${get}Host: a b\r\n${end}`, 400],
  ['a Host with a path', `${get}Host: a/b\r\n${end}`, 400],
  ['an absolute target but no Host', `GET http://localhost${path} HTTP/1.1\r\n${end}`, 400],
  ['Content-Length with Transfer-Encoding', `${get}${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n${end}`, 400],
  ['Transfer-Encoding with Content-Length', `${get}${host}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n${end}`, 400],
  ['two Content-Lengths', `${get}${host}Content-Length: 3\r\nContent-Length: 4\r\n${end}`, 400],
  ['a list of Content-Lengths', `${get}${host}Content-Length: 3, 4\r\n${end}`, 400],
  ['a negative Content-Length', `${get}${host}Content-Length: -1\r\n${end}`, 400],
  ['a signed Content-Length', `${get}${host}Content-Length: +1\r\n${end}`, 400],
  ['a Content-Length in hex', `${get}${host}Content-Length: 0x1\r\n${end}`, 400],
  ['an empty Content-Length', `${get}${host}Content-Length:\r\n${end}`, 400],
  ['a Content-Length past 64 bits', `${get}${host}Content-Length: 99999999999999999999\r\n${end}`, [400, 413]],
  ['a huge Content-Length', `${get}${host}Content-Length: 9999999999\r\n${end}`, 413],
  ['an unknown transfer coding', `${get}${host}Transfer-Encoding: nonsense\r\n${end}`, [400, 501]],
  ['an unknown transfer coding, then chunked', `${get}${host}Transfer-Encoding: nonsense, chunked\r\n${end}`, 501],
  ['chunked not last', `${get}${host}Transfer-Encoding: chunked, gzip\r\n${end}`, [400, 501]],
  ['chunked twice', `${get}${host}Transfer-Encoding: chunked, chunked\r\n${end}`, [400, 501]],
  ['an empty Transfer-Encoding', `${get}${host}Transfer-Encoding:\r\n${end}`, [400, 501]],
  ['a transfer coding in HTTP/1.0', `GET ${path} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n${end}`, 400],
  ['HTTP/2.0', `GET ${path} HTTP/2.0\r\n${host}${end}`, 505],
  ['HTTP/0.9 by name', `GET ${path} HTTP/0.9\r\n${host}${end}`, 505],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['a version in lower case', `GET ${path} http/1.1\r\n${host}${end}`, 400],
  ['a version of two digits', `GET ${path} HTTP/1.10\r\n${host}${end}`, [400, 505]],
  ['no version', `GET ${path}\r\n${host}${end}`, [400, 505]],
  ['two spaces after the method', `GET  ${path} HTTP/1.1\r\n${host}${end}`, 400],
  ['two spaces after the target', `GET ${path}  HTTP/1.1\r\n${host}${end}`, 400],
  ['a space before the method', ` GET ${path} HTTP/1.1\r\n${host}${end}`, 400],
  ['a space after the version', `GET ${path} HTTP/1.1 \r\n${host}${end}`, 400],
  ['tabs for spaces', `GET\t${path}\tHTTP/1.1\r\n${host}${end}`, 400],
  ['no target', `GET HTTP/1.1\r\n${host}${end}`, 400],
  ['a target that is no path', `GET ${path.slice(1)} HTTP/1.1\r\n${host}${end}`, 400],
  ['an authority for a target', `GET localhost:80 HTTP/1.1\r\n${host}${end}`, 400],
  ['bytes past ASCII in the target', `GET /\xff HTTP/1.1\r\n${host}${end}`, [400, 404]],
  ['a method that is no token', `G@T ${path} HTTP/1.1\r\n${host}${end}`, 400],
  ['an empty method', ` ${path} HTTP/1.1\r\n${host}${end}`, 400],
  ['an unknown method', `BREW ${path} HTTP/1.1\r\n${host}${end}`, [405, 501]],
  ['a method in lower case', `get ${path} HTTP/1.1\r\n${host}${end}`, [405, 501]],
  ['a method that is too long', `${long(20_000)} ${path} HTTP/1.1\r\n${host}${end}`, [400, 414, 431, 501]],
  ['a target that is too long', `GET /${long(20_000)} HTTP/1.1\r\n${host}${end}`, 414],
  ['a target without an end', `GET /${long(100_000)}`, 414],
  ['a field that is too long', `${get}${host}X: ${long(20_000)}\r\n${end}`, 431],
  ['a field without an end', `${get}${host}X: ${long(100_000)}`, 431],
  ['too many fields', `${get}${host}${'X: a\r\n'.repeat(200)}${end}`, 431],
  ['fields without an end', `${get}${host}${'X: a\r\n'.repeat(100_000)}`, 431],
  ['POST', `POST ${path} HTTP/1.1\r\n${host}Content-Length: 0\r\n${end}`, 405],
  ['CONNECT', `CONNECT localhost:80 HTTP/1.1\r\n${host}${end}`, [400, 404, 405, 501]],
  ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${host}${end}`, [204, 400, 404, 405]],
  ['a path above the root', `GET /..${path} HTTP/1.1\r\n${host}${end}`, [400, 404]],
  ['two slashes', `GET /${path} HTTP/1.1\r\n${host}${end}`, 404],
  ['a fragment', `GET ${path}#x HTTP/1.1\r\n${host}${end}`, [400, 404]],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + '\x7f'.repeat(501) + '\r\n\r\n', 400],
  ['nothing, then the end', '', 'close'],
  ...each('a control character in a value', controls, (c) => field(`X: a${c}b`), 400),
  ...each('a delimiter in a name', [...'"(),/;<=>?@[\\]{}'], (c) => field(`X${c}Y: a`), 400),
  ...each('a control character in the target', ['\t', '\v', '\f', '\x01', '\x1f', '\x7f'], (c) => target(`${path}?${c}`), 400),
  ...each(
    'a Host that is none',
    ['a@b', 'user:pass@b', 'a:b', 'a:12a', 'a:65536', 'a:99999999999', 'a:-1', 'a:+80', 'a:80:80', '::1', '[::1', '[::1]x', '[]',
      '[]:80', ']', 'a,b', 'a, b', 'a\\b', '"a"', '<a>', 'a|b', 'a^b', '{a}', 'a?b', 'a#b', 'http://a', '/', 'a\tb', 'a`b',
      '[::1]:x', '[::1]80', '[a b]', '\xe4'],
    (value) => `${get}Host: ${value}\r\n${end}`,
    400,
  ),
  ...each(
    'a Content-Length that is none',
    ['1 2', '1,1', '0, 0', '1;1', '0x0', '1e3', '1.0', '-0', '+0', '"0"', 'NaN', '0,', ',0', '0_0', '0b1', '\xb2', '0 \t0', 'chunked'],
    (value) => field(`Content-Length: ${value}`),
    400,
  ),
  ['the same Content-Length twice', field('Content-Length: 0\r\nContent-Length: 0'), 400],
  ['a Content-Length in another case', field('Content-Length: 0\r\ncontent-length: 0'), 400],
  ...each(
    'a transfer coding that is none',
    ['identity', 'gzip', 'deflate, gzip', 'chunked;q=1', '"chunked"', 'xchunked', 'chunkedx', 'chunked x', 'x chunked', 'chunked, x'],
    (value) => field(`Transfer-Encoding: ${value}`),
    [400, 501],
  ),
  ['two Transfer-Encodings', field('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'), [400, 501]],
  ['two Transfer-Encodings, one unknown', field('Transfer-Encoding: x\r\nTransfer-Encoding: chunked'), [400, 501]],
  ['Transfer-Encoding with Content-Length, in other cases', field('tRANSFER-eNCODING: chunked\r\ncONTENT-lENGTH: 3'), 400],
  ...each(
    'a version',
    ['HTTP/1', 'HTTP/1.', 'HTTP/.1', 'HTTP/11', 'HTTP/1.1.1', 'HTTP/a.b', 'HTTPS/1.1', 'XHTTP/1.1', 'HTTP/-1.1', 'HTTP/1,1',
      'HTTP/1.x', 'HTTP/01.1', 'HTTP/1.01', 'HTTP', 'HTTP/', '/1.1', 'ICY/1.0', 'RTSP/1.0', 'HTTP/\xb9.1', 'Http/1.1'],
    (version) => `GET ${path} ${version}\r\n${host}${end}`,
    [400, 505],
  ),
  ...each('another version', ['HTTP/3.0', 'HTTP/0.0', 'HTTP/9.9'], (version) => `GET ${path} ${version}\r\n${host}${end}`, 505),
  ...each('an unregistered method', ['FOO', 'Get', 'GETS', 'GE', 'G-E-T', '!', '1', long(200)], of_method, [405, 501]),
  ...each('another method', ['PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'MKCOL', 'SEARCH', 'LINK'], of_method, [405, 501]),
  ...each(
    'a method that is no token',
    ['G/ET', '"GET"', 'G,T', 'G=T', '(GET)', 'GET:', 'G\0T', 'G\xc9T', '{GET}', '<GET>', 'G\\T', '[G]', 'G;T', 'GET?', '\xef\xbb\xbfGET'],
    of_method,
    400,
  ),
  ...each(
    'a target that is none',
    ['*', '?a', '\\events', 'http:/events', 'http:events', 'http:///events', 'http://:80/events', 'http://a@localhost/events',
      'http://localhost:99999/events', 'http://localhost:x/events', 'http://[::1/events', '://localhost/events', 'localhost/events',
      '[::1]/events', 'http://', 'http://?', '"/events"', '/a b', '%2fevents', '..', '.', ':', 'http://a,b/'],
    target,
    400,
  ),
  ...(proxied
    ? []
    : each(
        'another path',
        ['/events/', '/Events', '/EVENTS', '/events;x', '/events%00', '/events%20', '/./events', '/x/../events', '/events/.',
          '/events//', '/events.', '/e%76ents/', '/event', '/eventss', '/%', '/%zz', '//events//', '/events&a=b', '/~'],
        target,
        404,
      )),
  ['a bare LF for a line end', `${get}${host.trimEnd()}\nX: a\r\n${end}`, 400],
  ['a bare LF for each line end', `GET ${path} HTTP/1.1\nHost: localhost\n\n`, 400],
  ['a bare LF after the request line', `GET ${path} HTTP/1.1\n${host}${end}`, 400],
  ['a bare LF for the last line', `${get}${host}\n${end}`, 400],
  ['a bare LF in a value', field('X: a\nb'), 400],
  ['two CRs for a line end', `${get}${host}X: a\r\r\n${end}`, 400],
  ['two CRs at the end', `${get}${host}\r\r\n${end}`, 400],
  ['LF CR for a line end', `${get}${host}X: a\n\r${end}`, 400],
  ['a line of spaces', `${get}${host}   \r\n${end}`, 400],
  ['a line of a tab', `${get}${host}\t\r\n${end}`, 400],
  ['a colon alone', `${get}${host}:\r\n${end}`, 400],
  ['a second request line', `${get}${get}${host}${end}`, 400],
  ['a status line', `HTTP/1.1 200 OK\r\n${host}${end}`, [400, 501, 505]],
  ['NUL bytes', `\0\0\0\0\r\n${end}`, 400],
  ['a request in UTF-16', [...`GET ${path}`].join('\0') + `\r\n${end}`, 400],
  ['a PROXY header, version 1', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${get}${host}${end}`, [400, 501]],
  ['a PROXY header, version 2', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c' + '\x01'.repeat(12) + `${get}${host}${end}`, 400],
  ['SMTP', 'EHLO localhost\r\n\r\n', 400],
  ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 400],
  ['Redis', '*1\r\n$4\r\nPING\r\n\r\n', 400],
  ['SOCKS 5', '\x05\x01\x00\r\n\r\n', 400],
  ['JSON', '{"jsonrpc": "2.0"}\r\n\r\n', 400],
  ['HTTP/0.9', `GET ${path}\r\n\r\n`, [400, 505]],
  ['RTSP', 'DESCRIBE rtsp://localhost/events RTSP/1.0\r\nCSeq: 1\r\n\r\n', [400, 501, 505]],
  ['the end in the middle', `${get}Ho`, ['close', 400]],

  // Odd, and right.
  ['HTTP/1.0 without Host', `GET ${path} HTTP/1.0\r\n${end}`, 200],
  ['an empty line first', `\r\n${get}${host}${end}`, 200],
  ['an absolute target', `GET http://localhost${path} HTTP/1.1\r\n${host}${end}`, 200],
  ['a query', `GET ${path}?a=b&c HTTP/1.1\r\n${host}${end}`, 200],
  ['spaces and tabs around a value', `${get}Host: \t localhost \t \r\nX:\r\n${end}`, 200],
  ['Latin-1 in a value', `${get}${host}X: \xe4\r\n${end}`, 200],
  ['a Content-Length of 0', `${get}${host}Content-Length: 0\r\n${end}`, 200],
  ['an IPv6 Host', `${get}Host: [::1]:8080\r\n${end}`, 200],
  ['a name in capitals', `${get}HOST: localhost\r\n${end}`, 200],
  ['an upgrade that is not known', `${get}${host}Connection: Upgrade\r\nUpgrade: h2c\r\n${end}`, 200],
  ['HEAD', `HEAD ${path} HTTP/1.1\r\n${host}${end}`, 200],
  ['an absolute target with a port', `GET http://localhost:80${path} HTTP/1.1\r\n${host}${end}`, 200],
  ...each(
    'a Host',
    ['localhost:', 'localhost:0', 'localhost:65535', 'LOCALHOST', '127.0.0.1', '127.0.0.1:80', '[::1]'],
    (value) => `${get}Host: ${value}\r\n${end}`,
    200,
  ),
  ...each(
    'a field that nobody needs',
    ['Connection: close', 'Connection: keep-alive, x', 'TE: trailers', 'Range: bytes=0-', 'If-None-Match: *', 'Accept: text/html',
      'Accept-Encoding: gzip, br', 'Cache-Control: no-store', 'Cookie: a=b; c="d', 'Max-Forwards: 0', 'X:', 'X: a:b: c', 'X: \t\t',
      `X: ${long(4000)}`, "!#$%&'*+-.^_`|~09aZ: a", 'X: a\r\nX: b', 'Last-Event-ID:', 'Last-Event-ID: 1', 'Last-Event-ID: \xc3\xa9',
      'Last-Event-ID: 99999999999999999999-99999999999999999999', 'Proxy-Connection: keep-alive'],
    field,
    200,
  ),
  ...each('a query', ['?', '??', '?a=%', '?%00', '?a=b?c', '?lastEventId=', '?lastEventId=%zz', `?${long(2000)}`], (query) => target(path + query), 200),
  ['two requests at once', `${get}${host}${end}${get}${host}${end}`, 200],
];

const fail = (message) => {
  console.error(`FAIL: ${message}`);
  process.exit(1);
};

if (new Set(heads.map(([, bytes]) => bytes)).size !== heads.length) fail('a head stands twice');
if (heads.length < 250) fail(`${heads.length} heads, not 250`);

// What comes back: the status, `close`, or an explanation; `by_byte` sends byte by byte.
function ask(bytes, by_byte = false) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      if (by_byte) for (const byte of bytes) socket.write(byte, 'latin1');
      else socket.write(bytes, 'latin1');
      if (bytes === '' || bytes.endsWith('Ho')) socket.end();
    });
    socket.setNoDelay(true);
    let answer = '';
    const limit = setTimeout(() => done(`no answer within 10 s, but ${JSON.stringify(answer)}`), 10_000);
    const done = (result) => {
      clearTimeout(limit);
      socket.destroy();
      resolve(result);
    };
    socket.on('data', (part) => {
      answer += part.toString('latin1');
      if (!answer.includes('\r\n\r\n')) return;
      const status = /^HTTP\/1\.1 (\d{3}) [^\r\n\0]*\r\n/.exec(answer);
      if (!status) done(`an answer that is no HTTP: ${JSON.stringify(answer.slice(0, 80))}`);
      else if (status[1] !== '200' || bytes.startsWith('HEAD')) done(Number(status[1]));
      else if (answer.includes('"type":"connection"')) done(200);
    });
    socket.on('error', () => {}); // RST after an answer: the rest of what was sent is not read
    socket.on('close', () => done('close'));
  });
}

const good = `${get}${host}${end}`;
if ((await ask(good, true)) !== 200) fail('a request that comes byte by byte got no stream');
for (const [name, bytes, right] of heads) {
  if (name === 'two slashes' && path !== '/events') continue; // another path, which a proxy passes on
  const got = await ask(bytes);
  if (![right].flat().includes(got)) fail(`${name}: ${got}, expected ${[right].flat().join(' or ')}`);
  const next = await ask(good);
  if (next !== 200) fail(`the good request after "${name}" got no stream: ${next}`);
}
console.log(`${heads.length} heads`);
