// SPDX-License-Identifier: MIT
// The settings of a RedisLog: the server or the sentinels that know it, its credentials, the key, and the time limits.

#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Settings of a RedisLog.
struct RedisLogOptions {
  RedisLogOptions() = default;

  /// The server, in one of these forms. A port is 6379, and a database 0, if it is not given. A character that a URL
  /// does not allow in a name or password is written as `%XX`.
  ///
  ///     redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
  ///     rediss://…                                         the same over TLS
  ///     unix:/PATH[?db=DATABASE]                           a Unix socket
  ///
  /// An IPv6 address stands in brackets. With `sentinels` the host is not used, and the URL may be empty.
  std::string url;
  std::string user;      ///< The name of the ACL user, in place of the one in the URL.
  std::string password;  ///< The user's password, in place of the one in the URL.

  /// The sentinels that know the server, as HOST:PORT; they are asked in this order at each connect. Empty: the URL
  /// names the server itself.
  std::vector<std::string> sentinels;
  std::string master_name;        ///< The name that the sentinels know the server by.
  std::string sentinel_user;      ///< The user's name at the sentinels. Empty: the default user.
  std::string sentinel_password;  ///< The password at the sentinels. Empty: they need none.

  /// The stream's key. Every process that shares the log has the same. The keys beside the stream begin with it, in
  /// braces if it has none, so that a cluster keeps all of them in one slot.
  std::string key = "{sse}";
  /// The newest events that the stream keeps, or those that `open` is asked for (Options::history_size) if these are
  /// more. The server removes older ones in steps of about a hundred.
  std::size_t max_events = 10'000;

  std::chrono::milliseconds connect_timeout{1000};  ///< For a connection to be made.
  std::chrono::milliseconds reply_timeout{3000};    ///< For the reply to a command.
  /// The longest time that one command waits at the server for events. It is also the interval at which an idle reader
  /// looks whether the server still has the events that were read.
  std::chrono::milliseconds block{2000};
  /// The time that the server remembers the number of this object's last batch. A batch that is sent again later is
  /// appended again.
  std::chrono::seconds origin_lifetime{24 * 60 * 60};

  /// With `rediss`: a file with the certificates of the authorities that are trusted, in place of the system's.
  std::string tls_ca_file;
  std::string tls_certificate_file;  ///< With `rediss`: the client's own certificate. Empty: none.
  std::string tls_key_file;          ///< The key of that certificate.
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
