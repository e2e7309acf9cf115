// SPDX-License-Identifier: MIT
// The frames of one HTTP/2 connection, by nghttp2 without I/O: bytes in, bytes out, and calls for what they mean.

#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http2/header_block.hpp"
#include "sse/detail/http2/output.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Http2Stream;

/// The one who gets what the frames mean. Where a function returns a bool, false is: the peer floods us.
class Http2Receiver {
 public:
  Http2Receiver(const Http2Receiver&) = delete;
  Http2Receiver& operator=(const Http2Receiver&) = delete;

  /// The header of a frame has come.
  virtual bool on_frame(std::uint8_t type, std::uint8_t flags, std::size_t size) = 0;
  /// A frame was refused, or a stream was reset by this side.
  virtual bool on_refused() = 0;
  /// Too many answers to frames wait to be sent.
  virtual void on_flooded() noexcept = 0;
  /// The fields of a request begin; on_head_end: they are complete.
  virtual bool on_request_begin(std::int32_t stream) = 0;
  virtual void on_head_end() noexcept = 0;
  virtual bool on_field(Http2Stream& stream, std::string_view name, std::string_view value) = 0;
  /// All fields of a request have come.
  virtual void on_request(Http2Stream& stream) = 0;
  /// Bytes of a request's body, which `consume` gives back; and its end.
  virtual void on_body(Http2Stream& stream, std::string_view bytes) = 0;
  virtual void on_body_end(Http2Stream& stream) = 0;
  virtual void on_closed(Http2Stream& stream) = 0;
  /// A DATA frame goes out: its header, and bytes that the stream has taken. False: others have their turn now.
  virtual bool on_data(Http2Stream& stream, std::string_view header, std::size_t size) = 0;

 protected:
  Http2Receiver() = default;
  ~Http2Receiver() = default;
};

/// nghttp2's session of a server.
class Http2Frames {
 public:
  Http2Frames(Http2Receiver& receiver, std::size_t max_streams, std::size_t max_head_size);

  /// False: nothing more can be read, because of the peer or of the memory.
  bool receive(std::string_view bytes);
  /// Appends frames to send. True: more wait, and others have their turn first. Throws.
  bool send(Output& output, std::size_t most);
  /// True: neither side will say anything more.
  bool is_over() const noexcept;

  void add_stream(Http2Stream& stream);
  void remove_stream(Http2Stream& stream) noexcept;
  /// Gives a stream the same part of the connection as any other, whatever its peer asks for: RFC 9218 would let one
  /// starve the others.
  void ignore_priority(Http2Stream& stream);
  void respond(Http2Stream& stream, const HeaderBlock& head, bool has_body);
  /// The head of a response before the last one.
  void respond_interim(Http2Stream& stream, const HeaderBlock& head);
  /// Lets the peer send so many bytes more in this stream.
  void consume(Http2Stream& stream, std::size_t size);
  void resume(Http2Stream& stream);
  void reset(std::int32_t stream, std::uint32_t code);
  /// No data of the stream can be sent, because a window is closed.
  bool is_blocked(const Http2Stream& stream) const noexcept;
  /// The first GOAWAY, which refuses no stream.
  void announce_end();
  /// The last GOAWAY.
  void end(std::uint32_t code);

 private:
  struct Callbacks;

  struct Deleter {
    void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
  };

  /// Throws bad_alloc for nghttp2's errors that only a lack of memory brings.
  static void check(int result);

  Http2Receiver& receiver_;
  std::exception_ptr failure_;  ///< Thrown in a callback.
  bool paused_ = false;         ///< The last frame has filled the turn.
  std::unique_ptr<nghttp2_session, Deleter> session_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/http2_frames.ipp"
#endif
