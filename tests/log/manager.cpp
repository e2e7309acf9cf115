// EventManager on SqliteLog: services in processes of their own, with real sockets, that are restarted, overlap and are
// killed. Their clients reconnect with the last id that they have seen, as browsers do.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sse/http.hpp>
#include <sse/sqlite_log.hpp>
#include <sse/sse.hpp>
#include <sse/testing.hpp>

#include "support.hpp"

using sse_test::Folder;

namespace {

namespace asio = sse::asio;
using sse::EventManager;
using sse::Message;
using sse::testing::Client;

constexpr std::uint32_t endless = 0;  ///< Emit until the process ends.

/// The process of a service: it emits as many events as it is told, and answers when they are delivered.
class ServiceProcess {
 public:
  ServiceProcess(const std::string& path, sse::Durability durability, int commands, int answers)
      : events_(options(path, durability)), commands_(io_, commands), answers_(answers) {}

  [[noreturn]] void run() {
    {
      sse::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
      answer(acceptor.local_endpoint().port());
      sse::ServeOptions serving;
      serving.grace = std::chrono::seconds(20);
      asio::co_spawn(io_, sse::serve(std::move(acceptor), events_, serving),
                     asio::bind_cancellation_slot(stop_.slot(), [this](std::exception_ptr) { io_.stop(); }));
    }
    asio::co_spawn(io_, obey(), asio::detached);
    signals_.async_wait([this](std::error_code, int) { asio::co_spawn(io_, end(), asio::detached); });
    io_.run();
    events_.disconnect_all();
    ::_exit(0);
  }

 private:
  static sse::Options options(const std::string& path, sse::Durability durability) {
    sse::SqliteLogOptions log;
    log.durability = durability;
    log.max_events = 1'000'000;  // a test compares all that was delivered with the file
    sse::Options options;
    options.history_size = 1'000'000;  // the test looks for all of them in the file
    options.history_bytes = 0;
    options.max_queue_size = 1'000'000;
    options.log = std::make_shared<sse::SqliteLog>(path, log);
    return options;
  }

  void answer(std::uint32_t number) {
    if (::write(answers_, &number, sizeof number) != sizeof number) ::_exit(1);
  }

  asio::awaitable<void> obey() {
    for (;;) {
      std::uint32_t count = 0;
      co_await asio::async_read(commands_, asio::buffer(&count, sizeof count), asio::use_awaitable);
      asio::steady_timer timer(io_);
      for (std::uint32_t i = 0; count == endless || i < count; ++i) {
        events_.emit_event("n", i);
        if (count != endless || i % 5 != 4) continue;
        timer.expires_after(std::chrono::milliseconds(1));
        co_await timer.async_wait(asio::use_awaitable);
      }
      if (co_await events_.flush(std::chrono::seconds(30)) != 0) ::_exit(2);
      answer(count);
    }
  }

  asio::awaitable<void> end() {
    co_await events_.flush(std::chrono::seconds(20));
    stop_.emit(asio::cancellation_type::terminal);
  }

  asio::io_context io_{1};
  EventManager events_;
  asio::posix::stream_descriptor commands_;
  const int answers_;
  asio::cancellation_signal stop_;
  asio::signal_set signals_{io_, SIGTERM};
};

/// A service in a process of its own.
class Service {
 public:
  explicit Service(const std::string& path, sse::Durability durability = sse::Durability::process) {
    int commands[2], answers[2];
    REQUIRE(::pipe(commands) == 0);
    REQUIRE(::pipe(answers) == 0);
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      ::close(commands[1]);
      ::close(answers[0]);
      try {
        ServiceProcess(path, durability, commands[0], answers[1]).run();
      } catch (...) {
        ::_exit(3);
      }
    }
    ::close(commands[0]);
    ::close(answers[1]);
    commands_ = commands[1];
    answers_ = answers[0];
    port_ = static_cast<std::uint16_t>(answer());
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    if (process_ > 0) kill();
    ::close(commands_);
    ::close(answers_);
  }

  std::uint16_t port() const noexcept { return port_; }
  void begin_emit(std::uint32_t count) const { REQUIRE(::write(commands_, &count, sizeof count) == sizeof count); }
  std::uint32_t answer() const {
    std::uint32_t number = 0;
    REQUIRE(::read(answers_, &number, sizeof number) == sizeof number);
    return number;
  }
  void emit(std::uint32_t count) const {
    begin_emit(count);
    answer();
  }
  void terminate() const { ::kill(process_, SIGTERM); }
  void wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    CHECK(status == 0);
  }
  void kill() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }

 private:
  pid_t process_ = -1;
  int commands_ = -1, answers_ = -1;
  std::uint16_t port_ = 0;
};

/// A client that remembers what it has seen.
class Reader {
 public:
  void connect(const Service& service) {
    sse::Headers headers;
    if (!last_id_.empty()) headers.push_back({"Last-Event-ID", last_id_});
    client_.reset();
    client_ = std::make_unique<Client>(Client::get(service.port(), "/events", headers));
    client_->set_patience(std::chrono::seconds(60));
    see(client_->read());
  }
  void read(std::size_t count) {
    while (ids_.size() < count) see(client_->read());
  }
  void read_to_end() {
    for (const Message& message : client_->read_to_end()) see(message);
  }
  /// Reads what a killed service has sent.
  void read_rest() {
    try {
      for (;;) see(client_->read());
    } catch (const sse::testing::Ended&) {
    }
  }

  const std::vector<std::string>& ids() const noexcept { return ids_; }
  const std::vector<std::string>& notices() const noexcept { return notices_; }
  /// No event is missing or doubled: the second number of the ids counts from 1.
  bool is_complete() const {
    for (std::size_t i = 0; i < ids_.size(); ++i)
      if (ids_[i].substr(ids_[i].find('-') + 1) != std::to_string(i + 1)) return false;
    return notices_.empty();
  }

 private:
  void see(const Message& message) {
    last_id_ = message.last_event_id;
    const std::string type = nlohmann::json::parse(message.data)["type"];
    if (type == "n")
      ids_.push_back(message.last_event_id);
    else if (type != "connection" && type != "disconnect")
      notices_.push_back(message.data);
  }

  std::unique_ptr<Client> client_;
  std::string last_id_;
  std::vector<std::string> ids_, notices_;
};

std::set<std::string> ids_in(const std::string& path) {
  sse::SqliteLog log(path);
  std::set<std::string> ids;
  for (const auto& event : sse_test::newest(log, 1'000'000))
    ids.insert(std::to_string(event.stamp) + '-' + std::to_string(event.n));
  return ids;
}

/// A client within the process that checks that each event follows the one before it, or that a loss was told between
/// them.
class CheckedClient {
 public:
  explicit CheckedClient(EventManager& events) : stream_(events.add_connection()) {
    sse::testing::take(stream_, 1);  // `connection`
  }

  void read_to(int number) {
    while (number_ != number) {
      const sse::Event event = sse::testing::take(stream_, 1, std::chrono::seconds(60))[0];
      if (event.type() == "overflow") {
        told_ = true;
        continue;
      }
      const int previous = number_;
      const std::string_view id = event.id();
      const auto n = std::stoull(std::string(id.substr(id.find('-') + 1)));
      number_ = nlohmann::json::parse(event.json())["data"];
      CAPTURE(previous, number_, n_, n);
      if (!told_ || number_ <= previous) CHECK(number_ == previous + 1);
      if (!told_) CHECK(n == n_ + 1);
      n_ = n;
      told_ = false;
    }
  }

 private:
  sse::EventStream stream_;
  int number_ = 0;
  unsigned long long n_ = 0;
  bool told_ = false;
};

void overwrite(const std::string& path, std::size_t at, std::size_t size, char with) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at)) << std::string(size, with);
}

/// 3, or as many as the nightly run wants.
int rounds() {
  const char* const set = std::getenv("SSE_LOG_ROUNDS");
  return set ? std::atoi(set) : 3;
}

}  // namespace

TEST_CASE("a restart by SIGTERM is seen by no client") {
  const Folder folder;
  std::vector<Reader> readers(20);
  auto service = std::make_unique<Service>(folder.file());
  for (Reader& reader : readers) reader.connect(*service);
  service->emit(50);
  for (Reader& reader : readers) reader.read(20);
  service->begin_emit(1'000);
  service->terminate();
  for (Reader& reader : readers) reader.read_to_end();
  service->wait();
  service = std::make_unique<Service>(folder.file());
  for (Reader& reader : readers) reader.connect(*service);
  const std::size_t before = ids_in(folder.file()).size();
  for (Reader& reader : readers) reader.read(before);  // with nothing emitted since
  service->emit(10);
  for (Reader& reader : readers) {
    reader.read(before + 10);
    CHECK(reader.is_complete());
    CHECK(reader.ids() == readers[0].ids());
  }
}

TEST_CASE("two processes overlap, both emitting, and no client sees it") {
  const Folder folder;
  std::vector<Reader> readers(20);
  Service old(folder.file());
  for (Reader& reader : readers) reader.connect(old);
  old.emit(20);
  Service next(folder.file());
  old.begin_emit(500);
  next.begin_emit(500);
  old.answer();
  next.answer();
  Reader fresh;
  fresh.connect(next);
  old.begin_emit(200);
  old.terminate();
  for (Reader& reader : readers) reader.read_to_end();
  old.wait();
  for (Reader& reader : readers) reader.connect(next);
  next.emit(5);
  const std::size_t all = ids_in(folder.file()).size();
  for (Reader& reader : readers) {
    reader.read(all);
    CHECK(reader.is_complete());
    CHECK(reader.ids() == readers[0].ids());
  }
}

TEST_CASE("after kill -9 each delivered event is in the file, and no client misses one") {
  std::mt19937 random(std::random_device{}());
  for (const sse::Durability durability : {sse::Durability::process, sse::Durability::disk}) {
    const Folder folder(Folder::in_memory());
    std::vector<Reader> readers(5);
    auto service = std::make_unique<Service>(folder.file(), durability);
    for (int round = 0; round < rounds(); ++round) {
      for (Reader& reader : readers) reader.connect(*service);
      service->begin_emit(endless);
      std::unique_ptr<Service> overlapping;
      if (round % 2 == 1) {
        overlapping = std::make_unique<Service>(folder.file(), durability);
        overlapping->begin_emit(endless);
      }
      readers[0].read(readers[0].ids().size() + 1 + random() % 300);
      service->kill();
      for (Reader& reader : readers) reader.read_rest();
      const std::set<std::string> logged = ids_in(folder.file());
      for (const Reader& reader : readers)
        CHECK(std::all_of(reader.ids().begin(), reader.ids().end(), [&](const auto& id) { return logged.count(id); }));
      service = overlapping ? std::move(overlapping) : std::make_unique<Service>(folder.file(), durability);
    }
    for (Reader& reader : readers) {
      reader.connect(*service);
      reader.read(readers[0].ids().size());
      CHECK(reader.is_complete());
    }
  }
}

TEST_CASE("a file that is replaced by an older copy is a reset for its clients") {
  const Folder folder;
  Service service(folder.file());
  Reader reader;
  reader.connect(service);
  service.emit(10);
  sse_test::run_sql(folder.file(), "vacuum into '" + folder.file("copy.db") + "'");
  service.emit(10);
  reader.read(20);
  std::filesystem::rename(folder.file("copy.db"), folder.file());
  service.emit(1);
  reader.read(21);
  REQUIRE(reader.notices().size() == 1);
  CHECK(nlohmann::json::parse(reader.notices()[0])["reset"] == true);
}

TEST_CASE("a burst that is much longer than the log keeps reaches a client of the process whole") {
  const Folder folder(Folder::in_memory());
  sse::Options options;
  options.history_size = 200;
  options.max_queue_size = 20'000;
  options.max_unlogged_events = 20'000;
  options.log = std::make_shared<sse::SqliteLog>(folder.file());
  EventManager events(options);
  sse::EventStream stream = events.add_connection();
  for (int i = 0; i < 20'000; ++i) events.emit_event("n", i);
  const std::vector<sse::Event> got = sse::testing::take(stream, 20'001, std::chrono::seconds(60));
  CHECK(events.stats().log.missed == 0);
  CHECK(got.back().id().ends_with("-20000"));
}

TEST_CASE("a client of a running service gets each event or is told, whatever is done to the files") {
  const Folder folder(Folder::in_memory());
  const std::string path = folder.file(), older = folder.file("older.db");
  sse::Options options;
  options.history_size = 200;
  options.max_queue_size = 1'000;
  options.log = std::make_shared<sse::SqliteLog>(path);
  EventManager events(options);
  CheckedClient client(events);
  int number = 0;
  const auto emit = [&](int count) {
    while (count-- > 0) events.emit_event("n", ++number);
    client.read_to(number);
  };
  emit(60);
  std::filesystem::copy_file(path, older);
  emit(100);
  bool needs_person = false;
  SECTION("the file is cut in half") {
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  }
  SECTION("garbage in the middle of the file") {
    overwrite(path, 4096 + 100, 3000, '?');
  }
  SECTION("a zeroed page") {
    overwrite(path, 4096, 4096, 0);
  }
  SECTION("garbage behind the end of the file") {
    overwrite(path, std::filesystem::file_size(path), 5000, '?');
  }
  SECTION("garbage in the write-ahead log") {
    overwrite(path + "-wal", std::filesystem::file_size(path + "-wal") / 2, 5000, '?');
  }
  SECTION("the write-ahead log is deleted") {
    std::filesystem::remove(path + "-wal");
  }
  SECTION("its index is deleted") {
    std::filesystem::remove(path + "-shm");
  }
  SECTION("the lock is deleted") {
    std::filesystem::remove(path + "-lock");
  }
  SECTION("everything is deleted") {
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) std::filesystem::remove(path + suffix);
  }
  SECTION("an older copy, by mv") {
    std::filesystem::rename(older, path);
  }
  SECTION("an older copy, by cp") {
    std::filesystem::copy_file(older, path, std::filesystem::copy_options::overwrite_existing);
  }
  SECTION("an empty file") {
    sse_test::write_bytes(older, {});
    std::filesystem::rename(older, path);
  }
  if (std::getenv("SSE_LOG_ROUNDS")) {  // each waits for the next try of a log that has failed
    SECTION("the write-ahead log is cut to nothing") {
      std::filesystem::resize_file(path + "-wal", 0);
      needs_person = true;
    }
    SECTION("a folder") {
      std::filesystem::remove(path);
      std::filesystem::create_directory(path);
      needs_person = true;
    }
    SECTION("a text") {
      std::filesystem::remove(path);
      sse_test::write_bytes(path, "This is no database, but a text that somebody has written.\n");
      needs_person = true;
    }
  }
  if (needs_person) {
    sse::testing::ObserverLog observer;
    events.set_observer(observer.observer());
    events.emit_event("n", ++number);
    CHECK(observer.log_state(sse::LogState::failed).what.find(path) != std::string::npos);
    observer.forget_log_states();
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) std::filesystem::remove_all(path + suffix);
    observer.log_state(sse::LogState::ready);
    events.set_observer({});
  }
  emit(20);
}
