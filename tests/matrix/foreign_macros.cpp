// The names that other libraries' headers define as macros, before each header of ours: none of our names is one of
// them. Asio, nlohmann/json and the standard library come first: how they bear it is their own affair. It is compiled.

// Includes the headers of other libraries that the headers of sse include.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <iosfwd>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <sse/config.hpp>  // Asio
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
#include <version>

#include <nlohmann/json.hpp>
#if __has_include(<unistd.h>)
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#endif
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif
#if __has_include(<netinet/tcp.h>)
#include <netinet/tcp.h>
#endif
#if __has_include(<linux/sockios.h>)
#include <linux/sockios.h>
#endif

// Qt, <qobjectdefs.h> and <qglobal.h>, without QT_NO_KEYWORDS.
#define emit @
#define signals @
#define slots @
#define foreach @
#define forever @

// X11, <X11/X.h> and <X11/Xlib.h>.
#define None @
#define Status @
#define Bool @
#define True @
#define False @
#define Success @
#define Always @
#define Above @
#define Below @
#define Bad @
#define KeyPress @
#define KeyRelease @
#define FocusIn @
#define FocusOut @
#define Expose @
#define Complex @
#define Convex @
#define Unsorted @
#define GrayScale @
#define Absolute @
#define CursorShape @
#define ControlMask @
#define DestroyAll @
#define InputOnly @
#define LockMask @
#define NotifyNormal @
#define PropModeAppend @
#define Visible @

// <windows.h>, with NOMINMAX.
#undef IN
#undef OUT
#undef OPTIONAL
#undef TRUE
#undef FALSE
#undef ERROR
#define IN @
#define OUT @
#define OPTIONAL @
#define TRUE @
#define FALSE @
#define BOOL @
#define ERROR @
#define DELETE @
#define VOID @
#define CONST @
#define STRICT @
#define NO_ERROR @
#define IGNORE @
#define INFINITE @
#define ABSOLUTE @
#define RELATIVE @
#define TRANSPARENT @
#define OPAQUE @
#define DIFFERENCE @
#define RGB @
#define near @
#define far @
#define small @
#define interface @
#define hyper @
#define pascal @
#define cdecl @
#define GetMessage @
#define SendMessage @
#define PostMessage @
#define DispatchMessage @
#define CreateEvent @
#define OpenEvent @
#define ReportEvent @
#define ReadEventLog @
#define GetObject @
#define GetClassName @
#define GetUserName @
#define CreateProcess @
#define CreateMutex @
#define DeleteFile @
#define LoadString @
#define Yield @
#define GetCurrentTime @
#define GetFreeSpace @
#define MemoryBarrier @
#define StartService @

// Apple's <AssertMacros.h> before 2021 (without `require`, which Asio uses), Objective-C; Unreal Engine.
#undef check
#undef verify
#define check(...) @
#define check_noerr(...) @
#define verify(...) @
#define verify_noerr(...) @
#define nil @
#define Nil @
#define YES @
#define NO @
#define ensure(...) @
#define checkf(...) @
#define verifyf(...) @
#define TEXT(...) @
#define PI @
#define UPROPERTY(...) @
#define LOCTEXT(...) @

// ncurses, <curses.h>. (Names of member functions that the standard library has, too, are left out: erase, clear,
// move.)
#define OK @
#define ERR @
#define stdscr @
#define box(...) @
#define border(...) @
#define echo(...) @
#define timeout(...) @
#define getch(...) @
#define addch(...) @
#define refresh(...) @
#define scroll(...) @
#define standout(...) @
#define standend(...) @
#define attron(...) @
#define attroff(...) @
#define instr(...) @
#define delch(...) @

// Python, <pyport.h> and <object.h>; Perl, Ruby, GTK and the C library's <sys/sysmacros.h> and <complex.h>.
#undef major
#undef minor
#undef unix
#undef linux
#define major @
#define minor @
#define unix @
#define linux @
#define do_open @
#define do_close @

#include <sse/sse.hpp>

#include <sse/any_stream.hpp>
#include <sse/client.hpp>
#include <sse/http.hpp>
#include <sse/metrics.hpp>
#include <sse/parser.hpp>
#include <sse/ring_buffer.hpp>
#include <sse/testing.hpp>
#include <sse/url.hpp>
#include <sse/wire.hpp>
