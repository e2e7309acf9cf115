// SPDX-License-Identifier: MIT
// The bodies of detail/http2/http2_frames.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http2/header_block.hpp"
#include "sse/detail/http2/http2_frames.hpp"
#include "sse/detail/http2/http2_stream.hpp"
#include "sse/detail/http2/output.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The functions that nghttp2 calls. An exception ends its call, and leaves it through Http2Frames.
struct Http2Frames::Callbacks {
  using Session = nghttp2_session;
  using Frame = nghttp2_frame;

  static Http2Frames& self(void* frames) { return *static_cast<Http2Frames*>(frames); }
  static Http2Stream* find(Session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }
  static std::string_view text(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }
  template <class Function>
  static int guard(void* frames, Function&& function) noexcept {
    try {
      return function(self(frames));
    } catch (...) {
      self(frames).failure_ = std::current_exception();
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
  }
  static int result_of(bool allowed) { return allowed ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; }

  static int on_begin_frame(Session*, const nghttp2_frame_hd* head, void* user) {
    return guard(user, [&](Http2Frames& frames) {
      return result_of(frames.receiver_.on_frame(head->type, head->flags, head->length));
    });
  }
  static int on_begin_headers(Session*, const Frame* frame, void* user) {
    return guard(user, [&](Http2Frames& frames) {
      if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
      return result_of(frames.receiver_.on_request_begin(frame->hd.stream_id));
    });
  }
  static int on_header(Session* session, const Frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    return guard(user, [&](Http2Frames& frames) {
      Http2Stream* const stream = find(session, frame->hd.stream_id);
      if (!stream || !stream->head) return 0;
      return result_of(frames.receiver_.on_field(*stream, text(name, name_size), text(value, value_size)));
    });
  }
  /// nghttp2 would leave out a field that is none, for example one in upper case.
  static int on_invalid_header(Session*, const Frame* frame, const std::uint8_t*, std::size_t, const std::uint8_t*,
                               std::size_t, std::uint8_t, void* user) {
    return guard(user, [&](Http2Frames& frames) -> int {
      if (!frames.receiver_.on_refused()) return NGHTTP2_ERR_CALLBACK_FAILURE;
      frames.reset(frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    });
  }
  static int on_frame_recv(Session* session, const Frame* frame, void* user) {
    return guard(user, [&](Http2Frames& frames) {
      if (frame->hd.type == NGHTTP2_HEADERS) frames.receiver_.on_head_end();
      Http2Stream* const stream = find(session, frame->hd.stream_id);
      if (!stream || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) return 0;
      const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      if (ended) stream->peer_done = true;
      if (stream->head && frame->hd.type == NGHTTP2_HEADERS)
        frames.receiver_.on_request(*stream);
      else if (ended)
        frames.receiver_.on_body_end(*stream);
      return 0;
    });
  }
  /// The connection's window is open for all. A stream's is for what its handler has taken; without a handler nothing
  /// is, and the body is discarded.
  static int on_data_chunk(Session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                           void* user) {
    return guard(user, [&](Http2Frames& frames) {
      if (Http2Stream* const stream = find(session, id)) frames.receiver_.on_body(*stream, text(bytes, size));
      return nghttp2_session_consume_connection(session, size);
    });
  }
  static int on_invalid_frame(Session*, const Frame*, int, void* user) {
    return guard(user, [](Http2Frames& frames) { return result_of(frames.receiver_.on_refused()); });
  }
  static int on_stream_close(Session* session, std::int32_t id, std::uint32_t, void* user) {
    return guard(user, [&](Http2Frames& frames) {
      if (Http2Stream* const stream = find(session, id)) frames.receiver_.on_closed(*stream);
      return 0;
    });
  }
  /// A response that is complete before its request resets the rest of that (RFC 9113, 8.1).
  static int on_frame_send(Session* session, const Frame* frame, void* user) {
    return guard(user, [&](Http2Frames& frames) {
      const bool has_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
      if (!has_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
      const Http2Stream* const stream = find(session, frame->hd.stream_id);
      if (stream && !stream->peer_done) frames.reset(stream->id, NGHTTP2_NO_ERROR);
      return 0;
    });
  }
  static ssize_t read_data(Session* session, std::int32_t id, std::uint8_t*, std::size_t most, std::uint32_t* flags,
                           nghttp2_data_source*, void* user) {
    return guard(user, [&](Http2Frames&) -> int {
      Http2Stream* const stream = find(session, id);
      if (!stream) return NGHTTP2_ERR_DEFERRED;  // it is being reset
      const auto chunk = stream->pull(std::min<std::size_t>(most, 1 << 24));
      if (!chunk) return NGHTTP2_ERR_DEFERRED;
      *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
      if (chunk->last) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<int>(chunk->size);
    });
  }
  static int send_data(Session* session, Frame* frame, const std::uint8_t* head, std::size_t size, nghttp2_data_source*,
                       void* user) {
    return guard(user, [&](Http2Frames& frames) -> int {
      constexpr std::size_t head_size = 9;
      Http2Stream* const stream = find(session, frame->hd.stream_id);
      if (!stream) return NGHTTP2_ERR_CALLBACK_FAILURE;
      if (frames.receiver_.on_data(*stream, text(head, head_size), size)) return 0;
      frames.paused_ = true;
      return NGHTTP2_ERR_PAUSE;
    });
  }

  /// A frame of a type that is not known here is discarded.
  static int unpack_extension(Session*, void**, const nghttp2_frame_hd*, void*) { return NGHTTP2_ERR_CANCEL; }

  static void set_all(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, &on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, &on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, &on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, &send_data);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, &unpack_extension);
  }
};

SSE_DECL void Http2Frames::check(int result) {
  if (result != 0) throw std::bad_alloc();
}

SSE_DECL Http2Frames::Http2Frames(Http2Receiver& receiver, std::size_t max_streams, std::size_t max_head_size)
    : receiver_(receiver) {
  nghttp2_session_callbacks* callbacks = nullptr;
  check(nghttp2_session_callbacks_new(&callbacks));
  const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> owned_callbacks(
      callbacks, &nghttp2_session_callbacks_del);
  Callbacks::set_all(callbacks);
  nghttp2_option* option = nullptr;
  check(nghttp2_option_new(&option));
  const std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)> owned_option(option, &nghttp2_option_del);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  for (unsigned type = NGHTTP2_ALTSVC; type <= 0xFF; ++type)  // so that on_begin_frame hears of them
    nghttp2_option_set_user_recv_extension_type(option, static_cast<std::uint8_t>(type));
  nghttp2_session* session = nullptr;
  check(nghttp2_session_server_new2(&session, callbacks, this, option));
  session_.reset(session);
  // nghttp2 ends the connection of a peer that opens more streams than were announced, so more are announced than are
  // admitted.
  const auto bounded = [](std::size_t number) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(number, std::numeric_limits<std::int32_t>::max()));
  };
  const std::array<nghttp2_settings_entry, 3> settings{
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, bounded(bounded(max_streams) + std::size_t{100})},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, bounded(max_head_size)},
       {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
  check(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()));
}

SSE_DECL bool Http2Frames::receive(std::string_view bytes) {
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), data, bytes.size());
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (taken == NGHTTP2_ERR_FLOODED) receiver_.on_flooded();
  return taken == static_cast<ssize_t>(bytes.size());
}

SSE_DECL bool Http2Frames::send(Output& output, std::size_t most) {
  paused_ = false;
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (size < 0) throw std::bad_alloc();
    if (size == 0) return paused_;
    output.append(Callbacks::text(data, static_cast<std::size_t>(size)));
    if (output.size() >= most) return true;
  }
}

SSE_DECL bool Http2Frames::is_over() const noexcept {
  return nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
}

SSE_DECL void Http2Frames::add_stream(Http2Stream& stream) {
  check(nghttp2_session_set_stream_user_data(session_.get(), stream.id, &stream));
}

SSE_DECL void Http2Frames::remove_stream(Http2Stream& stream) noexcept {
  nghttp2_session_set_stream_user_data(session_.get(), stream.id, nullptr);  // fails if nghttp2 has forgotten it
}

SSE_DECL void Http2Frames::ignore_priority(Http2Stream& stream) {
  constexpr nghttp2_extpri usual{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  check(nghttp2_session_change_extpri_stream_priority(session_.get(), stream.id, &usual, 1));
}

SSE_DECL void Http2Frames::respond(Http2Stream& stream, const HeaderBlock& head, bool has_body) {
  nghttp2_data_provider body{};
  body.read_callback = &Callbacks::read_data;
  const std::vector<nghttp2_nv> fields = head.fields();
  check(nghttp2_submit_response(session_.get(), stream.id, fields.data(), fields.size(), has_body ? &body : nullptr));
}

SSE_DECL void Http2Frames::respond_interim(Http2Stream& stream, const HeaderBlock& head) {
  const std::vector<nghttp2_nv> fields = head.fields();
  check(nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(), fields.size(),
                               nullptr));
}

SSE_DECL void Http2Frames::consume(Http2Stream& stream, std::size_t size) {
  const int result = nghttp2_session_consume_stream(session_.get(), stream.id, size);
  if (nghttp2_is_fatal(result) != 0) throw std::bad_alloc();
}

SSE_DECL void Http2Frames::resume(Http2Stream& stream) {
  const int result = nghttp2_session_resume_data(session_.get(), stream.id);
  if (nghttp2_is_fatal(result) != 0) throw std::bad_alloc();  // otherwise the stream waits for nothing
}

SSE_DECL void Http2Frames::reset(std::int32_t stream, std::uint32_t code) {
  check(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, code));
}

SSE_DECL bool Http2Frames::is_blocked(const Http2Stream& stream) const noexcept {
  return nghttp2_session_get_stream_remote_window_size(session_.get(), stream.id) <= 0 ||
         nghttp2_session_get_remote_window_size(session_.get()) <= 0;
}

SSE_DECL void Http2Frames::announce_end() {
  check(nghttp2_submit_shutdown_notice(session_.get()));
}

SSE_DECL void Http2Frames::end(std::uint32_t code) {
  check(nghttp2_session_terminate_session(session_.get(), code));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
