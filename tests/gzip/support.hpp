// An inflater for the tests: it decodes a gzip stream piece by piece, as a browser does.

#pragma once

#include <zlib.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

/// Decodes one gzip stream. zlib checks the CRC and the length at its end.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::runtime_error("inflateInit2");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  /// Appends the text of the next bytes. All of it must be there: a stream of events may not keep any back.
  void feed(std::string_view bytes) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    for (;;) {
      char out[16 * 1024];
      stream_.next_out = reinterpret_cast<Bytef*>(out);
      stream_.avail_out = sizeof out;
      const int result = inflate(&stream_, Z_SYNC_FLUSH);
      text.append(out, sizeof out - stream_.avail_out);
      if (result == Z_STREAM_END) ended = true;
      if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
        throw std::runtime_error(stream_.msg ? stream_.msg : "inflate");
      if (stream_.avail_out != 0 || ended) break;
    }
    if (stream_.avail_in != 0) throw std::runtime_error("bytes behind the end");
  }

  std::string text;
  bool ended = false;

 private:
  z_stream stream_{};
};
