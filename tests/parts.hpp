// A connection in memory, for tests of the client, of read_request, and for the fuzz targets.
#pragma once

#include <sse/config.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sse_test {

namespace asio = sse::asio;

/// A stream whose bytes are given beforehand, part by part; then it is at its end.
class Parts {
 public:
  using executor_type = asio::any_io_executor;

  /// `written`: gets what is written.
  Parts(const executor_type& executor, std::vector<std::string> parts, std::string* written = nullptr)
      : socket_(executor), parts_(std::move(parts)), written_(written) {}

  sse::tcp::socket& next_layer() { return socket_; }
  executor_type get_executor() { return socket_.get_executor(); }

  template <class Token>
  auto async_read_some(const asio::mutable_buffer& buffer, Token&& token) {
    std::size_t size = 0;
    sse::error_code error = asio::error::eof;
    if (next_ < parts_.size()) {
      size = asio::buffer_copy(buffer, asio::buffer(parts_[next_]));
      parts_[next_].erase(0, size);
      if (parts_[next_].empty()) ++next_;
      error = {};
    }
    return complete(error, size, std::forward<Token>(token));
  }
  template <class Token>
  auto async_write_some(const asio::const_buffer& buffer, Token&& token) {
    if (written_) written_->append(static_cast<const char*>(buffer.data()), buffer.size());
    return complete({}, buffer.size(), std::forward<Token>(token));
  }

 private:
  template <class Token>
  auto complete(sse::error_code error, std::size_t size, Token&& token) {
    return asio::async_initiate<Token, void(sse::error_code, std::size_t)>(
        [executor = get_executor()](auto handler, sse::error_code result, std::size_t count) {
          asio::post(executor, [handler = std::move(handler), result, count]() mutable { handler(result, count); });
        },
        token, error, size);
  }

  sse::tcp::socket socket_;
  std::vector<std::string> parts_;
  std::string* written_;
  std::size_t next_ = 0;
};

}  // namespace sse_test
