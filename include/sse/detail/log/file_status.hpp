// SPDX-License-Identifier: MIT
// Which file a path names now, to notice that somebody has deleted, replaced or changed it.

#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct FileStatus {
  bool exists = false, is_directory = false, is_regular = false;
  std::uint64_t device = 0, inode = 0, size = 0;
  std::uint64_t changed = 0;  ///< When, in ns where the system tells them; no one can set it back.

  bool same_file(const FileStatus& other) const noexcept {
    return exists && other.exists && device == other.device && inode == other.inode;
  }
  bool unchanged(const FileStatus& other) const noexcept {
    return same_file(other) && size == other.size && changed == other.changed;
  }
};

inline FileStatus file_status(const std::string& path) noexcept {
  FileStatus status;
#if defined(_WIN32)
  struct ::_stat64 found;
  if (::_stat64(path.c_str(), &found) != 0) return status;
  status.is_directory = (found.st_mode & _S_IFDIR) != 0;
  status.is_regular = (found.st_mode & _S_IFREG) != 0;
  status.changed = static_cast<std::uint64_t>(found.st_mtime);
#else
  struct ::stat found;
  if (::stat(path.c_str(), &found) != 0) return status;
  status.is_directory = S_ISDIR(found.st_mode);
  status.is_regular = S_ISREG(found.st_mode);
#if defined(__APPLE__)
  const auto& changed = found.st_ctimespec;
#else
  const auto& changed = found.st_ctim;
#endif
  status.changed =
      static_cast<std::uint64_t>(changed.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(changed.tv_nsec);
#endif
  status.exists = true;
  status.device = static_cast<std::uint64_t>(found.st_dev);
  status.inode = static_cast<std::uint64_t>(found.st_ino);
  status.size = static_cast<std::uint64_t>(found.st_size);
  return status;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
