// RedisLog where connections, servers and settings fail: complete, or told by name and with the count.
#include <future>

#include "redis_support.hpp"

using namespace sse_test;

namespace {

std::string error_of(const std::string& url, RedisLogOptions options = {}) {
  try {
    RedisLog(url, std::move(options));
  } catch (const LogError&) {
    FAIL("a constructor throws what can never pass");
  } catch (const sse::Error& error) {
    return error.what();
  }
  return "none";
}

/// Appends this text, and the number is the next one.
void put(EventLog& log, std::uint64_t number) {
  until_it_works([&] { append(log, number, {std::to_string(number)}); });
}

std::vector<std::string> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::string> texts;
  for (; first <= last; ++first) texts.push_back(std::to_string(first));
  return texts;
}

/// Reads on until the event of this number is there; every loss and every reset is a failure.
void read_to(EventLog& log, Events& events, std::uint64_t number) {
  while (events.empty() || std::stoull(events.back().data) < number) {
    const LogRead result = until_it_works([&] { return read(log, events.empty() ? 0 : events.back().n, events, 1s); });
    INFO(result.note);
    REQUIRE(result.lost == 0u);
  }
}

template <class Condition>
void wait_for(Condition condition) {
  for (const auto end = std::chrono::steady_clock::now() + 60s; !condition();) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(2ms);
  }
}

bool has_replica(const RedisServer& server) {
  return server({"INFO", "replication"}).find("state=online") != std::string::npos;
}

}  // namespace

TEST_CASE("Redis: the constructor refuses what can never be a server, and says no password") {
  const auto refuses = [](const std::string& url, std::string_view reason) {
    const std::string error = error_of(url);
    CAPTURE(url, error);
    CHECK(error.find(reason) != error.npos);
    CHECK(error.find("secret") == error.npos);
  };
  refuses("", "begins with none of");
  refuses("http://:secret@host", "begins with none of");
  refuses("redis://", "the host is missing");
  refuses("redis://:secret@", "the host is missing");
  refuses("redis://me:secret@host:port", "the port");
  refuses("redis://me:secret@host:0", "the port");
  refuses("redis://me:secret@host:65536", "the port");
  refuses("redis://me:secret@::1", "needs brackets");
  refuses("redis://me:secret@[::1", "bracket");
  refuses("redis://me:secret@[::1]x", "the port");
  refuses("redis://me:secret@host/x", "the database");
  refuses("redis://host/0?password=secret", "a query");
  refuses("redis://:secret%zz@host", "hexadecimal");
  refuses("redis://:secret%00@host", "zero byte");
  refuses("unix:relative", "begins with a slash");
  refuses("unix:/path?password=secret", "db=DATABASE");
  RedisLogOptions options;
  options.key.clear();
  CHECK(error_of("redis://host", options).find("the key") != std::string::npos);
  options = {};
  options.sentinels = {"127.0.0.1"};
  CHECK(error_of("", options).find("master_name") != std::string::npos);
  for (const char* const url :
       {"redis://host", "redis://u:p%40@host:1/15", "redis://[::1]:7/", "unix:/a?db=3", "unix:///a"}) {
    CHECK(error_of(url) == "none");
  }
#if !defined(SSE_REDIS_TLS)
  refuses("rediss://:secret@host", "without TLS");
#endif
}

TEST_CASE("Redis: password, ACL user, database, Unix socket and IPv6") {
  const Folder folder;
  const RedisServer server(
      {"--unixsocket", folder.file("socket"), "--requirepass", "top secret@", "--bind", "127.0.0.1", "-::1"});
  RedisClient admin(server.port());
  REQUIRE(admin({"AUTH", "top secret@"}) == "OK");
  // The rights that a log needs.
  REQUIRE(admin({"ACL", "SETUSER", "shop", "on", ">p:w", "~{sse}*", "-@all", "+evalsha", "+eval", "+xadd", "+xrevrange",
                 "+xread", "+xinfo|stream", "+get", "+set", "+time", "+role", "+select", "+auth"}) == "OK");
  const std::string place = "127.0.0.1:" + std::to_string(server.port());
  RedisLog password("redis://:top%20secret%40@" + place), user("redis://shop:p%3Aw@" + place);
  append(password, 1, {"a"});
  append(user, 1, {"b"});
  CHECK(data_of(read_all(user, 0)) == std::vector<std::string>{"a", "b"});

  RedisLogOptions options;
  options.password = "top secret@";
  RedisLog database("redis://" + place + "/3", options), socket("unix:" + folder.file("socket") + "?db=3", options);
  append(database, 1, {"c"});
  append(socket, 1, {"d"});
  CHECK(data_of(newest(socket, 9)) == std::vector<std::string>{"c", "d"});
  CHECK(admin({"DBSIZE"}) == "3");

  RedisLog wrong("redis://shop:secret@" + place), none("redis://" + place),
      far("redis://:top%20secret%40@" + place + "/99");
  for (RedisLog* const log : {&wrong, &none, &far}) {
    const LogError error = failure([&] { append(*log, 1, {"x"}); });
    CHECK_FALSE(error.may_pass());
    CHECK(mentions(error, log == &wrong ? "WRONGPASS" : log == &none ? "NOAUTH" : "out of range"));
    CHECK(mentions(error, "redis://" + place));
    CHECK(std::string(error.what()).find("secret") == std::string::npos);
    CHECK_FALSE(failure([&] { newest(*log, 1); }).may_pass());
  }
  CHECK(admin({"ACL", "SETUSER", "shop", "-xadd"}) == "OK");
  const LogError error = failure([&] { append(user, 2, {"x"}); });
  CHECK(mentions(error, "NOPERM"));
  CHECK_FALSE(error.may_pass());
  CHECK(admin({"ACL", "SETUSER", "shop", "+xadd"}) == "OK");
  append(user, 2, {"e"});

  RedisLog ipv6("redis://:top%20secret%40@[::1]:" + std::to_string(server.port()));
  const int probe = ::socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool has_ipv6 = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  if (!has_ipv6) SKIP("this machine has no IPv6");
  append(ipv6, 1, {"f"});
}

TEST_CASE("Redis: TLS, with the server's name checked") {
#if !defined(SSE_REDIS_TLS)
  SKIP("hiredis has no TLS here");
#else
  const Folder folder;
  const std::string certificate = folder.file("cert.pem"), key = folder.file("key.pem");
  if (std::system(
          ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj /CN=localhost "
           "-addext subjectAltName=DNS:localhost -keyout " +
           key + " -out " + certificate + " 2>/dev/null")
              .c_str()) != 0) {
    SKIP("there is no openssl");
  }
  const int port = free_port();
  const RedisServer server({"--tls-port", std::to_string(port), "--tls-cert-file", certificate, "--tls-key-file", key,
                            "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no"});
  RedisLogOptions options = quick();
  options.tls_ca_file = certificate;
  RedisLog log("rediss://localhost:" + std::to_string(port), options);
  const std::string large(std::size_t{3} << 20, 'x');
  append(log, 1, {"a", large});
  CHECK(data_of(newest(log, 9)) == std::vector<std::string>{"a", large});
  auto waiting = std::async(std::launch::async, [&] {
    Events events;
    while (events.empty()) read(log, 2, events, 1s);
    return data_of(events);
  });
  append(log, 2, {"b"});
  CHECK(waiting.get() == std::vector<std::string>{"b"});

  RedisLog other_name("rediss://127.0.0.1:" + std::to_string(port), options);
  CHECK(mentions(failure([&] { append(other_name, 1, {"x"}); }), "certificate verify failed"));
  options.tls_ca_file.clear();
  RedisLog other_authority("rediss://localhost:" + std::to_string(port), options);
  CHECK(mentions(failure([&] { append(other_authority, 1, {"x"}); }), "certificate verify failed"));
  options.tls_ca_file = folder.file("none");
  CHECK(error_of("rediss://localhost", options).find("none cannot be used") != std::string::npos);
#endif
}

TEST_CASE("Redis: a server that takes no events for now says so by name, on the same connection") {
  const RedisServer server({"--save", "3600 1", "--dbfilename", "dump.rdb"});
  RedisLog log(server.url());
  append(log, 1, {"a"});
  const auto connections = [&] {
    const std::string info = server({"INFO", "stats"});
    return std::stoi(info.substr(info.find("total_connections_received:") + 27));
  };
  const auto refuses = [&](std::uint64_t number, std::string_view name) {
    const int before = connections();
    for (int i = 0; i < 3; ++i) {
      const LogError error = failure([&] { append(log, number, {"x"}); });
      CHECK(error.may_pass());
      CHECK(mentions(error, name));
    }
    CHECK(connections() == before + 1);  // the person's own
  };
  server.option("maxmemory", "1");
  refuses(2, "OOM");
  server.option("maxmemory", "0");
  append(log, 2, {"b"});
  server.option("min-replicas-to-write", "1");
  refuses(3, "NOREPLICAS");
  server.option("min-replicas-to-write", "0");
  append(log, 3, {"c"});

  const fs::path moved = server.folder().string() + "-moved";
  fs::rename(server.folder(), moved);
  fs::remove_all(moved);  // the server's folder: no file can be made in it
  server({"BGSAVE"});
  wait_for([&] { return server({"INFO", "persistence"}).find("rdb_last_bgsave_status:err") != std::string::npos; });
  refuses(4, "MISCONF");
  server.option("stop-writes-on-bgsave-error", "no");
  append(log, 4, {"d"});
  CHECK(data_of(read_all(log, 0)) == std::vector<std::string>{"a", "b", "c", "d"});
}

TEST_CASE("Redis: a replica is told as READONLY, and a master again goes on") {
  const RedisServer server;
  RedisLog log(server.url(), quick());
  append(log, 1, {"a"});
  CHECK(newest(log, 9).size() == 1);
  server({"REPLICAOF", "127.0.0.1", std::to_string(free_port())});
  for (int i = 0; i < 2; ++i) {  // on a connection of before, and on a new one
    const LogError error = failure([&] { append(log, 2, {"b"}); });
    CHECK(error.may_pass());
    CHECK(mentions(error, "READONLY"));
    Events events;
    const LogError reading = failure([&] { read(log, 1, events, 300ms); });  // when it has waited in vain
    CHECK(reading.may_pass());
    CHECK(mentions(reading, "READONLY"));
  }
  server({"REPLICAOF", "NO", "ONE"});
  append(log, 2, {"b"});
  CHECK(data_of(read_all(log, 1)) == std::vector<std::string>{"b"});
}

TEST_CASE("Redis: a demotion ends a read that waits") {
  const RedisServer server;
  RedisLogOptions options;
  options.block = 60s;
  RedisLog log(server.url(), options);
  append(log, 1, {"a"});
  log.open(0, {});
  auto waiting = std::async(std::launch::async, [&] {
    Events events;
    return std::string(failure([&] { read(log, 1, events, 60s); }).what());
  });
  wait_for([&] { return server({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos; });
  server({"REPLICAOF", "127.0.0.1", std::to_string(free_port())});
  CHECK(waiting.get().find("UNBLOCKED") != std::string::npos);
}

TEST_CASE("Redis: a key of another type, an unknown name, a cluster without slots are told by name") {
  const RedisServer server;
  server({"SET", "{sse}", "x"});
  RedisLog log(server.url());
  CHECK(mentions(failure([&] { append(log, 1, {"a"}); }), "WRONGTYPE"));
  CHECK(mentions(failure([&] { newest(log, 1); }), "WRONGTYPE"));
  CHECK_FALSE(failure([&] { append(log, 1, {"a"}); }).may_pass());
  server({"DEL", "{sse}"});
  append(log, 1, {"a"});

  const RedisServer cluster({"--cluster-enabled", "yes"});
  RedisLog node(cluster.url());
  const LogError error = failure([&] { append(node, 1, {"a"}); });
  CHECK(mentions(error, "CLUSTERDOWN"));
  CHECK(error.may_pass());
  CHECK(cluster({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"}) == "OK");
  put(node, 1);
  CHECK(data_of(read_all(node, 0)) == std::vector<std::string>{"1"});

  RedisLog nobody("redis://127.0.0.1:" + std::to_string(free_port()));
  const LogError refused = failure([&] { append(nobody, 1, {"a"}); });
  CHECK(refused.may_pass());
  CHECK(mentions(refused, "Connection refused"));
}

TEST_CASE("Redis: a server that loads its data is told as LOADING") {
  RedisServer server(
      {"--dbfilename", "dump.rdb", "--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"});
  RedisLog log(server.url(), quick());
  append(log, 1, {"a"});
  RedisClient client(server.port());
  for (int i = 0; i < 300; ++i) client({"SET", std::to_string(i), std::string(3000, static_cast<char>('a' + i % 26))});
  REQUIRE(client({"SAVE"}) == "OK");
  server.kill();
  server.launch();
  bool loading = false;
  for (std::uint64_t number = 2; number == 2;) {
    try {
      append(log, number, {"b"});
      ++number;
    } catch (const LogError& error) {
      CHECK(error.may_pass());
      loading = loading || std::string(error.what()).find("LOADING") != std::string::npos;
      std::this_thread::sleep_for(1ms);
    }
  }
  CHECK(loading);
  CHECK(data_of(read_all(log, 0)) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("Redis: a batch whose exchange ends at any byte is in the stream once") {
  const RedisServer server;
  Proxy proxy(server.port());
  RedisLog log(proxy.url(), quick());
  std::uint64_t number = 0;
  std::vector<std::string> expected;
  const auto round = [&](long to_server, long from_server) {
    ++number;
    proxy.cut_next(to_server, from_server);
    until_it_works([&] { append(log, number, {"a" + std::to_string(number), "b" + std::to_string(number)}); });
    expected.push_back("a" + std::to_string(number));
    expected.push_back("b" + std::to_string(number));
  };
  append(log, ++number, {"a1", "b1"});
  expected = {"a1", "b1"};
  const long step = sanitized ? 7 : 1;
  long bytes = 0;
  for (int cuts = -1; proxy.cuts() > cuts && bytes < 2000; bytes += step) {
    cuts = proxy.cuts();
    round(bytes, -1);
  }
  CHECK(bytes > 250);
  bytes = 0;
  for (int cuts = -1; proxy.cuts() > cuts && bytes < 2000; bytes += step) {
    cuts = proxy.cuts();
    round(-1, bytes);
  }
  CHECK(bytes > 40);
  for (bytes = 0; bytes < 4000; bytes += 19 * step) {  // with the script sent whole
    server({"SCRIPT", "FLUSH"});
    round(bytes, -1);
  }
  CHECK(data_of(read_all(log, 0)) == expected);
}

TEST_CASE("Redis: a read whose exchange ends at any byte gives each event once") {
  const RedisServer server;
  Proxy proxy(server.port());
  RedisLog writer(server.url()), log(proxy.url(), quick());
  put(log, 1);  // so that it also asks what it has lost
  Events events;
  read_to(log, events, 1);
  const long step = sanitized ? 11 : 1;
  std::uint64_t number = 1;
  for (const bool from_server : {false, true}) {
    for (long bytes = 0; bytes < 700; bytes += from_server ? step : 3 * step) {
      append(writer, number, {std::to_string(number + 1)});
      ++number;
      proxy.cut_next(from_server ? -1 : bytes, from_server ? bytes : -1);
      read_to(log, events, number);
    }
  }
  CHECK(proxy.cuts() > (sanitized ? 20 : 60));
  CHECK(data_of(events) == numbers(1, number));
}

TEST_CASE("Redis: connections that are killed in a row lose and double nothing") {
  const RedisServer server;
  RedisLog log(server.url(), quick());
  log.open(0, {});
  std::atomic<bool> done = false;
  std::thread killer([&] {
    RedisClient client(server.port());
    while (!done) client({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}), std::this_thread::sleep_for(2ms);
  });
  constexpr std::uint64_t total = sanitized ? 100 : 300;
  std::thread writer([&] {
    for (std::uint64_t number = 1; number <= total; ++number) {
      until_it_works([&] { append(log, number, {std::to_string(number)}); });
      std::this_thread::sleep_for(1ms);
    }
  });
  Events events;
  read_to(log, events, total);
  writer.join();
  done = true;
  killer.join();
  CHECK(data_of(events) == numbers(1, total));
}

TEST_CASE("Redis: a server or a link that stands still is told in time, and nothing is doubled when it goes on") {
  const RedisServer server;
  Proxy proxy(server.port());
  RedisLog log(proxy.url(), quick());
  put(log, 1);
  Events events;
  read_to(log, events, 1);
  std::uint64_t number = 1;
  for (const bool link : {false, true}) {
    link ? proxy.swallow(true) : server.signal(SIGSTOP);
    const auto begin = std::chrono::steady_clock::now();
    auto reading = std::async(std::launch::async, [&] { return failure([&] { read(log, number, events, 200ms); }); });
    const LogError error = failure([&] { append(log, number + 1, {std::to_string(number + 1)}); });
    CHECK(error.may_pass());
    CHECK(mentions(error, "no reply within 500 ms"));
    CHECK(reading.get().may_pass());
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    CHECK(failure([&] { append(log, number + 1, {std::to_string(number + 1)}); }).may_pass());
    link ? proxy.swallow(false) : server.signal(SIGCONT);
    put(log, ++number);
    read_to(log, events, number);
  }
  CHECK(data_of(events) == numbers(1, 3));
}

TEST_CASE("Redis: an interrupt ends an append that waits for a server that stands still") {
  const RedisServer server;
  RedisLog log(server.url());
  put(log, 1);
  server.signal(SIGSTOP);
  auto waiting = std::async(std::launch::async, [&] { return failure([&] { append(log, 2, {"2"}); }); });
  while (waiting.wait_for(10ms) != std::future_status::ready) log.interrupt();
  CHECK(mentions(waiting.get(), "interrupted"));
  server.signal(SIGCONT);
  put(log, 2);
  CHECK(data_of(read_all(log, 0)) == numbers(1, 2));
}

TEST_CASE("Redis: kill -9 of a server that writes each command to disk loses and doubles nothing") {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  RedisLog log(server.url(), quick()), other(server.url(), quick());
  log.open(0, {});
  std::atomic<std::uint64_t> written = 0;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    while (!done) put(log, written + 1), ++written;
  });
  Events events, others;
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = written;
    wait_for([&] { return written >= before + 30; });
    server.kill();
    server.start();
    read_to(log, events, written);
  }
  done = true;
  writer.join();
  read_to(log, events, written);
  read_to(other, others, written);
  CHECK(data_of(events) == numbers(1, written));
  CHECK(others == events);
}

TEST_CASE("Redis: kill -9 of a server without persistence is a rewritten log, and all goes on") {
  RedisServer server;
  RedisLog log(server.url(), quick()), other(server.url(), quick());
  for (std::uint64_t number = 1; number <= 5; ++number) put(log, number);
  Events events;
  read_to(log, events, 5);
  read_to(other, events, 5);
  server.kill();
  server.start();
  for (RedisLog* const each : {&log, &other}) {
    const LogRead result = until_it_works([&] { return read(*each, 5, events); });
    CHECK_FALSE(result.lost);
    CHECK(newest(*each, 9).empty());
  }
  put(log, 6);
  put(other, 1);
  CHECK(data_of(read_all(log, 0)) == std::vector<std::string>{"6", "1"});
  CHECK(data_of(read_all(other, 0)) == std::vector<std::string>{"6", "1"});
}

TEST_CASE("Redis: FLUSHALL and DEL are a rewritten log, idle, waiting or with new events") {
  const RedisServer server;
  RedisLog log(server.url(), quick()), other(server.url(), quick());
  std::uint64_t number = 0;
  for (const char* const command : {"FLUSHALL", "DEL"}) {
    for (const bool append_after : {false, true}) {
      for (int i = 0; i < 3; ++i) put(log, ++number);
      const LogBegin begin = other.open(0, {});
      RedisClient client(server.port());
      client(command == std::string("DEL") ? std::initializer_list<std::string>{"DEL", "{sse}"}
                                           : std::initializer_list<std::string>{"FLUSHALL"});
      if (append_after) put(log, ++number);
      std::optional<std::uint64_t> lost = 0;
      Events events;
      while (lost == 0u && events.empty()) lost = read(other, begin.tail, events, 100ms).lost;
      CHECK_FALSE(lost);
      CHECK(events.empty());
      CHECK(newest(other, 9).size() == (append_after ? 1 : 0));
    }
  }
}

TEST_CASE("Redis: acknowledged events that a restart has lost are counted at every reader, exactly") {
  RedisServer server({"--dbfilename", "dump.rdb"});
  const auto settings = quick();
  RedisLog log(server.url(), settings), behind(server.url(), settings), ahead(server.url(), settings),
      early(server.url(), settings);
  Events all, some, early_events;
  for (std::uint64_t number = 1; number <= 20; ++number) put(log, number);
  read(behind, 0, some);
  REQUIRE(some.size() == 20);
  server({"SAVE"});
  for (std::uint64_t number = 21; number <= 30; ++number) put(log, number);
  read_to(log, all, 30);
  read_to(ahead, early_events, 30);
  read_to(early, early_events, 30);
  server.kill();
  server.start();

  // A reader that has seen more than the server has, and asks before the emitter, is told a reset.
  CHECK_FALSE(until_it_works([&] { return read(early, 30, early_events); }).lost);
  CHECK(early.open(0, {}).tail == 20);
  // The emitter has seen them all, and so has another reader that asks after it.
  CHECK(until_it_works([&] { return read(log, 30, all); }).lost == 0u);
  CHECK(until_it_works([&] { return read(ahead, 30, all); }).lost == 0u);
  // One that has not is told how many.
  CHECK(until_it_works([&] { return read(behind, 20, some); }).lost == 10u);
  CHECK(some.size() == 20);
  CHECK(read(early, 20, early_events).lost == 10u);

  put(log, 31);
  for (RedisLog* const each : {&log, &behind, &ahead, &early}) {
    Events events;
    while (events.empty()) REQUIRE(until_it_works([&] { return read(*each, 30, events, 100ms); }).lost == 0u);
    CHECK(events[0].n == 31);
    CHECK(events[0].data == "31");
  }
  RedisLog later(server.url());
  CHECK(data_of(newest(later, 100)) == std::vector<std::string>{"31"});
  std::uint64_t lost = 0;
  CHECK(read_all(later, 0, &lost).size() == 21);
  CHECK(lost == 10);
}

TEST_CASE("Redis: an emitter that only appends tells the loss with its next batch") {
  RedisServer server({"--dbfilename", "dump.rdb"});
  RedisLog log(server.url(), quick()), reader(server.url(), quick());
  append(log, 1, {"a", "b", "c"});
  CHECK(read_all(reader, 0).size() == 3);
  server({"SAVE"});
  append(log, 2, {"d", "e"});
  append(log, 3, {"f", "g", "h"});
  server.kill();
  server.start();
  until_it_works([&] { append(log, 4, {"i"}); });
  Events events;
  CHECK(until_it_works([&] { return read(reader, 3, events); }).lost == 5u);
  CHECK(data_of(events) == std::vector<std::string>{"i"});
  CHECK(events[0].n == 9);
}

TEST_CASE("Redis: hostile replies are errors, soon and in little memory") {
  const RedisServer real;
  const std::string role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
  std::string nested, integers = "*100000\r\n";
  for (int i = 0; i < 100'000; ++i) nested += "*1\r\n", integers += ":1\r\n";
  const std::string hostile[] = {
      nested,
      "*2147483647\r\n",
      "*-2\r\n",
      "*99999999999999999999\r\n",
      "*50000\r\n*50000\r\n*50000\r\n",
      "$99999999999999\r\nx",
      "$-7\r\n",
      "$400000000\r\n" + std::string(100'000, 'x'),
      std::string(100'000, '+'),
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      ":1\r\n",
      "$3\r\nabc\r\n",
      "*1\r\n*2\r\n$5\r\n{sse}\r\n*1\r\n*2\r\n$2\r\nxx\r\n*0\r\n",
      "*1\r\n*2\r\n:1\r\n*1\r\n*2\r\n:7\r\n$-1\r\n",
      "*1\r\n*2\r\n$3\r\n1-1\r\n*10\r\n:1\r\n*1\r\n:1\r\n$-1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
      "%1\r\n+a\r\n+b\r\n",
      ",1.5\r\n",
      "#t\r\n",
      "_\r\n",
      "=5\r\ntxt:x\r\n",
      integers,
      "-\r\n",
      "-MOVED 1 :0\r\n",
      "-MOVED\r\n",
      std::string("\0\0\0\0", 4)};
  for (const std::string& reply : hostile) {
    for (const bool first : {true, false}) {
      Listener fake([&](int connection) {
        char bytes[65536];
        int commands = 0;
        while (::recv(connection, bytes, sizeof bytes, 0) > 0) {
          const std::string& answer = first || commands++ > 0 ? reply : role;
          if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
        }
      });
      CAPTURE(reply.substr(0, 60), first);
      RedisLogOptions options;
      options.reply_timeout = 50ms;
      options.block = 10ms;
      RedisLog log(fake.url(), options);
      const auto begin = std::chrono::steady_clock::now();
      const auto is_survived = [&](auto function) {
        try {
          function();
        } catch (const LogError& error) {
          CHECK(mentions(error, fake.url()));
        }
      };
      is_survived([&] { append(log, 1, {"a"}); });
      is_survived([&] { newest(log, 5); });
      Events events;
      is_survived([&] { read(log, 0, events, 10ms); });
      CHECK(events.size() <= 1);
      CHECK(std::chrono::steady_clock::now() - begin < 5s);
    }
  }
}

TEST_CASE("Redis: a cluster's redirection is followed") {
  const RedisServer server;
  const std::string role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
                    moved = "-MOVED 1234 127.0.0.1:" + std::to_string(server.port()) + "\r\n";
  Listener node([&](int connection) {
    char bytes[65536];
    for (int commands = 0; ::recv(connection, bytes, sizeof bytes, 0) > 0;) {
      const std::string& answer = commands++ > 0 ? moved : role;
      if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    }
  });
  RedisLog log(node.url());
  put(log, 1);
  Events events;
  read_to(log, events, 1);
  CHECK(server({"XLEN", "{sse}"}) == "1");
}

TEST_CASE("Redis: SIGPIPE stays what it was") {
  const RedisServer server;
  Proxy proxy(server.port());
  struct sigaction before;
  struct sigaction fatal = {};
  fatal.sa_handler = [](int) { ::_exit(99); };
  ::sigaction(SIGPIPE, &fatal, &before);
  RedisLog log(proxy.url(), quick());
  put(log, 1);
  const std::string large(std::size_t{8} << 20, 'x');
  for (std::uint64_t number = 2; number < 8; ++number) {
    proxy.cut_next(-1, -1);
    until_it_works([&] { append(log, number, {large}); });
  }
  sigset_t pending, blocked;
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  ::sigaction(SIGPIPE, &before, nullptr);
  CHECK(sigismember(&pending, SIGPIPE) == 0);
  CHECK(sigismember(&blocked, SIGPIPE) == 0);
}

TEST_CASE("Redis: a planned failover while events are appended loses and doubles nothing") {
  RedisServer first, second({"--replicaof", "127.0.0.1", std::to_string(first.port())});
  wait_for([&] { return has_replica(first); });
  Proxy proxy(first.port());  // the address that the operator moves
  RedisLog log(proxy.url(), quick()), other(proxy.url(), quick());
  std::atomic<std::uint64_t> written = 0;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    while (!done) put(log, written + 1), ++written;
  });
  Events events;
  for (int round = 0; round < 3; ++round) {
    const RedisServer &from = round % 2 ? second : first, &to = round % 2 ? first : second;
    const std::uint64_t before = written;
    wait_for([&] { return written > before + 50; });
    wait_for([&] { return has_replica(from); });
    CHECK(from({"FAILOVER"}) == "OK");
    wait_for([&] { return to({"ROLE"}).starts_with("master"); });
    proxy.go_to(to.port());
    read_to(log, events, written + 20);
  }
  done = true;
  writer.join();
  Events others;
  read_to(log, events, written);
  read_to(other, others, written);
  CHECK(data_of(events) == numbers(1, written));
  CHECK(others == events);
}

TEST_CASE("Redis: a failover that loses the tail is told, with the count where the emitter knows it") {
  RedisServer first;
  Proxy replication(first.port());
  RedisServer second({"--replicaof", "127.0.0.1", std::to_string(replication.port())});
  wait_for([&] { return has_replica(first); });
  Proxy proxy(first.port());
  RedisLog log(proxy.url(), quick()), behind(proxy.url(), quick()), ahead(proxy.url(), quick());
  for (std::uint64_t number = 1; number <= 10; ++number) put(log, number);
  Events events, some;
  read_to(behind, some, 10);
  wait_for([&] { return second({"XLEN", "{sse}"}) == "10"; });
  replication.swallow(true);
  for (std::uint64_t number = 11; number <= 14; ++number) put(log, number);
  read_to(ahead, events, 14);
  first.kill();
  second({"REPLICAOF", "NO", "ONE"});
  proxy.go_to(second.port());
  CHECK_FALSE(until_it_works([&] { return read(ahead, 14, events); }).lost);  // it has seen more than there is
  put(log, 15);
  CHECK(until_it_works([&] { return read(behind, 10, some); }).lost == 4u);
  CHECK(some.back().data == "15");
  CHECK(some.back().n == 15);
}

TEST_CASE("Redis: sentinels name the server, also after the master has died") {
  RedisServer first, second({"--replicaof", "127.0.0.1", std::to_string(first.port())});
  wait_for([&] { return has_replica(first); });
  const RedisServer sentinel(RedisServer::Sentinel{"sentinel monitor shop 127.0.0.1 " + std::to_string(first.port()) +
                                                   " 1\nsentinel down-after-milliseconds shop 200\n" +
                                                   "sentinel failover-timeout shop 1000\n"});
  RedisLogOptions options = quick();
  options.sentinels = {"127.0.0.1:" + std::to_string(free_port()), "127.0.0.1:" + std::to_string(sentinel.port())};
  options.master_name = "nobody";
  {
    RedisLog log(options);
    const LogError error = failure([&] { append(log, 1, {"x"}); });
    CHECK(error.may_pass());
    CHECK(mentions(error, "does not know the name"));
    CHECK(mentions(error, "Connection refused"));
  }
  options.master_name = "shop";
  RedisLog log(options);
  std::uint64_t number = 0;
  Events events;
  for (int i = 0; i < 10; ++i) put(log, ++number);
  read_to(log, events, 10);
  wait_for([&] {
    return sentinel({"SENTINEL", "REPLICAS", "shop"}).find(std::to_string(second.port())) != std::string::npos;
  });
  wait_for([&] { return second({"XLEN", "{sse}"}) == "10"; });
  first.kill();
  for (int i = 0; i < 10; ++i) put(log, ++number);
  read_to(log, events, number);
  CHECK(data_of(events) == numbers(1, number));
  CHECK(second({"XLEN", "{sse}"}) == "20");
}

TEST_CASE("Redis: Valkey does the same") {
  RedisServer server({"--dbfilename", "dump.rdb"}, "valkey-server");
  RedisLog log(server.url(), quick()), reader(server.url(), quick());
  for (std::uint64_t number = 1; number <= 20; ++number) put(log, number);
  Events events;
  read_to(reader, events, 20);
  server({"SAVE"});
  put(log, 21);
  server.kill();
  server.start();
  put(log, 22);
  CHECK(until_it_works([&] { return read(reader, 20, events); }).lost == 1u);
  CHECK(events.back().data == "22");
  server.option("maxmemory", "1");
  CHECK(mentions(failure([&] { append(log, 23, {"x"}); }), "OOM"));
  server({"SET", "other", "x"});
}
