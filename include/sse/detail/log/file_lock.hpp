// SPDX-License-Identifier: MIT
// A lock between processes, and between objects of one process: a file of its own, which also keeps a few bytes that
// only the lock's holder reads and writes. The system frees the lock when a process dies.

#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#if defined(_WIN32)
#include <io.h>
#include <share.h>
#include <sys/locking.h>
#include <sys/stat.h>
#else
#include <sys/file.h>
#include <unistd.h>
#endif

#include "sse/detail/log/file_status.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class FileLock {
 public:
  enum class Result { locked, busy, failed };

  explicit FileLock(std::string path) : path_(std::move(path)) {}
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { close_file(); }

  const std::string& path() const noexcept { return path_; }

  /// Does not wait. `failed`: errno says why.
  Result try_lock() noexcept {
    // Another process may lock another file where somebody has deleted ours.
    for (int tries = 0; tries < 3; ++tries) {
      if (file_ < 0 && !open_file()) return Result::failed;
      if (!lock_file()) return Result::busy;
      const FileStatus now = file_status(path_);
#if defined(_WIN32)
      if (now.exists) return Result::locked;
#else
      if (now.exists && inode_ == now.inode && device_ == now.device) return Result::locked;
#endif
      close_file();
    }
    return Result::busy;
  }

  void unlock() noexcept {
#if defined(_WIN32)
    ::_lseek(file_, lock_offset, SEEK_SET);
    ::_locking(file_, _LK_UNLCK, 1);
#else
    ::flock(file_, LOCK_UN);
#endif
  }

  /// The bytes at the file's beginning; false: there are not so many.
  bool load(void* bytes, std::size_t size) noexcept {
#if defined(_WIN32)
    return ::_lseek(file_, 0, SEEK_SET) == 0 &&
           ::_read(file_, bytes, static_cast<unsigned>(size)) == static_cast<int>(size);
#else
    return ::pread(file_, bytes, size, 0) == static_cast<ssize_t>(size);
#endif
  }
  bool store(const void* bytes, std::size_t size) noexcept {
#if defined(_WIN32)
    return ::_lseek(file_, 0, SEEK_SET) == 0 &&
           ::_write(file_, bytes, static_cast<unsigned>(size)) == static_cast<int>(size);
#else
    return ::pwrite(file_, bytes, size, 0) == static_cast<ssize_t>(size);
#endif
  }

 private:
#if defined(_WIN32)
  static constexpr long lock_offset = 1 << 20;  ///< A locked byte cannot be read by others.

  bool open_file() noexcept {
    return ::_sopen_s(&file_, path_.c_str(), _O_RDWR | _O_CREAT | _O_BINARY | _O_NOINHERIT, _SH_DENYNO,
                      _S_IREAD | _S_IWRITE) == 0;
  }
  bool lock_file() noexcept {
    return ::_lseek(file_, lock_offset, SEEK_SET) == lock_offset && ::_locking(file_, _LK_NBLCK, 1) == 0;
  }
  void close_file() noexcept {
    if (file_ >= 0) ::_close(std::exchange(file_, -1));
  }
#else
  bool open_file() noexcept {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct ::stat mine;
    if (file_ < 0 || ::fstat(file_, &mine) != 0) return false;
    inode_ = static_cast<std::uint64_t>(mine.st_ino);
    device_ = static_cast<std::uint64_t>(mine.st_dev);
    return true;
  }
  bool lock_file() noexcept {
    int result;
    do result = ::flock(file_, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    return result == 0;
  }
  void close_file() noexcept {
    if (file_ >= 0) ::close(std::exchange(file_, -1));
  }
#endif

  const std::string path_;
  int file_ = -1;
  std::uint64_t inode_ = 0, device_ = 0;  ///< Of the open file.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
