// The parts of `serve` that need no socket: the gate, the queue of sessions, addresses, the PROXY header.
#include <sse/detail/base/intrusive_queue.hpp>
#include <sse/detail/http1/proxy_header.hpp>
#include <sse/detail/net/address_set.hpp>
#include <sse/detail/net/handler_memory.hpp>
#include <sse/detail/server/session_gate.hpp>
#include <sse/http.hpp>

#include "support.hpp"

namespace sse_test {
namespace {

using namespace std::string_literals;
using sse::detail::ProxyHeader;

struct Item : sse::detail::IntrusiveQueue<Item>::Hook {
  explicit Item(int its_number) : number(its_number) {}
  int number;
};

TEST_CASE("an intrusive queue has its oldest element first, whichever was erased") {
  for (int erased = 0; erased < 3; ++erased) {
    sse::detail::IntrusiveQueue<Item> queue;
    std::vector<std::unique_ptr<Item>> items;
    for (int n = 0; n < 3; ++n) queue.push_back(*items.emplace_back(std::make_unique<Item>(n)));
    queue.erase(*items[static_cast<std::size_t>(erased)]);
    CHECK_FALSE(items[static_cast<std::size_t>(erased)]->is_queued());
    queue.push_back(*items[static_cast<std::size_t>(erased)]);
    std::vector<int> seen;
    queue.for_each([&](const Item& item) { seen.push_back(item.number); });
    std::vector<int> wanted;
    for (int n = 0; n < 3; ++n)
      if (n != erased) wanted.push_back(n);
    wanted.push_back(erased);
    CHECK(seen == wanted);
    CHECK(queue.first()->number == wanted.front());
    for (const auto& item : items) queue.erase(*item);
    CHECK(queue.first() == nullptr);
  }
}

TEST_CASE("a gate is passed once it is closed and the last one has left") {
  sse::detail::SessionGate gate;
  int passed = 0;
  gate.when_passed([&] { ++passed; });
  gate.enter();
  gate.enter();
  gate.leave();
  gate.leave();
  CHECK_FALSE(gate.is_passed());
  gate.enter();
  gate.close();
  CHECK(gate.is_closed());
  CHECK_FALSE(gate.is_passed());
  CHECK(passed == 0);
  gate.leave();
  CHECK(gate.is_passed());
  CHECK(passed == 1);
}

TEST_CASE("a handler's memory is given to one operation at a time") {
  sse::detail::HandlerMemory memory;
  void* const first = memory.allocate(100);
  void* const second = memory.allocate(100);
  void* const large = memory.allocate(10'000);
  CHECK(first != second);
  memory.release(first);
  CHECK(memory.allocate(200) == first);
  memory.release(second);
  memory.release(large);
}

TEST_CASE("a set of addresses has what is in its networks") {
  const sse::detail::AddressSet set({"192.0.2.1", "10.0.0.0/9", "2001:db8::/33", "::1"});
  for (const auto* in :
       {"192.0.2.1", "10.0.0.1", "10.127.255.255", "2001:db8::1", "2001:db8:7fff::", "::1", "::ffff:10.1.2.3"}) {
    INFO(in);
    CHECK(set.contains(in));
  }
  for (const auto* out : {"192.0.2.2", "10.128.0.0", "11.0.0.0", "2001:db8:8000::", "::2", "", "unix", "nonsense"}) {
    INFO(out);
    CHECK_FALSE(set.contains(out));
  }
  CHECK(sse::detail::AddressSet({"unix"}).contains(""));
  CHECK_FALSE(sse::detail::AddressSet({"unix"}).contains("::1"));
  CHECK(sse::detail::AddressSet({"0.0.0.0/0"}).contains("203.0.113.9"));
  CHECK_FALSE(sse::detail::AddressSet({"0.0.0.0/0"}).contains("2001:db8::1"));
  CHECK(sse::detail::AddressSet({}).empty());
  for (const auto* wrong : {"", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "10.0.0/8", "a.b"}) {
    INFO(wrong);
    CHECK_THROWS_AS(sse::detail::AddressSet({wrong}), sse::Error);
  }
}

TEST_CASE("an address is shown by its network, to be the key of a limit") {
  CHECK(sse::address_prefix("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(sse::address_prefix("2001:db8:1:ffff::1", 52) == "2001:db8:1:f000::/52");
  CHECK(sse::address_prefix("2001:db8::1", 128) == "2001:db8::1");
  CHECK(sse::address_prefix("2001:db8::1", 0) == "::/0");
  CHECK(sse::address_prefix("192.0.2.130") == "192.0.2.130");
  CHECK(sse::address_prefix("192.0.2.130", 64, 25) == "192.0.2.128/25");
  CHECK(sse::address_prefix("192.0.2.130", 64, 0) == "0.0.0.0/0");
  CHECK(sse::address_prefix("::ffff:192.0.2.130") == "192.0.2.130");
  CHECK(sse::address_prefix("::ffff:192.0.2.130", 64, 24) == "192.0.2.0/24");
  CHECK(sse::address_prefix("user 7") == "user 7");
  CHECK(sse::address_prefix("").empty());
}

std::string binary(unsigned char command, unsigned char family, const std::string& body) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header.push_back(static_cast<char>(command));
  header.push_back(static_cast<char>(family));
  header.push_back(static_cast<char>(body.size() / 256));
  header.push_back(static_cast<char>(body.size() % 256));
  return header + body;
}

/// The client's address (`-`: none), a bar and what came after the header; of a header that is refused its status.
std::string read_header(const std::string& bytes, std::size_t piece) {
  ProxyHeader header;
  try {
    for (std::size_t begin = 0; begin < bytes.size(); begin += piece)
      if (header.feed(std::string_view(bytes).substr(begin, piece)))
        return header.client_address().value_or("-") + '|' + header.rest() +
               bytes.substr(std::min(begin + piece, bytes.size()));
  } catch (const sse::HttpError& error) {
    return std::to_string(error.status());
  }
  return "more";
}

TEST_CASE("a PROXY header names the client, in either version, however its bytes come") {
  const std::string v4 = "\xC0\x00\x02\x01\x0A\x00\x00\x01\x30\x39\x01\xBB"s;
  const std::string v6 = "\x20\x01\x0D\xB8"s + std::string(11, '\0') + "\x07" + std::string(20, '\x01');
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\nGET", "192.0.2.1|GET"},
      {"PROXY TCP6 2001:db8::7 ::1 0 65535\r\nGET", "2001:db8::7|GET"},
      {"PROXY UNKNOWN\r\nGET", "-|GET"},
      {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nGET", "-|GET"},
      {binary(0x21, 0x11, v4) + "GET", "192.0.2.1|GET"},
      {binary(0x21, 0x11, v4 + "more of it") + "GET", "192.0.2.1|GET"},
      {binary(0x21, 0x21, v6) + "GET", "2001:db8::7|GET"},
      {binary(0x20, 0x00, "") + "GET", "-|GET"},
      {binary(0x20, 0x11, v4) + "GET", "-|GET"},
      {binary(0x21, 0x31, std::string(216, 'p')) + "GET", "-|GET"},
      {"GET /events HTTP/1.1\r\n", "400"},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\nGET", "400"},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 12345\r\nGET", "400"},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 12345 443 1\r\nGET", "400"},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 12345 65536\r\nGET", "400"},
      {"PROXY TCP4  192.0.2.1 10.0.0.1 12345 443\r\nGET", "400"},
      {"PROXY TCP4 ::1 ::1 12345 443\r\nGET", "400"},
      {"PROXY TCP6 192.0.2.1 10.0.0.1 12345 443\r\nGET", "400"},
      {"PROXY TCP5 192.0.2.1 10.0.0.1 12345 443\r\nGET", "400"},
      {"PROXY TCP4 192.0.2.256 10.0.0.1 12345 443\r\nGET", "400"},
      {"PROXY \r\nGET", "400"},
      {"PROXY " + std::string(200, 'x'), "400"},
      {binary(0x11, 0x11, v4), "400"},
      {binary(0x22, 0x11, v4), "400"},
      {binary(0x21, 0x11, v4.substr(1)), "400"},
      {binary(0x21, 0x21, v4), "400"},
      {binary(0x21, 0x00, std::string(4'097, 'x')), "400"},
      {"PROXY TCP4 192.0.2.1 10.0", "more"},
      {binary(0x21, 0x11, v4).substr(0, 20), "more"},
  };
  for (const auto& [bytes, result] : headers) {
    INFO(bytes);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, bytes.size()})
      CHECK(read_header(bytes, piece) == result);
  }
}

}  // namespace
}  // namespace sse_test
